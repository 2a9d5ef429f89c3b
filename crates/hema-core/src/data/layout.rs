//! From the paths of picture files to labels: the first folder is the class.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::classes;
use super::place::Place;
use super::source::{Entry, Source};
use super::webdataset::Said;
use crate::error::{Error, Result};
use crate::split::Part;

/// The files that a folder or an archive holds, by their path under it (`/` between folders).
#[derive(Default)]
pub(super) struct Listing {
    /// Picture files.
    pub(super) pictures: Vec<(String, Place)>,
    /// Path and text of every `split.csv` and `groups.csv`.
    pub(super) tables: Vec<(String, Vec<u8>)>,
    /// Path of every file that says something of a single picture, and what it says.
    pub(super) sidecars: Vec<(String, Said)>,
}

/// What was listed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// A folder, which the user pointed at.
    Folder,
    /// An archive, which usually wraps everything in one top folder.
    Archive,
}

/// Whether a file is not worth a look: hidden, or a by-product of packing on a Mac.
pub(super) fn is_ignored(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
}

/// Whether a file may say something of the pictures it lies beside.
pub(super) fn is_table(name: &str) -> bool {
    matches!(name.rsplit('/').next(), Some("split.csv" | "groups.csv"))
}

/// Makes a source of a listing. Pictures without a folder are unlabelled; folders named `train`, `val` and `test`, when
/// there is nothing else, are parts, with the classes below them.
pub(super) fn arrange(path: &Path, mut listing: Listing, root: Root) -> Result<Source> {
    listing.pictures.sort_by(|a, b| a.0.cmp(&b.0));
    // an archive may hold a file twice: the later one replaces the earlier, as when it is unpacked; in a folder, two files
    // may look the same where their names are not Unicode
    listing.pictures.dedup_by(|later, earlier| {
        let same = root == Root::Archive && later.0 == earlier.0;
        if same {
            earlier.1 = later.1.clone();
        }
        same
    });
    // millions of names: none is kept twice
    let (names, places): (Vec<String>, Vec<Place>) = listing.pictures.into_iter().unzip();
    let top = common_top(&names, root).map(|top| format!("{top}/")).unwrap_or_default();
    let under_top = |name: &str| name.strip_prefix(&top).unwrap_or(name).to_owned();
    let in_parts = names.iter().all(|name| part_folder(name.strip_prefix(&top).unwrap_or(name)).is_some());
    let class_of = |path: &str| {
        let below = if in_parts { path.split_once('/').map_or("", |(_, below)| below) } else { path };
        below.split_once('/').map(|(class, _)| class.to_owned())
    };

    let mut entries: Vec<Entry> = Vec::with_capacity(names.len());
    let mut found = BTreeSet::new();
    for name in names {
        let path = if top.is_empty() { name } else { under_top(&name) };
        found.extend(class_of(&path));
        let part = part_folder(&path).filter(|_| in_parts);
        entries.push(Entry { path, label: None, part, group: None });
    }
    let classes = classes::order(&found);
    for entry in &mut entries {
        entry.label = class_of(&entry.path).map(|name| classes.labels[&name]);
    }
    let mut table = |wanted: &str| {
        let found = listing.tables.iter().position(|(name, _)| under_top(name) == wanted);
        found.map(|found| listing.tables.swap_remove(found).1)
    };
    if let Some(text) = table("groups.csv") {
        group(&mut entries, &text).map_err(|e| e.at(path.join("groups.csv")))?;
    }
    Ok(Source {
        path: path.to_path_buf(),
        form: "",
        classes: classes.names,
        numeric: classes.numeric,
        entries,
        places,
        split_csv: table("split.csv"),
    })
}

/// Gives entries the groups of a `groups.csv`; a file of that name with other columns is something else.
fn group(entries: &mut [Entry], text: &[u8]) -> Result<()> {
    let bad = |e: csv::Error| Error::new(format!("is not a readable CSV file: {e}"));
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let header = reader.headers().map_err(bad)?;
    let column = |name: &str| header.iter().position(|c| c.trim_start_matches('\u{feff}') == name);
    let (Some(path), Some(group)) = (column("path"), column("group")) else { return Ok(()) };
    let mut groups = HashMap::new();
    for row in reader.records() {
        let row = row.map_err(bad)?;
        groups.insert(row[path].to_owned(), row[group].to_owned());
    }
    for entry in entries {
        entry.group = groups.remove(&entry.path).filter(|group| !group.is_empty());
    }
    Ok(())
}

/// The part that a path's first folder names.
fn part_folder(path: &str) -> Option<Part> {
    path.split_once('/').and_then(|(first, _)| first.parse().ok())
}

/// The folder around everything, when it is no class: there are folders below it, or it wraps an archive of loose
/// pictures. A folder named like a standard class or a part is never taken for it.
fn common_top(names: &[String], root: Root) -> Option<&str> {
    let (top, _) = names.first()?.split_once('/')?;
    let inside = |name: &String| name.split_once('/').is_some_and(|(first, _)| first == top);
    let has_folder_below = |name: &String| name.split('/').count() >= 3;
    let wraps = names.iter().all(inside)
        && !classes::is_standard(top)
        && top.parse::<Part>().is_err()
        && (root == Root::Archive || names.iter().all(has_folder_below));
    wraps.then_some(top)
}
