//! The path that an image gets below the root of a folder: `<class>/<name>`, or `<name>` without a label, so
//! that reading it back gives the same label. Names stay as they were as far as they can.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::data::classes::key;
use crate::data::decode::{has_picture_name, is_named};
use crate::data::entries::Entry;
use crate::data::page_name::file_and_page;
use crate::data::part::Part;
use crate::data::read::listing::is_ignored;
use crate::error::{Error, Result};

/// Hands out paths, none of them twice.
pub(super) struct Names {
    classes: Vec<String>,
    /// Hashes of the paths in lower case: some disks cannot tell `a.png` from `A.png`. Two paths that share a
    /// hash, which hardly happens among millions, are taken for one; the second gets a number that it could
    /// do without.
    taken: HashSet<u64>,
}

impl Names {
    /// Checks that every class can be a folder.
    pub(super) fn new(classes: &[String]) -> Result<Self> {
        for name in classes {
            let odd = name.trim() != name
                || name.contains(|c: char| c.is_control() || matches!(c, '/' | '\\'))
                || name.ends_with(':');
            if odd || name.is_empty() || is_ignored(name) || name.parse::<Part>().is_ok() {
                return Err(Error::new(format!("class `{}` cannot be a folder's name", name.escape_debug()))
                    .hint("rename the class, or write an array or Parquet"));
            }
        }
        Ok(Self { classes: classes.to_vec(), taken: HashSet::new() })
    }

    /// A path for a picture of the kind that `extension` names.
    pub(super) fn claim(&mut self, entry: Entry, extension: &str) -> String {
        let class = entry.label.map(|label| self.classes[label].as_str());
        let below = below_class(entry.path, class);
        let parts = below.split('/').filter(|part| !matches!(*part, "" | "." | "..")).map(tame);
        let mut name = parts.collect::<Vec<_>>().join(if class.is_some() { "/" } else { "_" });
        // folders below the only class would be taken for classes
        if self.classes.len() == 1 {
            name = name.replace('/', "_");
        }
        if !is_named(&name, extension) {
            let stem =
                if has_picture_name(&name) { name.rsplit_once('.').map(|(stem, _)| stem) } else { None };
            let stem = stem.unwrap_or(&name);
            name = format!("{}.{extension}", if stem.is_empty() { "_" } else { stem });
        }
        if let Some(class) = class {
            name = format!("{class}/{name}");
        }
        self.unique(name)
    }

    /// A path without dots but the last, so that the part before the first is a key.
    pub(super) fn claim_key(&mut self, entry: Entry, extension: &str) -> String {
        let (folders, name) = entry.path.rsplit_once('/').unwrap_or(("", entry.path));
        let name = tame(name);
        let name = name.as_str();
        let stem =
            if has_picture_name(name) { name.rsplit_once('.').map_or(name, |(stem, _)| stem) } else { name };
        let ending = &name[stem.len()..];
        let path = format!("{folders}/{}{ending}", stem.replace('.', "_"));
        self.claim(Entry { path: &path, ..entry }, extension)
    }

    /// The name, with a number before its extension if it was given away before.
    fn unique(&mut self, name: String) -> String {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
        let numbered = (2..).map(|number: u64| format!("{stem}-{number}.{extension}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|n| self.taken.insert(hash(n)));
        free.unwrap_or(name)
    }
}

fn hash(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.to_lowercase().hash(&mut hasher);
    hasher.finish()
}

/// A path whose name ends in `-suffix`, before its extension.
pub(super) fn with_suffix(path: &str, suffix: &str) -> String {
    match path.rsplit_once('.') {
        Some((stem, extension)) if !extension.contains('/') => format!("{stem}-{suffix}.{extension}"),
        _ => format!("{path}-{suffix}"),
    }
}

/// The part of a path below the class's folder, or all of it where there is no such folder.
fn below_class<'a>(path: &'a str, class: Option<&str>) -> &'a str {
    let Some(class) = class else { return path };
    let mut rest = path;
    while let Some((folder, below)) = rest.split_once('/') {
        if key(folder) == key(class) {
            return below;
        }
        rest = below;
    }
    path
}

/// A part of a path without characters that would hide it, split it or break a line. `images[7]`, an array's
/// seventh image, becomes `images_000007`, which sorts in the array's order, and the page `x.tif#2` becomes
/// `x_0002.tif`.
fn tame(part: &str) -> String {
    if let Some((file, page)) = file_and_page(part)
        && let Some((stem, ending)) = file.rsplit_once('.')
    {
        return tame(&format!("{stem}_{page:04}.{ending}"));
    }
    let array = part.strip_suffix(']').and_then(|part| part.split_once('['));
    if let Some((key, Ok(index))) = array.map(|(key, index)| (key, index.parse::<u64>())) {
        return format!("{key}_{index:06}");
    }
    let visible = part.strip_prefix('.').map(|rest| format!("_{rest}"));
    let part = visible.as_deref().unwrap_or(part).replace(|c: char| c.is_control() || c == '\\', "_");
    if part == "__MACOSX" { "_MACOSX".to_owned() } else { part }
}
