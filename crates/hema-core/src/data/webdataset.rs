//! `WebDataset` shards: tar archives in which `key.jpg` is an image, `key.cls` its label and `key.json` more of it.
//!
//! The key of a file is its path up to the first dot of its name. Of a `.json`, `label` (a class name or number) and
//! `group` are read. The part is told by a shard's name: `train-000000.tar`. Left out on purpose: shards of several
//! images per key.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::classes::{self, MAX_LABEL};
use super::entries::{Entries, Entry};
use super::layout::Listing;
use super::places::Places;
use super::source::Source;
use crate::error::{Error, Result};
use crate::split::Part;

/// Largest `.cls` or `.json` read, in bytes.
pub(super) const MAX_SIDECAR: u64 = 64 << 10;
/// Longest class name or group kept, in bytes.
const MAX_TEXT: usize = 256;

/// One archive.
pub(super) struct Shard {
    /// Its file name.
    pub(super) name: String,
    pub(super) listing: Listing,
}

/// What a file beside an image says of it.
#[derive(Default)]
pub(super) struct Said {
    /// A label, as a number or a name.
    class: Option<String>,
    /// The name of a label.
    name: Option<String>,
    group: Option<String>,
}

/// Whether a file may say something of the image with the same key.
pub(super) fn is_sidecar(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "cls" || end == "json")
}

/// What a `.cls` or `.json` says; nothing when it cannot be understood.
pub(super) fn read_sidecar(name: &str, text: &[u8]) -> Said {
    let short = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty() && t.len() <= MAX_TEXT);
    let text = String::from_utf8_lossy(text);
    if Path::new(name).extension().is_some_and(|end| end == "cls") {
        return Said { class: short(&text), ..Said::default() };
    }
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let number = value["label"].as_u64().map(|label| label.to_string());
    Said {
        class: number,
        name: value["label"].as_str().and_then(short),
        group: value["group"].as_str().and_then(short),
    }
}

/// The path of a file up to the first dot of its name.
pub(super) fn key(name: &str) -> &str {
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    name[start..].find('.').map_or(name, |dot| &name[..start + dot])
}

/// Whether an archive is a shard: some image has a label beside it.
pub(super) fn is_shard(listing: &Listing) -> bool {
    let labels = listing.sidecars.iter().filter(|(_, said)| said.class.is_some() || said.name.is_some());
    let labelled: HashSet<&str> = labels.map(|(name, _)| key(name)).collect();
    !labelled.is_empty() && listing.names.iter().any(|name| labelled.contains(key(name)))
}

/// Makes a source of shards. Images without a label beside them are unlabelled.
pub(super) fn arrange(path: &Path, shards: Vec<Shard>) -> Result<Source> {
    let (mut entries, mut places, mut said_of) = (Entries::default(), Places::default(), Vec::new());
    let mut paths = HashSet::new();
    let several = shards.len() > 1;
    for shard in shards {
        let part = part_of(&shard.name);
        let mut said: HashMap<String, Said> = HashMap::new();
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
            let path = if paths.contains(name) { format!("{}/{name}", shard.name) } else { name.to_owned() };
            entries.push(Entry { path: &path, label: None, part, group: said.group.as_deref() });
            paths.insert(path);
            places.push(place);
            said_of.push(said);
        }
    }
    let (classes, numeric) = label(&mut entries, &said_of).map_err(|e| e.at(path))?;
    Ok(Source { path: path.to_path_buf(), form: "", classes, numeric, entries, places, split_csv: None })
}

impl Said {
    fn add(&mut self, other: Self) {
        self.class = other.class.or(self.class.take());
        self.name = other.name.or(self.name.take());
        self.group = other.group.or(self.group.take());
    }

    /// The label, when it is a number.
    fn number(&self) -> Option<usize> {
        self.class.as_ref()?.parse().ok()
    }
}

/// Labels the entries by numbers where all have one, else by names. Gives the class names, and whether they are
/// only numbers.
fn label(entries: &mut Entries, said: &[Said]) -> Result<(Vec<String>, bool)> {
    let labelled = || said.iter().filter(|said| said.class.is_some() || said.name.is_some());
    if labelled().all(|said| said.number().is_some()) {
        said.iter().enumerate().for_each(|(i, said)| entries.set_label(i, said.number()));
        return name_numbers(said);
    }
    let class = |said: &Said| said.name.clone().or_else(|| said.class.clone());
    let found: BTreeSet<String> = labelled().filter_map(class).collect();
    let classes = classes::order(&found);
    for (i, said) in said.iter().enumerate() {
        entries.set_label(i, class(said).map(|name| classes.labels[&name]));
    }
    Ok((classes.names, classes.numeric))
}

/// The names of numeric labels, from the images that have both.
fn name_numbers(said: &[Said]) -> Result<(Vec<String>, bool)> {
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
    let different: HashSet<&&str> = names.values().collect();
    if different.len() < names.len() {
        return Err(Error::new("gives several labels the same class name"));
    }
    let numeric = names.is_empty();
    let mut classes = classes::numbered(count);
    for (number, name) in names {
        name.clone_into(&mut classes[number]);
    }
    Ok((classes, numeric))
}

/// The part that a shard's name tells: `train-000000.tar`, `pbc-val-00000-of-00001.parquet`.
pub(super) fn part_of(name: &str) -> Option<Part> {
    name.split(['-', '_', '.']).find_map(|word| word.parse().ok())
}
