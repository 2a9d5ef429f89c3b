//! `WebDataset` shards: tar archives in which `key.jpg` is an image, `key.cls` its label and `key.json` more
//! of it.
//!
//! The key of a file is its path up to the first dot of its name. Of a `.json`, `label` (a class name or
//! number) and `group` are read. The part is told by a shard's name: `train-000000.tar`. Left out on purpose:
//! shards of several images per key.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::input::{Input, Packing};
use super::leftovers::Leftovers;
use super::listing::{Listing, MAX_TABLE};
use super::pattern;
use super::shards;
use super::sidecar::{Sidecar, Unused, key};
use crate::data::classes::{self, CLASSES_FILE, ClassList, MAX_LABEL, numbered_name};
use crate::data::entries::{Entries, Entry};
use crate::data::notice::Notice;
use crate::data::place_table::PlaceTable;
use crate::data::remote;
use crate::data::source::Contents;
use crate::error::{Error, Result};

/// Shards that are listed at the same time.
const AT_ONCE: usize = 16;

/// One archive of a data set.
struct Shard {
    /// The name of the file.
    name: String,
    listing: Listing,
}

/// Whether it is a shard, a folder of tar archives, or a pattern of their names.
pub(super) fn recognises(input: &Input) -> bool {
    // a folder that cannot be listed is taken before
    if is_tar(input) {
        return input.listing().is_ok_and(is_shard);
    }
    let files = files(input).unwrap_or_default();
    match (input.prefixed(), files) {
        // archives of image folders may lie under a prefix, each a set of its own
        (Some(_), Some(files)) => files.first().is_some_and(|first| !is_image_folder(first)),
        (_, files) => files.is_some(),
    }
}

/// Whether a tar archive has pictures in folders, and no labels beside them.
fn is_image_folder(file: &Path) -> bool {
    let input = Input::existing(file);
    let Ok(listing) = input.as_ref().map_err(Clone::clone).and_then(Input::listing) else { return false };
    in_folders(listing) && !is_shard(listing)
}

fn in_folders(listing: &Listing) -> bool {
    listing.names.iter().any(|name| name.contains('/'))
}

fn is_tar(input: &Input) -> bool {
    matches!(input.packing(), Some(Packing::Tar | Packing::GzippedTar))
}

/// The images of one shard or of several.
pub(super) fn open(input: &mut Input) -> Result<Contents> {
    if let Some(files) = files(input)? {
        return open_several(input, &files);
    }
    let shard = Shard { name: shards::file_name(input.path()), listing: input.take_listing()? };
    arrange(input.path(), vec![shard], None)
}

/// The shards of a data set of several files.
fn files(input: &Input) -> Result<Option<Vec<PathBuf>>> {
    Ok(if input.is_folder() || input.prefixed().is_some() {
        Some(shards::in_folder(input, ".tar")?).filter(|files| !files.is_empty())
    } else if input.exists() {
        None
    } else {
        pattern::files_of(input.path())
    })
}

fn open_several(set: &Input, files: &[PathBuf]) -> Result<Contents> {
    let path = set.path();
    let mut all = Vec::new();
    // the first alone: it was looked at just now, and may still be at hand
    let (first, others) = files.split_at(files.len().min(1));
    for some in std::iter::once(first).chain(others.chunks(AT_ONCE)) {
        let listed: Vec<Result<Shard>> = some.par_iter().map(|file| list(file)).collect();
        for shard in listed {
            all.push(shard?);
        }
    }
    if all.iter().any(|shard| in_folders(&shard.listing)) && !all.iter().any(|shard| is_shard(&shard.listing))
    {
        return Err(Error::new(
            "holds archives whose images have no labels beside them (key.jpg and key.cls)",
        )
        .at(path)
        .hint("open a single archive of an image folder by its own name"));
    }
    let list = class_list(set)?;
    let mut contents = arrange(path, all, list.as_deref())?;
    contents.notices.extend(shards::beside(set, ".tar")?.notices());
    Ok(contents)
}

fn list(file: &Path) -> Result<Shard> {
    let mut input = Input::existing(file)?;
    if !is_tar(&input) {
        return Err(Error::new("is not a tar archive").at(file));
    }
    Ok(Shard { name: shards::file_name(file), listing: input.take_listing()? })
}

/// The class list beside the shards.
fn class_list(set: &Input) -> Result<Option<Vec<String>>> {
    let path = set.path().join(CLASSES_FILE);
    match set.prefixed() {
        Some(files) if files.contains(&path) => {
            let file = remote::open(&path)?;
            let text = file.bytes(0, file.size().min(MAX_TABLE)).map_err(|e| Error::io(&path, &e))?;
            classes::read_classes(&text).map_err(|e| e.at(&path))
        }
        Some(_) => Ok(None),
        None => classes::read_classes_at(&path),
    }
}

/// Whether an archive is a shard: some image has a label beside it.
fn is_shard(listing: &Listing) -> bool {
    let labels = listing.sidecars.iter().filter(|(_, sidecar)| sidecar.is_labelled());
    let labelled: HashSet<&str> = labels.map(|(name, _)| key(name)).collect();
    !labelled.is_empty() && listing.names.iter().any(|name| labelled.contains(key(name)))
}

/// Makes a data set of shards, of the classes in `list` where there is one. Images without a label beside
/// them are unlabelled.
fn arrange(path: &Path, all: Vec<Shard>, list: Option<&[String]>) -> Result<Contents> {
    let (mut entries, mut places, mut said_of) = (Entries::default(), PlaceTable::default(), Vec::new());
    let mut paths = HashSet::new();
    let (mut leftovers, mut unused) = (Leftovers::default(), Unused::default());
    let several = all.len() > 1;
    for shard in all {
        let part = shards::part_of(&shard.name);
        let mut said: HashMap<String, Sidecar> = HashMap::new();
        for (name, more) in shard.listing.sidecars {
            said.entry(key(&name).to_owned()).or_default().add(more);
        }
        let mut keys = HashSet::new();
        for (name, place) in shard.listing.names.iter().zip(shard.listing.places.iter()) {
            if !keys.insert(key(name)) {
                let message = format!("holds two images for the key `{}`", key(name));
                return Err(Error::new(message).at(if several {
                    path.join(&shard.name)
                } else {
                    path.into()
                }));
            }
            let said = said.remove(key(name)).unwrap_or_default();
            // the same key in two shards is two images
            if said.is_misread {
                unused.misread.add(name);
            }
            let path = if paths.contains(name) { format!("{}/{name}", shard.name) } else { name.to_owned() };
            entries.push(Entry { path: &path, label: None, part, group: said.group.as_deref() });
            paths.insert(path);
            places.push(place);
            said_of.push(said);
        }
        let orphans: BTreeSet<String> = said.into_keys().collect();
        unused.orphans.append(orphans.iter().map(String::as_str).collect());
        leftovers.append(shard.listing.leftovers);
    }
    let (classes, of_classes) = label(&mut entries, &said_of, list).map_err(|e| e.at(path))?;
    let notices = [leftovers.notices(), unused.notices(), of_classes].concat();
    Ok(Contents { classes, entries, places, notices, ..Contents::default() })
}

/// Labels the entries by numbers where all have one, else by names.
fn label(
    entries: &mut Entries,
    said: &[Sidecar],
    list: Option<&[String]>,
) -> Result<(ClassList, Vec<Notice>)> {
    let labelled = || said.iter().filter(|said| said.is_labelled());
    if labelled().all(|said| said.number().is_some()) {
        said.iter().enumerate().for_each(|(i, said)| entries.set_label(i, said.number()));
        return name_numbers(said, list);
    }
    let class = |said: &Sidecar| said.name.clone().or_else(|| said.class.clone());
    let found: BTreeSet<String> = labelled().filter_map(class).collect();
    let classes::Found { classes, labels, notices } = classes::order_as(list, &found)?;
    for (i, said) in said.iter().enumerate() {
        entries.set_label(i, class(said).map(|name| labels[&name]));
    }
    Ok((classes, notices))
}

/// The names of numeric labels, from the list where it has them, else from the images that have both.
fn name_numbers(said: &[Sidecar], list: Option<&[String]>) -> Result<(ClassList, Vec<Notice>)> {
    let mut names: BTreeMap<usize, &str> = BTreeMap::new();
    let mut count = 0;
    for said in said {
        let Some(number) = said.number() else { continue };
        if number > MAX_LABEL as usize {
            return Err(Error::new(format!("holds the label {number} (expected 0 to {MAX_LABEL})")));
        }
        count = count.max(number + 1);
        let Some(name) = &said.name else { continue };
        let known = *names.entry(number).or_insert(name);
        if known != name {
            return Err(Error::new(format!("calls the label {number} both `{known}` and `{name}`")));
        }
    }
    let is_in =
        |list: &&[String]| list.len() >= count && names.iter().all(|(number, name)| list[*number] == *name);
    if let Some(list) = list.filter(is_in) {
        return classes::listed(list);
    }
    if names.is_empty() {
        return Ok((ClassList::numbered(count), Vec::new()));
    }
    let name = |number| names.get(&number).map_or_else(|| numbered_name(number), |name| (*name).to_owned());
    classes::listed(&(0..count).map(name).collect::<Vec<_>>())
}
