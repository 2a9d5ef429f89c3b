//! Small files beside the picture files of a `WebDataset` shard: `key.cls` has the label of `key.jpg`,
//! `key.json` more of it.

use std::path::Path;

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
}

impl Sidecar {
    /// Reads a `.cls` or `.json`; one that cannot be understood says nothing.
    pub(super) fn read(name: &str, text: &[u8]) -> Self {
        let short =
            |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty() && t.len() <= MAX_TEXT);
        let text = String::from_utf8_lossy(text);
        if Path::new(name).extension().is_some_and(|end| end == "cls") {
            return Self { class: short(&text), ..Self::default() };
        }
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let number = value["label"].as_u64().map(|label| label.to_string());
        Self {
            class: number,
            name: value["label"].as_str().and_then(short),
            group: value["group"].as_str().and_then(short),
        }
    }

    /// Takes over everything that another file beside the same image says.
    pub(super) fn add(&mut self, other: Self) {
        self.class = other.class.or(self.class.take());
        self.name = other.name.or(self.name.take());
        self.group = other.group.or(self.group.take());
    }

    /// Whether it has a label.
    pub(super) fn is_labelled(&self) -> bool {
        self.class.is_some() || self.name.is_some()
    }

    /// The label, when it is a number.
    pub(super) fn number(&self) -> Option<usize> {
        self.class.as_ref()?.parse().ok()
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
