//! A data set that has been opened: its entries and where they lie, before anything is decoded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::classes;
use super::deep::{Range, White};
use super::entries::{Entries, Entry};
use super::notice::Notice;
use super::part::Part;
use super::place::{Fetched, Place};
use super::place_table::PlaceTable;
use crate::error::{Error, Result, suggest};
use crate::sample::Image;

/// An opened data set: class names and entries, in order of their paths.
pub struct Source {
    path: PathBuf,
    /// The name of its reader.
    form: &'static str,
    classes: Vec<String>,
    numeric: bool,
    entries: Entries,
    /// Where each entry's bytes lie.
    pub(super) places: PlaceTable,
    split_csv: Option<Vec<u8>>,
    notices: Vec<Notice>,
    /// The numbers of arrays of more than 8 bits.
    pub(super) arrays: Option<Range>,
    /// The number that is white, in images of more than 8 bits.
    pub(super) white: Option<f64>,
    /// Whether that was given, not told by the images.
    pub(super) white_is_given: bool,
}

/// The images that a reader finds in an input, with their labels, parts and groups.
#[derive(Default)]
pub(super) struct Contents {
    /// Class names in label order; empty when nothing is labelled.
    pub(super) classes: Vec<String>,
    /// Labels came as numbers, so that they also fit a class list with other names.
    pub(super) numeric: bool,
    /// The images, in order of their paths.
    pub(super) entries: Entries,
    /// Where each entry's bytes lie, in the same order.
    pub(super) places: PlaceTable,
    /// Text of a `split.csv` at the data's root.
    pub(super) split_csv: Option<Vec<u8>>,
    /// What is not used of the input, or was assumed.
    pub(super) notices: Vec<Notice>,
    /// The numbers that arrays of more than 8 bits hold.
    pub(super) arrays: Option<Range>,
}

/// The treatment of labels that a class list does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Report an error.
    Fail,
    /// Treat the images as unlabelled.
    Unlabel,
}

impl Source {
    /// The contents of an input at a path, in the form that a reader is named after.
    pub(super) fn new(path: &Path, form: &'static str, contents: Contents) -> Self {
        let Contents { classes, numeric, entries, places, split_csv, notices, arrays } = contents;
        let path = path.to_path_buf();
        let (white, white_is_given) = (None, false);
        Self {
            path,
            form,
            classes,
            numeric,
            entries,
            places,
            split_csv,
            notices,
            arrays,
            white,
            white_is_given,
        }
    }

    /// Several sources as one, their classes united, each entry's path behind its source's.
    pub(super) fn merge(sources: Vec<Self>) -> Self {
        let labelled = || sources.iter().filter(|s| !s.classes.is_empty());
        let numeric = labelled().all(|s| s.numeric) && labelled().next().is_some();
        let found: BTreeSet<String> = labelled().flat_map(|s| s.classes.iter().cloned()).collect();
        let mut united = classes::order(&found);
        if numeric {
            united.names = classes::numbered(labelled().map(|s| s.classes.len()).max().unwrap_or(0));
        }
        let mut merged = Contents { classes: united.names, numeric, ..Contents::default() };
        for mut source in sources {
            merged.notices.append(&mut source.notices);
            merged.arrays = Range::union_of(merged.arrays, source.arrays);
            let united_label =
                |label: usize| if numeric { label } else { united.labels[&source.classes[label]] };
            let is_picture = source.len() == 1 && source.file(0).is_some_and(|path| path == source.path);
            for (entry, place) in source.entries.iter().zip(source.places.iter()) {
                let path = if is_picture { source.path.clone() } else { source.path.join(entry.path) };
                let (path, label) = (&*path.to_string_lossy(), entry.label.map(united_label));
                merged.entries.push(Entry { path, label, ..entry });
                merged.places.push(place);
            }
        }
        Self::new(Path::new(""), "several inputs", merged)
    }

    /// The input's path as given; empty when several were opened together.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The form of the input, by the name of its [`Reader`](super::Reader): an image folder, a tar archive,
    /// ...
    pub fn form(&self) -> &'static str {
        self.form
    }

    /// Class names in label order; empty when nothing is labelled.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The images, in order of their paths.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Image `i`, which must be below [`Source::len`].
    pub fn entry(&self, i: usize) -> Entry<'_> {
        self.entries.get(i)
    }

    /// What of the input is not used, and what was assumed of it, in the order found.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    pub(super) fn add_notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// The number that is white in images of more than 8 bits, as it was given or as their numbers tell;
    /// `None` when all images that were looked at have 8 bits.
    pub fn white(&self) -> Option<f64> {
        self.white
    }

    /// The number that is white for a model that was trained with `trained`: what was given goes before it,
    /// what the images tell comes after.
    pub(super) fn white_for(&self, trained: Option<f64>) -> Option<f64> {
        if self.white_is_given { self.white } else { trained.or(self.white) }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether some image belongs to a group.
    pub fn has_groups(&self) -> bool {
        self.entries.iter().any(|entry| entry.group.is_some())
    }

    /// Images of each class, in class order; unlabelled ones count nowhere.
    pub fn counts(&self) -> Vec<u64> {
        count_labels(self.classes.len(), self.entries.iter().map(|e| e.label))
    }

    /// Gives the labels the positions they have in a class list (a model's). Names match under any known
    /// spelling; labels that are only numbers match by position where their names do not.
    ///
    /// # Errors
    /// An image of a class that the list lacks, under [`Unknown::Fail`].
    pub fn with_classes(mut self, classes: &[String], unknown: Unknown) -> Result<Self> {
        let counts = self.counts();
        let by_name = |own: &String| classes.iter().position(|known| classes::same_class(own, known));
        let mut positions: Vec<Option<usize>> = self.classes.iter().map(by_name).collect();
        if self.numeric && self.classes.len() <= classes.len() && positions.contains(&None) {
            positions = (0..self.classes.len()).map(Some).collect();
        }
        let missing = (0..positions.len()).find(|own| positions[*own].is_none() && counts[*own] > 0);
        if let (Some(own), Unknown::Fail) = (missing, unknown) {
            let name = &self.classes[own];
            let message =
                format!("holds {} images of class `{name}`, which the model does not know", counts[own]);
            return Err(Error::new(message)
                .at(&self.path)
                .hint(suggest(name, classes.iter().map(String::as_str))));
        }
        for i in 0..self.len() {
            let label = self.entry(i).label.and_then(|own| positions[own]);
            self.entries.set_label(i, label);
        }
        self.classes = classes.to_vec();
        self.numeric = false;
        Ok(self)
    }

    /// Puts every entry into the group given for it, in place of its own.
    pub(crate) fn with_groups(mut self, groups: &[Option<String>]) -> Self {
        for (i, group) in groups.iter().enumerate() {
            self.entries.set_group(i, group.as_deref());
        }
        self
    }

    /// Text of a `split.csv` at the data's root.
    pub(crate) fn split_csv(&self) -> Option<&[u8]> {
        self.split_csv.as_deref()
    }

    /// Whether labels came as numbers, without names.
    pub(super) fn is_numeric(&self) -> bool {
        self.numeric
    }

    /// Gives every entry the part given for it, in place of its own.
    pub(crate) fn with_parts(mut self, parts: &[Option<Part>]) -> Self {
        for (i, part) in parts.iter().enumerate() {
            self.entries.set_part(i, *part);
        }
        self
    }

    /// Removes the parts of all entries.
    pub fn without_parts(mut self) -> Self {
        (0..self.len()).for_each(|i| self.entries.set_part(i, None));
        self.split_csv = None;
        self
    }

    /// Decodes one image at full size. In a compressed archive or array this reads everything before it; to
    /// read many images, load a [`Dataset`](super::Dataset).
    ///
    /// # Errors
    /// An image that cannot be read, with its path. `index` must be below [`Source::len`].
    pub fn image(&self, index: usize) -> Result<Image> {
        self.places
            .get(index)
            .picture(Fetched::Later, self.white.map_or(White::Unknown, White::At))
            .map(|picture| picture.image)
            .map_err(|e| e.at(self.location(index)))
    }

    /// Path of an entry that is a file of its own; `None` for one inside an archive or an array.
    pub fn file(&self, index: usize) -> Option<PathBuf> {
        match self.places.get(index) {
            Place::File(path) => Some(path),
            Place::Span { .. } => None,
        }
    }

    /// Where an entry is, for messages: its file, or the archive's path and its own under it.
    pub(super) fn location(&self, index: usize) -> PathBuf {
        self.file(index).unwrap_or_else(|| self.path.join(self.entry(index).path))
    }
}

/// Images per class.
pub(super) fn count_labels(classes: usize, labels: impl Iterator<Item = Option<usize>>) -> Vec<u64> {
    let mut counts = vec![0; classes];
    labels.flatten().for_each(|label| counts[label] += 1);
    counts
}
