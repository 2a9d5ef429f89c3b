//! A split as a list: which part each image belongs to, by its path.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::data::{Entries, Entry, Part, Source, file_of_page};
use crate::error::{Error, Result};

/// The part of every image, by its path under the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Where it comes from, for messages.
    pub(super) origin: PathBuf,
    pub(super) rows: Vec<Row>,
}

/// One image of a split.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) path: String,
    pub(super) label: Option<String>,
    pub(super) part: Part,
    pub(super) group: Option<String>,
}

impl Split {
    /// The split that entries carry themselves; entries without a part are left out.
    pub(super) fn of_entries(entries: &Entries, classes: &[String], origin: &Path) -> Self {
        let row = |e: Entry| e.part.map(|part| Row::of(e, classes, part));
        Self { origin: origin.to_path_buf(), rows: entries.iter().filter_map(row).collect() }
    }

    /// Indices of the source's entries that belong to a part, in the source's order.
    ///
    /// # Errors
    /// The split names files that the data lacks, or under another label than the data; the part has no
    /// image; for [`Part::Train`], a class of the data has no image in it.
    pub fn indices(&self, source: &Source, part: Part) -> Result<Vec<usize>> {
        self.check_against(source)?;
        let parts = self.part_by_path();
        let of_part = |i: &usize| part_of(&parts, source.entry(*i).path) == Some(part);
        let indices: Vec<usize> = (0..source.len()).filter(of_part).collect();
        if indices.is_empty() {
            return Err(Error::new(format!("no image belongs to the part `{part}`"))
                .at(&self.origin)
                .hint(format!("make a split with `hema split`, or one that names some images `{part}`, and give it with --split")));
        }
        if part == Part::Train {
            self.check_every_class(source, &indices)?;
        }
        Ok(indices)
    }

    /// The split with the images that another one has in a part added to that part.
    #[must_use]
    pub fn with_part_of(mut self, other: &Self, part: Part) -> Self {
        self.rows.extend(other.rows.iter().filter(|row| row.part == part).cloned());
        self
    }

    /// How many of the source's entries the split does not name, and so leaves unused.
    pub fn ignored(&self, source: &Source) -> usize {
        let parts = self.part_by_path();
        source.entries().iter().filter(|e| part_of(&parts, e.path).is_none()).count()
    }

    /// Images of each part, in the order of [`Part::ALL`].
    pub fn counts(&self) -> [u64; 3] {
        Part::ALL.map(|part| self.rows.iter().filter(|r| r.part == part).count() as u64)
    }

    /// Images of every class of a source in each part, classes in the source's order, parts in that of
    /// [`Part::ALL`].
    pub fn class_counts(&self, source: &Source) -> Vec<[u64; 3]> {
        let mut counts = vec![[0; 3]; source.classes().len()];
        for (entry, part) in source.entries().iter().zip(self.parts(source)) {
            if let (Some(label), Some(part)) = (entry.label, part) {
                counts[label][part as usize] += 1;
            }
        }
        counts
    }

    /// The part of every entry of a source, `None` where the split does not name it.
    pub fn parts(&self, source: &Source) -> Vec<Option<Part>> {
        let parts = self.part_by_path();
        source.entries().iter().map(|e| part_of(&parts, e.path)).collect()
    }

    fn part_by_path(&self) -> HashMap<&str, Part> {
        self.rows.iter().map(|r| (r.path.as_str(), r.part)).collect()
    }

    /// Checks that the split fits the data.
    ///
    /// # Errors
    /// The split names files that the data lacks, or under another label than the data.
    pub fn check_against(&self, source: &Source) -> Result<()> {
        let entries: HashMap<&str, Entry> = source.entries().iter().map(|e| (e.path, e)).collect();
        let lacking = |r: &&Row| !entries.contains_key(r.path.as_str());
        let names: BTreeSet<&String> = self.rows.iter().filter_map(|r| r.label.as_ref()).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let labels: HashMap<&String, Option<usize>> = names.iter().zip(source.find_labels(&names)).collect();
        let relabelled = |r: &&Row| {
            let in_data = entries.get(r.path.as_str()).and_then(|e| e.label);
            matches!((in_data, &r.label), (Some(label), Some(name)) if labels[name] != Some(label))
        };
        let fail = |rows: Vec<&Row>, what: &str, hint: &str| {
            if rows.is_empty() {
                return Ok(());
            }
            let first: Vec<&str> = rows.iter().take(3).map(|r| r.path.as_str()).collect();
            let message = format!(
                "{} of its {} files {what}, first: {}",
                rows.len(),
                self.rows.len(),
                first.join(", ")
            );
            Err(Error::new(message).at(&self.origin).hint(hint))
        };
        fail(
            self.rows.iter().filter(lacking).collect(),
            "are not in the data",
            "use the split with the data it was made from, or leave it out to get a new one",
        )?;
        fail(
            self.rows.iter().filter(relabelled).collect(),
            "have another label in the data",
            "leave the split out to get a new one",
        )
    }

    fn check_every_class(&self, source: &Source, indices: &[usize]) -> Result<()> {
        let mut trained = vec![false; source.classes().len()];
        for label in indices.iter().filter_map(|i| source.entry(*i).label) {
            trained[label] = true;
        }
        let untrained =
            source.counts().iter().zip(trained).position(|(count, trained)| *count > 0 && !trained);
        match untrained {
            None => Ok(()),
            Some(class) => {
                let name = &source.classes()[class];
                Err(Error::new(format!("class `{name}` has no image in the part `train`"))
                    .at(&self.origin)
                    .hint("move some of its images there, or leave the class out of the data"))
            }
        }
    }
}

/// The part of an image: that of its row, or for a page of a TIFF file that of the file's.
fn part_of(parts: &HashMap<&str, Part>, path: &str) -> Option<Part> {
    parts.get(path).or_else(|| parts.get(file_of_page(path)?)).copied()
}

impl Row {
    pub(super) fn of(entry: Entry, classes: &[String], part: Part) -> Self {
        let label = entry.label.map(|l| classes[l].clone());
        Self { path: entry.path.to_owned(), label, part, group: entry.group.map(str::to_owned) }
    }
}
