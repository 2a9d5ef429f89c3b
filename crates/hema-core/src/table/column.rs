//! The columns of tables that mean something here, and the other names that people give them.

use csv::StringRecord;

use crate::error::{Error, Result};

/// A kind of column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// The path of an image.
    Path,
    /// The name or the number of its class.
    Label,
    /// The patient, the slide or another name of the images that belong together.
    Group,
    /// The part that it belongs to.
    Part,
}

/// The names of every kind: its own first, then the usual ones, the likelier first. Case, spaces, hyphens and
/// underscores make no difference.
const NAMES: [(Column, &[&str]); 4] = [
    (
        Column::Path,
        &[
            "path",
            "file_name",
            "file_path",
            "image_path",
            "image_file",
            "image_name",
            "img_path",
            "img_name",
            "file",
            "image",
            "img",
            "filenames",
            "image_id",
            "id",
        ],
    ),
    (
        Column::Label,
        &["label", "labels", "class", "class_name", "class_label", "category", "cell_type", "target"],
    ),
    (
        Column::Group,
        &[
            "group",
            "groups",
            "group_id",
            "patient",
            "patient_id",
            "subject",
            "subject_id",
            "donor",
            "donor_id",
            "slide",
            "slide_id",
        ],
    ),
    (Column::Part, &["split", "part", "partition", "subset", "set"]),
];

/// A name as it is compared.
fn key(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Column {
    /// The kind that a name in a header stands for.
    pub(super) fn of(name: &str) -> Option<Self> {
        let key = key(name);
        let has = |names: &[&str]| names.iter().any(|known| self::key(known) == key);
        NAMES.iter().find(|(_, names)| has(names)).map(|(column, _)| *column)
    }

    fn names(self) -> &'static [&'static str] {
        NAMES.iter().find(|(column, _)| *column == self).map_or(&[], |(_, names)| *names)
    }

    /// Its own name.
    pub(super) fn name(self) -> &'static str {
        self.names()[0]
    }

    /// The names that are understood as well.
    pub(super) fn other_names(self) -> &'static [&'static str] {
        &self.names()[1..]
    }

    /// Where a header has the column: under its own name, else under another.
    ///
    /// A table may name images, and what they belong to, in several ways: the likeliest is taken. Of two
    /// labels only its author can tell which is meant.
    ///
    /// # Errors
    /// Two columns of its own name; of labels and parts, two of other names.
    pub(super) fn among(self, header: &StringRecord) -> Result<Option<usize>> {
        let called = |name: &str| -> Vec<usize> {
            let key = key(name);
            (0..header.len()).filter(|i| self::key(&header[*i]) == key).collect()
        };
        let (own, others) = (called(self.name()), self.other_names().iter().flat_map(|name| called(name)));
        let found = if own.is_empty() { others.collect() } else { own };
        let is_clear = found.len() < 2
            || matches!(self, Self::Path | Self::Group) && key(&header[found[0]]) != key(&header[found[1]]);
        if is_clear {
            return Ok(found.first().copied());
        }
        let (first, second) = (&header[found[0]], &header[found[1]]);
        let name = self.name();
        Err(Error::new(format!("the columns `{first}` and `{second}` could both be the {name}"))
            .hint(format!("call the right one `{name}`, and the other something else")))
    }
}
