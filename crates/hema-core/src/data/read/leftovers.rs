//! What a folder or an archive holds and no reader takes, counted: files of kinds that are not read, links in
//! archives, folders without an image. Only counts and a few examples are kept, however many there are.

use std::collections::BTreeMap;

use crate::data::decode;
use crate::data::notice::{Notice, Subject, Tally};
use crate::error::{Result, counted};

/// Endings of files that go along with data sets and are no images: nobody misses them.
const COMPANIONS: [&str; 60] = [
    "txt", "md", "rst", "csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "toml", "ini", "cfg", "conf",
    "log", "html", "htm", "css", "js", "pdf", "doc", "docx", "odt", "rtf", "tex", "bib", "xls", "xlsx",
    "ods", "ppt", "pptx", "odp", "py", "pyc", "ipynb", "sh", "bat", "ps1", "r", "m", "c", "h", "cpp", "hpp",
    "rs", "java", "cls", "md5", "sha1", "sha256", "sha512", "sig", "lnk", "url", "webloc", "db", "lock",
    "license", "cff", "xmp",
];
/// First bytes of files that are not read, with their names.
const UNREAD_STARTS: [(usize, &[u8], &str); 9] = [
    (128, b"DICM", "DICOM"),
    (4, b"jP  \r\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"\x89HDF", "HDF5"),
    (0, b"PK\x03\x04", "zip"),
];
/// First bytes that are asked for.
pub(super) const START: usize = 136;
/// Most kinds that are told apart, and longest ending that is one.
const MAX_KINDS: usize = 16;
const MAX_ENDING: usize = 12;
/// Most folders that are watched for images.
const MAX_FOLDERS: usize = 10_000;

/// What no reader takes.
#[derive(Clone, Default)]
pub(super) struct Leftovers {
    kinds: BTreeMap<Kind, Tally>,
    links: Tally,
    /// What lies in each folder, but for images.
    folders: BTreeMap<String, Holding>,
}

/// A kind of files that are not read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Files with this ending.
    Ending(String),
    /// Files without an ending, in this format.
    Unnamed(&'static str),
    /// Of more kinds than are told apart.
    Other,
}

/// The most telling thing that a folder holds beside images.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holding {
    Nothing,
    /// Files that nobody misses: the folder has another purpose than a class.
    Companions,
    /// Files that could have been images.
    Leftovers,
}

impl Leftovers {
    /// Counts a file that no reader takes, unless it is of a kind that goes along with data sets. `start`
    /// gives the first [`START`] bytes of one whose name tells nothing.
    ///
    /// # Errors
    /// What `start` returns.
    pub(super) fn add(&mut self, name: &str, start: impl FnOnce() -> Result<Vec<u8>>) -> Result<()> {
        let kind = kind(name, start)?;
        self.hold(folder_of(name), if kind.is_some() { Holding::Leftovers } else { Holding::Companions });
        if let Some(kind) = kind {
            self.tally(kind).add(name);
        }
        Ok(())
    }

    /// The tally of a kind, or of further ones when there are many.
    fn tally(&mut self, kind: Kind) -> &mut Tally {
        let is_one_more = !self.kinds.contains_key(&kind) && self.kinds.len() >= MAX_KINDS;
        self.kinds.entry(if is_one_more { Kind::Other } else { kind }).or_default()
    }

    /// Counts a link inside an archive, unless it is one to a file that nobody misses.
    pub(super) fn add_link(&mut self, name: &str) {
        if decode::has_picture_name(name) || ending(name).is_none_or(|ending| !is_companion(&ending)) {
            self.hold(folder_of(name), Holding::Leftovers);
            self.links.add(name);
        }
    }

    /// Notes that there is a folder.
    pub(super) fn add_folder(&mut self, name: &str) {
        self.hold(Some(name), Holding::Nothing);
    }

    fn hold(&mut self, folder: Option<&str>, holding: Holding) {
        let Some(folder) = folder else { return };
        if let Some(known) = self.folders.get_mut(folder) {
            *known = holding.max(*known);
        } else if self.folders.len() < MAX_FOLDERS {
            self.folders.insert(folder.to_owned(), holding);
        }
    }

    /// Takes over what another archive of the same set holds.
    pub(super) fn append(&mut self, other: Self) {
        for (kind, tally) in other.kinds {
            self.tally(kind).append(tally);
        }
        self.links.append(other.links);
    }

    /// Folders with files that could have been images.
    pub(super) fn folders_of_files(&self) -> impl Iterator<Item = &str> {
        self.folders
            .iter()
            .filter(|(_, holding)| **holding == Holding::Leftovers)
            .map(|(folder, _)| folder.as_str())
    }

    /// What is not used.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let kinds = self.kinds.iter().filter_map(|(kind, tally)| kind.notice(tally));
        let links = self.links.notice(Subject::ArchiveLinks, |count| {
            format!("{} inside the archive, not followed", counted(count, "link"))
        });
        kinds.chain(links).collect()
    }

    /// Class folders without an image. `class_folder` gives the part of a path that makes its class, below
    /// the folder `top` around everything; `paths` are those of the images.
    pub(super) fn empty_classes<'a>(
        &self,
        top: &str,
        paths: impl Iterator<Item = &'a str>,
        class_folder: impl Fn(&str) -> Option<&str>,
    ) -> Option<Notice> {
        let mut held: BTreeMap<String, Holding> = BTreeMap::new();
        for (folder, holding) in &self.folders {
            let inside = format!("{folder}/");
            if let Some(class) = inside.strip_prefix(top).and_then(&class_folder) {
                let known = held.entry(class.to_owned()).or_insert(*holding);
                *known = *holding.max(known);
            }
        }
        held.retain(|_, holding| *holding != Holding::Companions);
        let mut last = None;
        for path in paths {
            if held.is_empty() {
                return None;
            }
            let class = class_folder(path);
            if class != last {
                class.map(|class| held.remove(class));
                last = class;
            }
        }
        let empty: Tally = held.keys().map(String::as_str).collect();
        empty.notice(Subject::EmptyClasses, |count| {
            format!("{} without an image that is read, which make no class", counted(count, "class folder"))
        })
    }
}

impl Kind {
    fn notice(&self, files: &Tally) -> Option<Notice> {
        files.notice(Subject::UnreadKind, |count| match self {
            Self::Ending(ending) => format!("{} ending in `.{ending}`, not read", counted(count, "file")),
            Self::Unnamed(format) => {
                let files = counted(count, &format!("{format} file"));
                format!("{files} without an ending in the name, not read")
            }
            Self::Other => format!("{} of further kinds, not read", counted(count, "file")),
        })
    }
}

/// The kind of a file that is not read; `None` for one that nobody misses.
fn kind(name: &str, start: impl FnOnce() -> Result<Vec<u8>>) -> Result<Option<Kind>> {
    if let Some(ending) = ending(name) {
        return Ok((!is_companion(&ending)).then_some(Kind::Ending(ending)));
    }
    let start = start()?;
    let is_unread =
        |(at, known, _): &&(usize, &[u8], &str)| start.get(*at..).is_some_and(|s| s.starts_with(known));
    let unread = || UNREAD_STARTS.iter().find(is_unread).map(|(_, _, format)| *format);
    Ok(decode::format_name(&start).or_else(unread).map(Kind::Unnamed))
}

/// Whether nobody misses files with this ending.
fn is_companion(ending: &str) -> bool {
    COMPANIONS.contains(&ending)
}

/// The ending of a file's name, if it tells a kind: not a number, as in names that are identifiers.
fn ending(name: &str) -> Option<String> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let (stem, ending) = name.rsplit_once('.')?;
    let tells = !stem.is_empty()
        && (1..=MAX_ENDING).contains(&ending.len())
        && ending.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '~'))
        && !ending.chars().all(|c| c.is_ascii_digit());
    tells.then(|| ending.to_ascii_lowercase())
}

fn folder_of(name: &str) -> Option<&str> {
    name.rsplit_once('/').map(|(folder, _)| folder)
}
