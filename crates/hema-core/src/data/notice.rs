//! What a person ought to be told of data that was opened: what was handed over and is not used, and what was
//! assumed of it. Every command says it, through [`Source::notices`](super::Source::notices).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most examples that a notice names.
const EXAMPLES: usize = 3;

/// The subject of a notice, by a name for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subject {
    /// Class names that the data does not tell and that were assumed.
    AssumedClasses,
    /// The number that is white, in images of more than 8 bits, as their numbers suggest.
    AssumedWhite,
    /// Names that mean one class and were counted together.
    MergedClasses,
    /// Classes whose names differ in spelling alone, and which were kept apart.
    AlikeClasses,
    /// Folders that were taken for classes though they share their sub-folders.
    AlikeFolders,
    /// Links whose target is not there.
    DanglingLinks,
    /// Links to a folder around them, which are not followed.
    LinkLoops,
    /// Links that lead out of the data's folder, and were followed.
    OutwardLinks,
    /// Files of a kind that is not read.
    UnreadKind,
    /// Links inside an archive, which are not followed.
    ArchiveLinks,
    /// Folders of a class without an image that is read, and classes of which no image can be read.
    EmptyClasses,
    /// TIFF files of several pages, of which each is an image.
    Pages,
    /// Pages of TIFF files that are smaller copies of others, or masks.
    SmallerPages,
    /// Pictures with further frames or pages, of which the first is the image.
    FurtherFrames,
    /// Pictures that are transparent in places.
    Alpha,
    /// Files or members that ought to label an image and do not.
    UnusedLabels,
    /// Arrays, columns or shards that are not used.
    UnusedMembers,
    /// A table beside the images that is not used.
    UnusedTable,
    /// Columns of a table that could say something of the images and are not used.
    UnusedColumn,
    /// Images that a table names no label for.
    NoLabel,
    /// Images that a table puts into no group, while others have one.
    NoGroup,
    /// Labels or groups such as `nan` or `None`, which are taken as names.
    OddName,
    /// Labels such as `1.0`, which are taken as whole numbers.
    WholeNumbers,
    /// Folders that are not taken for classes, as a table has the labels.
    FoldersNoClasses,
    /// Rows of a manifest whose files are not there.
    MissingFile,
    /// Images that were written under other names than they had.
    Renamed,
}

impl Subject {
    /// Whether it leaves something out that could have been an image.
    pub fn hides_images(self) -> bool {
        matches!(self, Self::UnreadKind | Self::ArchiveLinks)
    }
}

/// Something about a data set that stops nothing, yet that its owner would want to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Notice {
    /// What it is about.
    pub subject: Subject,
    /// How many things it is about: files, rows, pages, classes.
    pub count: u64,
    /// A sentence for people, without the examples: a small letter first, no full stop.
    pub text: String,
    /// Some of the things, at most three: paths, row numbers, names.
    pub examples: Vec<String>,
}

impl Notice {
    /// Those of some notices that leave out what could have been images, in words; `None` where none does.
    pub(super) fn of_hidden(notices: &[Self]) -> Option<String> {
        let hidden = notices.iter().filter(|notice| notice.subject.hides_images());
        let hidden: Vec<String> = hidden.map(Self::to_string).collect();
        (!hidden.is_empty()).then(|| hidden.join("; "))
    }

    /// A notice on `count` things, of which the first of `examples` are named.
    pub(crate) fn new(
        subject: Subject,
        count: u64,
        text: impl Into<String>,
        examples: impl IntoIterator<Item = String>,
    ) -> Self {
        Self { subject, count, text: text.into(), examples: examples.into_iter().take(EXAMPLES).collect() }
    }
}

/// Things of one kind, counted, of which the first are named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    count: u64,
    examples: Vec<String>,
}

impl Tally {
    /// Counts one more.
    pub(crate) fn add(&mut self, name: &str) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(name.to_owned());
        }
    }

    /// Takes over what was counted elsewhere.
    pub(crate) fn append(&mut self, other: Self) {
        self.count += other.count;
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES);
    }

    /// The notice on all of them, with a text that is made of their number; `None` where there are none.
    pub(crate) fn notice(&self, subject: Subject, text: impl FnOnce(u64) -> String) -> Option<Notice> {
        (self.count > 0).then(|| Notice::new(subject, self.count, text(self.count), self.examples.clone()))
    }
}

impl<'a> FromIterator<&'a str> for Tally {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut tally = Self::default();
        names.into_iter().for_each(|name| tally.add(name));
        tally
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match (self.examples.as_slice(), self.count as usize > self.examples.len()) {
            ([], _) => Ok(()),
            (examples, false) => write!(f, ": {}", examples.join(", ")),
            (examples, true) => write!(f, ": {}, ...", examples.join(", ")),
        }
    }
}
