//! A class list as a file beside the images: `number,class`, a row a class. It is written where the names of
//! the classes that have images do not tell the list: `class_10` comes before `class_2` by name, and a class
//! without an image has no name at all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::found::{Found, listed, order};
use super::matching::match_classes;
use crate::error::{Error, Result};
use crate::file;
use crate::spreadsheet::{defused, restored};

/// Name of the file at the root of a data set.
pub(crate) const CLASSES_FILE: &str = "classes.csv";

/// The place of a manifest's list: `cells.classes.csv` beside `cells.csv`.
pub(crate) fn classes_of_manifest(manifest: &Path) -> PathBuf {
    manifest.with_extension(CLASSES_FILE)
}

/// Its columns.
const COLUMNS: [&str; 2] = ["number", "class"];

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// A class list on its way to a file.
pub(crate) struct ClassesFile {
    classes: Vec<String>,
    /// Whether each class has an image.
    present: Vec<bool>,
}

impl ClassesFile {
    /// The list of a data set that is begun.
    pub(crate) fn new(classes: &[String]) -> Self {
        Self { classes: classes.to_vec(), present: vec![false; classes.len()] }
    }

    /// Notes an image.
    pub(crate) fn add(&mut self, label: Option<usize>) {
        if let Some(label) = label {
            self.present[label] = true;
        }
    }

    /// Whether some class has no image, while another has one.
    pub(crate) fn has_gaps(&self) -> bool {
        self.present.contains(&true) && self.present.contains(&false)
    }

    /// Whether the names of the classes that have images would be read as another list.
    pub(crate) fn is_needed(&self) -> bool {
        let present = self.classes.iter().zip(&self.present).filter(|(_, present)| **present);
        let names: BTreeSet<String> = present.map(|(name, _)| name.clone()).collect();
        !names.is_empty() && order(&names).classes.names() != self.classes
    }

    /// The text of the file.
    ///
    /// # Errors
    /// None but those of the writer of the table.
    pub(crate) fn text(&self) -> Result<Vec<u8>> {
        let bad = |e: &dyn std::fmt::Display| Error::new(format!("the classes cannot be listed: {e}"));
        let mut text = csv::Writer::from_writer(Vec::new());
        text.write_record(COLUMNS).map_err(|e| bad(&e))?;
        for (number, name) in self.classes.iter().enumerate() {
            text.write_record([number.to_string(), defused(name)]).map_err(|e| bad(&e))?;
        }
        text.into_inner().map_err(|e| bad(&e))
    }
}

/// The class list in a file; `None` for a table of something else, which other software may call so too.
///
/// # Errors
/// A damaged table, classes that are not numbered from 0 on.
pub(crate) fn read_classes(text: &[u8]) -> Result<Option<Vec<String>>> {
    let bad = |e: csv::Error| Error::new(format!("is not a readable list of classes: {e}"));
    let mut table = csv::Reader::from_reader(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
    if table.headers().map_or(true, |header| !header.iter().map(str::trim).eq(COLUMNS)) {
        return Ok(None);
    }
    let mut classes = Vec::new();
    for row in table.records() {
        let row = row.map_err(bad)?;
        let (number, name) = (row[0].trim(), restored(&row[1]));
        if number != classes.len().to_string() || name.is_empty() {
            let message =
                format!("gives the class `{name}` the number {number} (expected {})", classes.len());
            return Err(Error::new(message).hint("number the classes from 0 on, in their order"));
        }
        classes.push(name.to_owned());
    }
    Ok(Some(classes))
}

/// The class list in a file that may be there, see [`read_classes`].
///
/// # Errors
/// The errors of [`read_classes`]; a file that cannot be read.
pub(crate) fn read_classes_at(path: &Path) -> Result<Option<Vec<String>>> {
    if !file::exists(path)? {
        return Ok(None);
    }
    read_classes(&file::read(path, MAX_FILE)?).map_err(|e| e.at(path))
}

/// The classes of a list, with the label of every name found; as [`order`] has them without a list, or by one
/// that has none of the names, and so belongs to other data.
///
/// # Errors
/// A name that the list lacks while it has others; names of the list that print the same.
pub(crate) fn order_as(list: Option<&[String]>, found: &BTreeSet<String>) -> Result<Found> {
    let Some(list) = list else { return Ok(order(found)) };
    let names: Vec<String> = found.iter().cloned().collect();
    let positions = match_classes(&names, list);
    if positions.iter().all(Option::is_none) {
        return Ok(order(found));
    }
    if let Some(missing) = positions.iter().position(Option::is_none) {
        let message = format!("the list of classes lacks `{}`, of which there are images", names[missing]);
        return Err(Error::new(message).hint(
            "add it behind the others, or remove the list to have the classes in the order of their names",
        ));
    }
    let (classes, notices) = listed(list)?;
    let labels = names.into_iter().zip(positions.into_iter().flatten()).collect();
    Ok(Found { classes, labels, notices })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn file(classes: &[&str], present: &[usize]) -> ClassesFile {
        let mut file = ClassesFile::new(&names(classes));
        for label in present {
            file.add(Some(*label));
        }
        file
    }

    #[test]
    fn a_list_is_written_where_names_do_not_tell_it_and_reads_back() {
        for (classes, present, needed) in [
            (&["a", "b"][..], &[0, 1][..], false),
            (&["basophil", "platelet", "=x"], &[0, 1, 2], true),
            (&["class_0", "class_10", "class_2"], &[0, 1, 2], false),
            (&["class_0", "class_2", "class_10"], &[0, 1, 2], true),
            (&["0", "2", "10"], &[0, 1, 2], false),
            (&["a", "b", "c"], &[0, 2], true),
            (&["a", "b"], &[], false),
        ] {
            let file = file(classes, present);
            assert_eq!(file.is_needed(), needed, "{classes:?}");
            assert_eq!(read_classes(&file.text().unwrap()).unwrap().unwrap(), classes);
        }
        assert_eq!(read_classes(b"id,name\n0,a\n").unwrap(), None);
        assert!(read_classes(b"number,class\n1,a\n").unwrap_err().to_string().contains("(expected 0)"));
    }

    #[test]
    fn names_get_the_numbers_of_a_list_and_a_list_of_other_data_says_nothing() {
        let list = names(&["class_0", "class_2", "class_10"]);
        let found = |given: &[&str]| order_as(Some(&list), &names(given).into_iter().collect());
        let known = found(&["class_10", "class_0"]).unwrap();
        assert_eq!((known.classes.names(), known.labels["class_10"]), (&list[..], 2));
        assert_eq!(found(&["blast"]).unwrap().classes.names(), ["blast"]);
        assert!(found(&["blast", "class_0"]).err().unwrap().to_string().contains("lacks `blast`"));
    }
}
