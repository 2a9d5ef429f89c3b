//! Manifests, `path,label[,split][,group]`, as CSV or a JSON object a line: paths relative to the manifest's
//! folder.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use rayon::prelude::*;

use super::input::Input;
use super::labels::Labels;
use super::side_table::{notices_on_groups, set_aside};
use crate::data::classes;
use crate::data::entries::{Entries, Entry};
use crate::data::notice::{Notice, Subject};
use crate::data::part::Part;
use crate::data::place::Place;
use crate::data::place_table::PlaceTable;
use crate::data::source::Contents;
use crate::error::{Error, Result};
use crate::file;
use crate::table::{Column, Row, Table};

/// The endings of manifests.
const ENDINGS: [&str; 3] = ["csv", "tsv", "jsonl"];
/// A right header.
const HEADER: &str = "path,label";
/// Rows that are looked at to tell how paths are written.
const TELLING: usize = 16;
/// Most leading folders of a path that may be too many.
const MOST_FOLDERS: usize = 16;

/// A file that is named like a table, whatever it begins with.
pub(super) fn recognises(input: &Input) -> bool {
    ENDINGS.iter().any(|ending| input.is_file_named(ending))
}

/// Opens a manifest. Files are looked for, not opened; an empty label leaves an image unlabelled.
pub(super) fn open(input: &mut Input) -> Result<Contents> {
    let path = input.path();
    if file::is_address(path) {
        return Err(Error::new("is a table of paths at an address (expected an archive)").at(path).hint(
            "pictures are read from archives, not one by one: pack them into shards with `hema data convert`",
        ));
    }
    let mut table = Table::read(file::open(path)?, path)?;
    let path_column = Some(table.require(Column::Path, HEADER)?);
    let [label_column, group_column, part_column] =
        [Column::Label, Column::Group, Column::Part].map(|column| table.find(column));
    let (label_column, group_column, part_column) = (label_column?, group_column?, part_column?);
    let mut notices: Vec<Notice> = set_aside(&table, group_column).into_iter().collect();
    notices.extend(no_label_column(&table, label_column));

    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut entries, mut places, mut labels) =
        (Entries::default(), PlaceTable::default(), Labels::default());
    let mut seen = HashSet::new();
    let mut rows = Vec::new();
    while rows.len() < TELLING
        && let Some(row) = table.next_row()?
    {
        rows.push(row);
    }
    let spelling =
        Spelling::of(&rows.iter().filter_map(|row| row.cell(path_column)).collect::<Vec<_>>(), folder);
    let mut rows = rows.into_iter();
    let mut next = || rows.next().map_or_else(|| table.next_row(), |row| Ok(Some(row)));
    while let Some(row) = next()? {
        let fail = |message: String| Error::new(format!("line {}: {message}", row.line)).at(path);
        let name = row.cell(path_column).ok_or_else(|| fail("the path is empty".into()))?;
        let name = spelling.read(name);
        let part = part(&row, part_column).map_err(|e| fail(e.message().to_owned()))?;
        places.push(Place::File(folder.join(&name)));
        labels.push(row.cell(label_column));
        entries.push(Entry { path: &name, label: None, part, group: row.cell(group_column) });
        if let Some(twice) = seen.replace(name) {
            return Err(fail(format!("`{twice}` is named twice")));
        }
    }
    drop(seen);
    notices.append(&mut labels.tidy());
    notices.append(&mut notices_on_groups(&entries));
    notices.extend(missing_files(&entries, &mut places)?);

    let found: BTreeSet<String> = labels.names().map(str::to_owned).collect();
    let list = classes::classes_of_manifest(path);
    let classes::Found { classes, labels: label_of, notices: of_classes } =
        classes::order_as(classes::read_classes_at(&list)?.as_deref(), &found).map_err(|e| e.at(list))?;
    notices.extend(of_classes);
    for i in 0..entries.len() {
        entries.set_label(i, labels.get(i).map(|name| label_of[name]));
    }
    Ok(Contents { classes, entries, places, notices, ..Contents::default() })
}

fn part(row: &Row, column: Option<usize>) -> Result<Option<Part>> {
    row.cell(column).map(str::parse).transpose()
}

/// A notice that no column is taken for the label, where one might be meant to be.
fn no_label_column(table: &Table, label: Option<usize>) -> Option<Notice> {
    let others = table.unknown_columns();
    let others: Vec<String> = others.into_iter().map(str::to_owned).collect();
    (label.is_none() && !others.is_empty()).then(|| {
        let text = "no column is called `label`, and none of the others is taken for it";
        Notice::new(Subject::UnusedColumn, others.len() as u64, text, others)
    })
}

/// Finds the rows whose files are not there, and gives a notice of them.
fn missing_files(entries: &Entries, places: &mut PlaceTable) -> Result<Option<Notice>> {
    let missing = |i: usize| match places.get(i) {
        Place::File(path) => Ok((!file::exists(&path)?).then_some(i)),
        Place::Missing(_) | Place::Span { .. } | Place::Page { .. } => Ok(None),
    };
    let missing: Vec<usize> =
        (0..entries.len()).into_par_iter().filter_map(|i| missing(i).transpose()).collect::<Result<_>>()?;
    for i in &missing {
        places.set_missing(*i);
    }
    Ok((!missing.is_empty()).then(|| {
        let count = missing.len();
        let text = format!("{count} of {} rows name files that are not there", entries.len());
        let first = missing.into_iter().take(3).map(|i| entries.get(i).path.to_owned());
        Notice::new(Subject::MissingFile, count as u64, text, first)
    }))
}

/// How the paths of a manifest are written.
enum Spelling {
    /// As the files lie under its folder.
    Plain,
    /// With backslashes or folders that say nothing, or with so many folders before that are not there.
    Other { folders: usize },
}

impl Spelling {
    /// The spelling in which some of the first paths name files.
    fn of(paths: &[&str], folder: &Path) -> Self {
        let fits = |spelling: &Self| paths.iter().any(|path| folder.join(spelling.read(path)).is_file());
        let others = (0..=MOST_FOLDERS).map(|folders| Self::Other { folders });
        std::iter::once(Self::Plain).chain(others).find(fits).unwrap_or(Self::Plain)
    }

    fn read(&self, path: &str) -> String {
        match self {
            Self::Plain => path.to_owned(),
            Self::Other { folders } => {
                let parts = path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "."));
                parts.skip(*folders).collect::<Vec<_>>().join("/")
            }
        }
    }
}
