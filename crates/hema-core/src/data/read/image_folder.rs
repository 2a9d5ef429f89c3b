//! Image folders, and archives of one: the first folder of a path is the class, unless a table beside the
//! images has their labels.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::input::{Input, Packing};
use super::listing::Listing;
use super::part_folders::{self, Layout, part_folder};
use super::side_table;
use super::sidecar::{Unused, key};
use crate::data::classes::{self, CLASSES_FILE};
use crate::data::entries::Entries;
use crate::data::notice::Notice;
use crate::data::part::Part;
use crate::data::source::Contents;
use crate::data::texts::Texts;
use crate::error::Result;

/// A folder that holds pictures, however deep, or cannot be listed.
pub(super) fn is_folder(input: &Input) -> bool {
    input.is_folder() && !input.listing().is_ok_and(Listing::is_empty)
}

/// A tar archive.
pub(super) fn is_tar(input: &Input) -> bool {
    input.packing() == Some(Packing::Tar)
}

/// A gzipped file, which ought to be a tar archive.
pub(super) fn is_gzipped_tar(input: &Input) -> bool {
    input.packing() == Some(Packing::GzippedTar)
}

/// A zip archive.
pub(super) fn is_zip(input: &Input) -> bool {
    input.packing() == Some(Packing::Zip)
}

/// The images of a folder.
pub(super) fn open_folder(input: &mut Input) -> Result<Contents> {
    arrange(input.path(), input.take_listing()?, Root::Folder)
}

/// The images of an archive.
pub(super) fn open_archive(input: &mut Input) -> Result<Contents> {
    arrange(input.path(), input.take_listing()?, Root::Archive)
}

/// The kind of container that was listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Root {
    /// A folder, which the user pointed at.
    Folder,
    /// An archive, which usually wraps everything in one top folder.
    Archive,
}

/// Makes a data set of a listing. Pictures without a folder are unlabelled; folders named `train`, `val` and
/// `test`, when there is nothing else, are parts, with the classes below them.
fn arrange(path: &Path, mut listing: Listing, root: Root) -> Result<Contents> {
    let order = in_order(&listing, root);
    let names = order.iter().map(|file| listing.names.get(*file as usize));
    let aside = listing.leftovers.folders_of_files();
    let top = part_folders::around(names.clone()).or_else(|| common_top(names, aside, root));
    let top = top.map(|top| format!("{top}/")).unwrap_or_default();
    // of large sets, two lists of all names are most of the memory that opening them takes: the first goes at
    // once
    let paths = std::mem::take(&mut listing.names).select(&order, top.len());
    let places = std::mem::take(&mut listing.places).select(&order);
    let layout = part_folders::layout(&paths, &path.join(&top)).map_err(|e| e.at(path));
    let in_parts = matches!(layout, Ok((Layout::Parts, _)));

    let unused = notices(&mut listing, &paths, &top, in_parts);
    let mut entries = Entries::of_paths(paths);
    for i in 0..entries.len() {
        let part = part_folder(entries.get(i).path).filter(|_| in_parts);
        entries.set_part(i, part);
    }
    let mut told = side_table::read(path, std::mem::take(&mut listing.tables), &top, &mut entries)?;
    told.refuse_or_name_folders(path, &entries, |path| class_folder(path, in_parts))?;
    // folders whose images are labelled by a table are no classes
    let alike = if told.labels.is_none() { layout?.1 } else { None };
    let label = |i: usize| match &told.labels {
        Some(labels) => labels.get(i),
        None => class_folder(entries.get(i).path, in_parts),
    };
    let found: BTreeSet<&str> = (0..entries.len()).filter_map(label).collect();
    let found: BTreeSet<String> = found.into_iter().map(str::to_owned).collect();
    let classes::Found { classes, labels, notices: of_classes } =
        classes::order_as(told.classes.as_deref(), &found).map_err(|e| e.at(path.join(CLASSES_FILE)))?;
    for i in 0..entries.len() {
        let label = match &told.labels {
            Some(labels) => labels.get(i),
            None => class_folder(entries.get(i).path, in_parts),
        };
        entries.set_label(i, label.map(|name| labels[name]));
    }
    let notices = [unused, alike.into_iter().collect(), told.notices, of_classes].concat();
    Ok(Contents { classes, entries, places, split_csv: told.split_csv, notices, ..Contents::default() })
}

/// What the listing holds and the data set does not: files, links, class folders without an image, and files
/// beside images that would label them in a shard.
fn notices(listing: &mut Listing, paths: &Texts, top: &str, in_parts: bool) -> Vec<Notice> {
    let class = |path: &str| class_folder(path, in_parts).map(|class| class_end(path, class));
    let empty = listing.leftovers.empty_classes(top, paths.iter(), |path| Some(&path[..class(path)?]));
    let mut unused = Unused::default();
    if !listing.sidecars.is_empty() {
        let keys: HashSet<&str> = paths.iter().map(key).collect();
        let beside = listing.sidecars.iter().map(|(name, _)| name.as_str());
        let fits = |name: &&str| keys.contains(key(name.strip_prefix(top).unwrap_or(name)));
        unused.mute = beside.filter(fits).collect();
    }
    let mut notices = std::mem::take(&mut listing.notices);
    notices.extend(listing.leftovers.notices());
    notices.extend(empty);
    notices.extend(unused.notices());
    notices
}

/// Where a class folder of a path ends in it.
fn class_end(path: &str, class: &str) -> usize {
    class.as_ptr().addr() - path.as_ptr().addr() + class.len()
}

/// The picture files by their names. An archive may hold a file twice: the later one replaces the earlier, as
/// when it is unpacked; in a folder, two files may look the same where their names are not Unicode.
fn in_order(listing: &Listing, root: Root) -> Vec<u32> {
    let name = |file: u32| listing.names.get(file as usize);
    let mut order: Vec<u32> = (0..listing.names.len() as u32).collect();
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

/// The folder that is a path's class: the first, or the one below the part.
fn class_folder(path: &str, in_parts: bool) -> Option<&str> {
    let below = if in_parts { path.split_once('/')?.1 } else { path };
    Some(below.split_once('/')?.0)
}

/// The folder around everything, when it is no class: there are folders below it, or it wraps an archive of
/// loose pictures. A folder named like a standard class or a part is never taken for it.
///
/// `aside` are folders of files that are not read: one beside it, as deep as the pictures', is another class.
fn common_top<'a>(
    mut names: impl Iterator<Item = &'a str> + Clone,
    mut aside: impl Iterator<Item = &'a str>,
    root: Root,
) -> Option<&'a str> {
    let first = names.clone().next()?;
    let (top, _) = first.split_once('/')?;
    let depth = |path: &str| path.split('/').count();
    let is_beside = |folder: &str| depth(folder) + 1 >= depth(first) && folder.split('/').next() != Some(top);
    let has_folder_below = |name: &str| name.split('/').count() >= 3;
    let inside = |name: &str| {
        name.split_once('/').is_some_and(|(first, _)| first == top)
            && (root == Root::Archive || has_folder_below(name))
    };
    let wraps = !classes::is_standard(top)
        && top.parse::<Part>().is_err()
        && names.all(inside)
        && !aside.any(is_beside);
    wraps.then_some(top)
}
