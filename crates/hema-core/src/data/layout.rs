//! From the paths of picture files to labels: the first folder is the class.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::classes;
use super::entries::Entries;
use super::place::Place;
use super::places::Places;
use super::source::Source;
use super::texts::Texts;
use super::webdataset::Said;
use crate::error::{Error, Result};
use crate::split::Part;

/// The files that a folder or an archive holds, by their path under it (`/` between folders).
#[derive(Default)]
pub(super) struct Listing {
    /// Picture files.
    pub(super) names: Texts,
    /// Where each of them lies.
    pub(super) places: Places,
    /// Path and text of every `split.csv` and `groups.csv`.
    pub(super) tables: Vec<(String, Vec<u8>)>,
    /// Path of every file that says something of a single picture, and what it says.
    pub(super) sidecars: Vec<(String, Said)>,
}

impl Listing {
    /// Adds a picture file.
    pub(super) fn add(&mut self, name: &str, place: Place) {
        self.names.push(name);
        self.places.push(place);
    }

    /// Whether there is no picture file.
    pub(super) fn is_empty(&self) -> bool {
        self.names.len() == 0
    }

    /// The picture files by their names. An archive may hold a file twice: the later one replaces the earlier, as when it
    /// is unpacked; in a folder, two files may look the same where their names are not Unicode.
    fn in_order(&self, root: Root) -> Vec<u32> {
        let name = |file: u32| self.names.get(file as usize);
        let mut order: Vec<u32> = (0..self.names.len() as u32).collect();
        order.sort_unstable_by(|a, b| name(*a).cmp(name(*b)).then(a.cmp(b)));
        order.dedup_by(|later, earlier| {
            let same = root == Root::Archive && name(*later) == name(*earlier);
            if same {
                *earlier = *later;
            }
            same
        });
        order
    }
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
    let order = listing.in_order(root);
    let names = order.iter().map(|file| listing.names.get(*file as usize));
    let top = common_top(names, root).map(|top| format!("{top}/")).unwrap_or_default();
    // of large sets, two lists of all names are most of the memory that opening them takes: the first goes at once
    let paths = std::mem::take(&mut listing.names).select(&order, top.len());
    let places = listing.places.select(&order);
    let in_parts = paths.iter().all(|path| part_folder(path).is_some());

    let mut table = |wanted: &str| {
        let is_wanted = |name: &str| name.strip_prefix(&*top).unwrap_or(name) == wanted;
        let found = listing.tables.iter().position(|(name, _)| is_wanted(name));
        found.map(|found| listing.tables.swap_remove(found).1)
    };
    let (split_csv, groups_csv) = (table("split.csv"), table("groups.csv"));
    let groups = groups_csv.map_or(Ok(HashMap::new()), |text| groups(&text));
    let groups = groups.map_err(|e| e.at(path.join("groups.csv")))?;
    let found: BTreeSet<&str> = paths.iter().filter_map(|path| class_folder(path, in_parts)).collect();
    let classes = classes::order(&found.into_iter().map(str::to_owned).collect());
    let mut entries = Entries::of_paths(paths);
    for i in 0..entries.len() {
        let path = entries.get(i).path;
        let label = class_folder(path, in_parts).map(|name| classes.labels[name]);
        let part = part_folder(path).filter(|_| in_parts);
        let group = groups.get(path).map(String::as_str);
        entries.set_label(i, label);
        entries.set_part(i, part);
        entries.set_group(i, group);
    }
    Ok(Source {
        path: path.to_path_buf(),
        form: "",
        classes: classes.names,
        numeric: classes.numeric,
        entries,
        places,
        split_csv,
    })
}

/// The groups of a `groups.csv` by path; a file of that name with other columns is something else.
fn groups(text: &[u8]) -> Result<HashMap<String, String>> {
    let bad = |e: csv::Error| Error::new(format!("is not a readable CSV file: {e}"));
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let header = reader.headers().map_err(bad)?;
    let column = |name: &str| header.iter().position(|c| c.trim_start_matches('\u{feff}') == name);
    let (Some(path), Some(group)) = (column("path"), column("group")) else { return Ok(HashMap::new()) };
    let mut groups = HashMap::new();
    for row in reader.records() {
        let row = row.map_err(bad)?;
        groups.insert(row[path].to_owned(), row[group].to_owned());
    }
    groups.retain(|_, group| !group.is_empty());
    Ok(groups)
}

/// The folder that is a path's class: the first, or the one below the part.
fn class_folder(path: &str, in_parts: bool) -> Option<&str> {
    let below = if in_parts { path.split_once('/')?.1 } else { path };
    Some(below.split_once('/')?.0)
}

/// The part that a path's first folder names.
fn part_folder(path: &str) -> Option<Part> {
    path.split_once('/').and_then(|(first, _)| first.parse().ok())
}

/// The folder around everything, when it is no class: there are folders below it, or it wraps an archive of loose
/// pictures. A folder named like a standard class or a part is never taken for it.
fn common_top<'a>(mut names: impl Iterator<Item = &'a str> + Clone, root: Root) -> Option<&'a str> {
    let (top, _) = names.clone().next()?.split_once('/')?;
    let has_folder_below = |name: &str| name.split('/').count() >= 3;
    let inside = |name: &str| {
        name.split_once('/').is_some_and(|(first, _)| first == top)
            && (root == Root::Archive || has_folder_below(name))
    };
    let wraps = !classes::is_standard(top) && top.parse::<Part>().is_err() && names.all(inside);
    wraps.then_some(top)
}
