//! Small files beside the picture files of a `WebDataset` shard: `key.cls` has the label of `key.jpg`,
//! `key.json` more of it.

use std::path::Path;

use crate::data::notice::{Notice, Subject, Tally};
use crate::error::counted;

/// Largest `.cls` or `.json` read, in bytes.
pub(super) const MAX_SIDECAR: u64 = 64 << 10;
/// Longest class name or group kept, in bytes.
const MAX_TEXT: usize = 256;

/// The label and the group that files beside an image give it.
#[derive(Default)]
pub(super) struct Sidecar {
    /// A label, as a number or a name.
    pub(super) class: Option<String>,
    /// The name of a label.
    pub(super) name: Option<String>,
    pub(super) group: Option<String>,
    /// It cannot be understood.
    pub(super) is_misread: bool,
}

impl Sidecar {
    /// One that cannot be understood.
    pub(super) fn misread() -> Self {
        Self { is_misread: true, ..Self::default() }
    }

    /// Reads a `.cls` or `.json`; one that cannot be understood says nothing but that.
    pub(super) fn read(name: &str, text: &[u8]) -> Self {
        let short =
            |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty() && t.len() <= MAX_TEXT);
        let text = String::from_utf8_lossy(text);
        if Path::new(name).extension().is_some_and(|end| end == "cls") {
            let class = short(&text);
            return Self { is_misread: class.is_none(), class, ..Self::default() };
        }
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else { return Self::misread() };
        let class = value["label"].as_u64().map(|label| label.to_string());
        let name = value["label"].as_str().and_then(short);
        let is_misread = !value["label"].is_null() && class.is_none() && name.is_none();
        Self { class, name, group: value["group"].as_str().and_then(short), is_misread }
    }

    /// Takes over everything that another file beside the same image says.
    pub(super) fn add(&mut self, other: Self) {
        self.class = other.class.or(self.class.take());
        self.name = other.name.or(self.name.take());
        self.group = other.group.or(self.group.take());
        self.is_misread |= other.is_misread;
    }

    /// Whether it has a label.
    pub(super) fn is_labelled(&self) -> bool {
        self.class.is_some() || self.name.is_some()
    }

    /// The label, when it is a number; `01` is a name.
    pub(super) fn number(&self) -> Option<usize> {
        let class = self.class.as_ref()?;
        class.parse().ok().filter(|number: &usize| number.to_string() == *class)
    }
}

/// Files that ought to say something of an image and do not.
#[derive(Default)]
pub(super) struct Unused {
    /// There is no image of their key.
    pub(super) orphans: Tally,
    /// They cannot be understood.
    pub(super) misread: Tally,
    /// They say no label, and neither does any other.
    pub(super) mute: Tally,
}

impl Unused {
    pub(super) fn notices(&self) -> Vec<Notice> {
        let orphans = self.orphans.notice(Subject::UnusedLabels, |count| {
            format!("{} with a `.cls` or `.json` and no image", counted(count, "key"))
        });
        let misread = self.misread.notice(Subject::UnusedLabels, |count| {
            format!("{} with a `.cls` or `.json` that cannot be understood", counted(count, "image"))
        });
        let mute = self.mute.notice(Subject::UnusedLabels, |count| {
            format!(
                "{} beside an image without a label, not used (expected `label` in a `.json`)",
                counted(count, "file")
            )
        });
        [orphans, misread, mute].into_iter().flatten().collect()
    }
}

/// Whether a file may say something of the image with the same key.
pub(super) fn is_sidecar(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "cls" || end == "json")
}

/// The path of a file up to the first dot of its name.
pub(crate) fn key(name: &str) -> &str {
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    name[start..].find('.').map_or(name, |dot| &name[..start + dot])
}
