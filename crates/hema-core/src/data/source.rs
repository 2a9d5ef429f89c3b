//! A data set that has been opened: its entries and where they lie, before anything is decoded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::classes::{self, ClassList, match_classes, number_of};
use super::deep::{Range, White};
use super::entries::{Entries, Entry};
use super::memory::Reservation;
use super::notice::{Notice, Subject};
use super::part::Part;
use super::place::{Fetched, Place};
use super::place_table::PlaceTable;
use super::remarks::{Marked, Remark, Remarks};
use crate::error::{Error, Result, counted, suggest};
use crate::sample::Image;
use crate::spelling::quoted;

/// The name of the reader of one picture file.
pub(super) const SINGLE_IMAGE: &str = "single image";

/// An opened data set: class names and entries, in order of their paths.
pub struct Source {
    path: PathBuf,
    /// The name of its reader.
    form: &'static str,
    classes: ClassList,
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
    /// What the images decoded so far turned out to be.
    pub(super) remarks: Remarks,
}

/// The images that a reader finds in an input, with their labels, parts and groups.
#[derive(Default)]
pub(super) struct Contents {
    /// The classes in label order; empty when nothing is labelled.
    pub(super) classes: ClassList,
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
        let Contents { classes, entries, places, split_csv, notices, arrays } = contents;
        let (path, remarks) = (path.to_path_buf(), Remarks::default());
        let (white, white_is_given) = (None, false);
        Self {
            path,
            form,
            classes,
            entries,
            places,
            split_csv,
            notices,
            arrays,
            white,
            white_is_given,
            remarks,
        }
    }

    /// Several sources as one, their classes united, each entry's path behind its source's. Names are united
    /// with names, numbers with numbers.
    pub(super) fn merge(sources: Vec<Self>) -> Self {
        let united = unite(&sources);
        let mut merged = Contents { classes: united.classes, notices: united.notices, ..Contents::default() };
        for (mut source, labels) in sources.into_iter().zip(united.labels) {
            merged.notices.append(&mut source.notices);
            merged.arrays = Range::union_of(merged.arrays, source.arrays);
            // a single picture's only folder is its own
            let folder = if source.form == SINGLE_IMAGE { source.path.parent() } else { Some(&*source.path) };
            for (entry, place) in source.entries.iter().zip(source.places.iter()) {
                let path = folder.unwrap_or(Path::new("")).join(entry.path);
                let (path, label) = (&*path.to_string_lossy(), entry.label.map(|label| labels[label]));
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
        self.classes.names()
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

    /// What of the images decoded so far is not used, and classes none of whose images can be read. Like
    /// [`notices`](Self::notices), yet known only after [`visit`](Self::visit), a
    /// [`Dataset`](super::Dataset) or anything else went over the images.
    pub fn picture_notices(&self) -> Vec<Notice> {
        let of_images = |subject, remark, text: fn(u64) -> String| {
            let marked = self.remarks.of(remark);
            let examples = marked.iter().map(|i| self.entry(i).path.to_owned());
            (marked.count() > 0).then(|| Notice::new(subject, marked.count(), text(marked.count()), examples))
        };
        let alpha = of_images(Subject::Alpha, Remark::Alpha, |count| {
            format!(
                "{} transparent in places, of which the colours beneath are used",
                counted(count, "image")
            )
        });
        let frames = of_images(Subject::FurtherFrames, Remark::Frames, |count| {
            format!(
                "{} with further frames or pages, of which only the first is used",
                counted(count, "image")
            )
        });
        let lost = self.lost_classes(&self.remarks.of(Remark::Unreadable));
        let count = lost.len() as u64;
        let text = format!("{} without an image that can be read", counted(count, "class"));
        let lost = (count > 0).then(|| Notice::new(Subject::EmptyClasses, count, text, lost));
        [alpha, frames, lost].into_iter().flatten().collect()
    }

    /// Everything that is not used or was assumed, as far as it is known: [`notices`](Self::notices), then
    /// [`picture_notices`](Self::picture_notices).
    pub fn all_notices(&self) -> Vec<Notice> {
        [self.notices.clone(), self.picture_notices()].concat()
    }

    /// Refuses inputs with files that could have been images and would have no answer.
    ///
    /// # Errors
    /// Such files, by kind.
    pub fn refuse_hidden(&self) -> Result<()> {
        let Some(hidden) = Notice::of_hidden(&self.notices) else { return Ok(()) };
        Err(Error::new(format!("holds files that would have no row ({hidden})"))
            .at(self.path())
            .hint("convert them to PNG or TIFF, or leave them out with `--on-bad-image skip`"))
    }

    /// Classes all of whose images are among these.
    fn lost_classes(&self, unreadable: &Marked) -> Vec<String> {
        if unreadable.count() == 0 {
            return Vec::new();
        }
        let lost = count_labels(self.classes.len(), unreadable.iter().map(|i| self.entry(i).label));
        let all = self.counts();
        (0..all.len())
            .filter(|class| all[*class] > 0 && lost[*class] == all[*class])
            .map(|class| self.classes()[class].clone())
            .collect()
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

    /// Gives the labels the positions they have in a class list (a model's), as [`match_classes`] finds them.
    /// Labels that are only numbers are found by number, or by position in a list of names; the latter is an
    /// assumption, which a notice tells.
    ///
    /// # Errors
    /// An image of a class that the list lacks, under [`Unknown::Fail`].
    pub fn with_classes(mut self, classes: &[String], unknown: Unknown) -> Result<Self> {
        let counts = self.counts();
        let placed = self.classes.place_in(classes, &counts);
        let missing = (0..counts.len()).find(|own| placed.positions[*own].is_none() && counts[*own] > 0);
        if let (Some(own), Unknown::Fail) = (missing, unknown) {
            let (name, count) = (&self.classes()[own], counts[own]);
            let images = if count == 1 { "1 image" } else { &format!("{count} images") };
            let message = format!("holds {images} of class `{name}`, which the model does not know");
            return Err(Error::new(message).at(&self.path).hint(self.hint_for(own, classes)));
        }
        for i in 0..self.len() {
            let label = self.entry(i).label.and_then(|own| placed.positions[own]);
            self.entries.set_label(i, label);
        }
        let mut numbers = vec![None; classes.len()];
        if placed.by_number {
            for (own, position) in placed.positions.iter().enumerate() {
                if let Some(position) = position {
                    numbers[*position] = self.classes.numbers()[own];
                }
            }
        }
        self.classes = ClassList::default();
        classes.iter().zip(numbers).for_each(|(name, number)| self.classes.push(name.clone(), number));
        self.notices.extend(placed.notice);
        Ok(self)
    }

    /// What to do about a class that a model does not know.
    fn hint_for(&self, own: usize, known: &[String]) -> String {
        let list = || known.join(", ");
        if self.classes.numbers()[own].is_some() {
            return format!(
                "labels that are numbers are positions in the model's list, from 0 to {}: {}; give the labels by name",
                known.len().saturating_sub(1),
                list()
            );
        }
        let name = &self.classes()[own];
        let alike = |other: &&String| classes::key(other) == classes::key(name);
        if known.iter().any(|known| alike(&known)) {
            let same =
                [self.classes(), known].concat().iter().filter(alike).cloned().collect::<BTreeSet<_>>();
            let same: Vec<String> = same.iter().map(|name| quoted(name)).collect();
            return format!(
                "{} are too much alike to match; the model knows: {}",
                same.join(" and "),
                list()
            );
        }
        suggest(name, known.iter().map(String::as_str))
    }

    /// The labels that class names in another file stand for, by name, or by number where the data has
    /// numbers in place of names.
    pub(crate) fn find_labels(&self, names: &[String]) -> Vec<Option<usize>> {
        // several names of one class in the file are one class, as they are in the data
        let united = classes::order(&names.iter().cloned().collect());
        let of_united = match_classes(united.classes.names(), self.classes());
        let by_number = |name: &String| self.classes.position_of_number(number_of(name)?);
        names
            .iter()
            .zip(match_classes(names, self.classes()))
            .map(|(name, exact)| exact.or_else(|| of_united[united.labels[name]]).or_else(|| by_number(name)))
            .collect()
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
        self.classes.is_numeric()
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
            .picture(Fetched::Later, self.white.map_or(White::Unknown, White::At), &mut Reservation::new())
            .map(|(picture, _)| picture.image)
            .map_err(|e| e.at(self.location(index)))
    }

    /// Path of an entry that is a file of its own; `None` for one inside an archive or an array.
    pub fn file(&self, index: usize) -> Option<PathBuf> {
        match self.places.get(index) {
            Place::File(path) | Place::Missing(path) => Some(path),
            Place::Span { .. } | Place::Page { .. } => None,
        }
    }

    /// Where an entry is, for messages: its file, or the archive's path and its own under it.
    pub(super) fn location(&self, index: usize) -> PathBuf {
        let entry = self.entry(index);
        match self.places.get(index) {
            Place::File(path) | Place::Missing(path) => path,
            Place::Page { file, .. } if matches!(*file, Place::File(_)) && self.form == SINGLE_IMAGE => {
                self.path.with_file_name(entry.path)
            }
            _ => self.path.join(entry.path),
        }
    }
}

/// The classes of several sources as one list.
struct United {
    classes: ClassList,
    /// For each source, the label in the list of each of its classes.
    labels: Vec<Vec<usize>>,
    notices: Vec<Notice>,
}

fn unite(sources: &[Source]) -> United {
    let all =
        || sources.iter().flat_map(|source| source.classes.names().iter().zip(source.classes.numbers()));
    let named = all().filter(|(_, number)| number.is_none()).map(|(name, _)| name.clone()).collect();
    let classes::Found { mut classes, labels: of_name, notices } = classes::order(&named);
    let mut numbers: BTreeMap<usize, &String> = BTreeMap::new();
    for (name, number) in all() {
        number.map(|number| *numbers.entry(number).or_insert(name));
    }
    let mut of_number = BTreeMap::new();
    for (number, name) in numbers {
        of_number.insert(number, classes.len());
        classes.push(name.clone(), Some(number));
    }
    let label = |(name, number): (&String, &Option<usize>)| match number {
        Some(number) => of_number[number],
        None => of_name[name],
    };
    let of_source =
        |source: &Source| source.classes.names().iter().zip(source.classes.numbers()).map(label).collect();
    United { labels: sources.iter().map(of_source).collect(), classes, notices }
}

/// Images per class.
pub(super) fn count_labels(classes: usize, labels: impl Iterator<Item = Option<usize>>) -> Vec<u64> {
    let mut counts = vec![0; classes];
    labels.flatten().for_each(|label| counts[label] += 1);
    counts
}
