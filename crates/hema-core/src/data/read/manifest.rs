//! CSV manifests: `path,label[,split][,group]`, paths relative to the manifest's folder.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::input::Input;
use crate::data::classes;
use crate::data::entries::{Entries, Entry};
use crate::data::part::Part;
use crate::data::place::Place;
use crate::data::place_table::PlaceTable;
use crate::data::source::Contents;
use crate::error::{Error, Result};
use crate::file;

/// A file that is named like a CSV file, whatever it begins with.
pub(super) fn recognises(input: &Input) -> bool {
    input.is_file_named("csv")
}

/// Opens a manifest. Files are not touched; an empty label leaves an image unlabelled.
pub(super) fn open(input: &mut Input) -> Result<Contents> {
    let path = input.path();
    let bad = |e: csv::Error| Error::new(format!("is not a readable CSV file: {e}")).at(path);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file::open(path)?);
    let header: Vec<String> =
        reader.headers().map_err(bad)?.iter().map(|c| c.trim_start_matches('\u{feff}').to_owned()).collect();
    let column = |name: &str| header.iter().position(|c| c == name);
    let path_column = column("path").ok_or_else(|| {
        let message = format!("has no column `path` (found: {})", header.join(","));
        Error::new(message)
            .at(path)
            .hint("a manifest begins with `path,label`, then perhaps `split` and `group`")
    })?;
    let (label_column, group_column) = (column("label"), column("group"));
    let split_column = column("split").or_else(|| column("part"));

    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut entries, mut places, mut labels) = (Entries::default(), PlaceTable::default(), Vec::new());
    let mut seen = HashSet::new();
    for record in reader.records() {
        let record = record.map_err(bad)?;
        let line = record.position().map_or(0, csv::Position::line);
        let fail = |message: String| Error::new(format!("line {line}: {message}")).at(path);
        let cell = |column: Option<usize>| column.map(|c| record[c].to_owned()).filter(|c| !c.is_empty());
        let name = cell(Some(path_column)).ok_or_else(|| fail("the path is empty".into()))?;
        let part: Option<Part> =
            cell(split_column).map(|c| c.parse()).transpose().map_err(|e: Error| fail(e.to_string()))?;
        places.push(Place::File(folder.join(&name)));
        labels.push(cell(label_column));
        entries.push(Entry { path: &name, label: None, part, group: cell(group_column).as_deref() });
        if let Some(twice) = seen.replace(name) {
            return Err(fail(format!("`{twice}` is named twice")));
        }
    }
    let found: BTreeSet<String> = labels.iter().flatten().cloned().collect();
    let classes::Found { classes, labels: label_of, notices } = classes::order(&found);
    for (i, label) in labels.into_iter().enumerate() {
        entries.set_label(i, label.map(|name| label_of[&name]));
    }
    Ok(Contents { classes, entries, places, notices, ..Contents::default() })
}
