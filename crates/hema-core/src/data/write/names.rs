//! The path that an image gets below the root of a folder: `<class>/<name>`, or `<name>` without a label, so
//! that reading it back gives the same label. Names stay as they were as far as they can.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use unicode_normalization::UnicodeNormalization;

use crate::data::classes::key;
use crate::data::decode::{has_picture_name, is_named};
use crate::data::entries::Entry;
use crate::data::notice::{Notice, Subject, Tally};
use crate::data::page_name::file_and_page;
use crate::data::part::Part;
use crate::error::{Error, Result, counted};

/// Hands out paths, none of them twice.
pub(super) struct Names {
    classes: Vec<String>,
    /// Hashes of the paths as disks see them that can tell the least apart. Two paths that share a
    /// hash, which hardly happens among millions, are taken for one; the second gets a number that it could
    /// do without.
    taken: HashSet<u64>,
    /// Paths of images that got other names.
    renamed: Tally,
}

impl Names {
    /// Checks that every class can be a folder.
    pub(super) fn new(classes: &[String]) -> Result<Self> {
        for name in classes {
            let is_odd = name.trim() != name || portable(name) != *name;
            if is_odd || name.is_empty() || name.parse::<Part>().is_ok() {
                return Err(Error::new(format!("class `{}` cannot be a folder's name", name.escape_debug()))
                    .hint("rename the class, or write an array or Parquet"));
            }
        }
        refuse_alike(classes)?;
        Ok(Self { classes: classes.to_vec(), taken: HashSet::new(), renamed: Tally::default() })
    }

    /// What got another name than it had.
    pub(super) fn notice(&self) -> Option<Notice> {
        self.renamed.notice(Subject::Renamed, |count| {
            let images = counted(count, "image");
            format!("{images} renamed, as there are systems on which no file or two would have the name")
        })
    }

    /// A path for a picture of the kind that `extension` names.
    pub(super) fn claim(&mut self, entry: Entry, extension: &str) -> String {
        let class = entry.label.map(|label| self.classes[label].as_str());
        let below = below_class(entry.path, class);
        let parts: Vec<&str> = below.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
        let tamed = parts.iter().map(|part| tame(part)).collect::<Vec<_>>();
        let is_renamed =
            tamed.iter().zip(&parts).any(|(tamed, part)| portable(part) == *tamed && tamed != part);
        let mut name = tamed.join(if class.is_some() { "/" } else { "_" });
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
        let unique = self.unique(name.clone());
        if is_renamed || unique != name {
            self.renamed.add(entry.path);
        }
        unique
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
    folded(path).hash(&mut hasher);
    hasher.finish()
}

/// A name as a disk sees it that tells neither case nor ways to write an accent apart.
fn folded(name: &str) -> String {
    name.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// Refuses classes whose folders would be one.
fn refuse_alike(classes: &[String]) -> Result<()> {
    let mut known: HashMap<String, &str> = HashMap::new();
    for name in classes {
        if let Some(other) = known.insert(folded(name), name) {
            let (one, other) = (other.escape_debug(), name.escape_debug());
            let message = format!("classes `{one}` and `{other}` are one folder on many disks");
            return Err(Error::new(message).hint("rename one of them, or write an array or Parquet"));
        }
    }
    Ok(())
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
    portable(part)
}

/// Names that Windows keeps for devices, whatever their ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
/// Those that have a number behind them.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// The nearest name that a file can have on every system, and under which it is found again.
fn portable(part: &str) -> String {
    let is_odd = |c: char| c.is_control() || "\\/:*?\"<>|".contains(c);
    let mut name = part.replace(is_odd, "_");
    if name.starts_with('.') {
        name.replace_range(..1, "_");
    }
    let kept = name.trim_end_matches(['.', ' ']).len();
    name = format!("{}{}", &name[..kept], "_".repeat(name.len() - kept));
    if is_device(&name) {
        name.insert(0, '_');
    }
    if name == "__MACOSX" { "_MACOSX".to_owned() } else { name }
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_numbered = |device: &&str| {
        stem.strip_prefix(*device).is_some_and(|number| {
            matches!(number.chars().collect::<Vec<_>>()[..], ['0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'])
        })
    };
    DEVICES.contains(&stem.as_str()) || NUMBERED_DEVICES.iter().any(is_numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(classes: &[&str]) -> Result<Names> {
        Names::new(&classes.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn classes_that_some_disk_cannot_hold_apart_or_at_all_are_refused() {
        assert!(names(&["basophil", "blast", "ig", "Blast cell", "comet", "console", "lpt"]).is_ok());
        for alike in [["Blast", "blast"], ["m\u{e9}ga", "me\u{301}ga"], ["M\u{c9}GA", "me\u{301}ga"]] {
            let error = names(&alike).err().expect(alike[0]).to_string();
            assert!(error.ends_with("are one folder on many disks"), "{error}");
        }
        for odd in
            ["CON", "nul", "com1", "LPT9.x", "x.", "x ", " x", "a:b", "what?", "a*", "<a>", "a|b", "a\"b"]
        {
            let error = names(&[odd]).err().expect(odd).to_string();
            assert!(error.ends_with("cannot be a folder's name"), "{error}");
        }
    }

    #[test]
    fn images_get_names_that_every_disk_holds_apart_and_it_is_said() {
        let mut names = names(&["a", "b"]).unwrap();
        let mut claim =
            |path: &str| names.claim(Entry { path, label: Some(0), part: None, group: None }, "png");
        assert_eq!(claim("a/x.png"), "a/x.png");
        assert_eq!(claim("a/images[7]"), "a/images_000007.png");
        assert_eq!(claim("a/X.png"), "a/X-2.png");
        assert_eq!(claim("a/\u{e9}.png"), "a/\u{e9}.png");
        assert_eq!(claim("a/e\u{301}.png"), "a/e\u{301}-2.png");
        assert_eq!(claim("a/nul.png"), "a/_nul.png");
        assert_eq!(claim("a/AUX.b/1:2?.png"), "a/_AUX.b/1_2_.png");
        assert_eq!(claim("a/dir. /1.png"), "a/dir__/1.png");
        let notice = names.notice().unwrap();
        assert_eq!((notice.subject, notice.count), (Subject::Renamed, 5));
    }
}
