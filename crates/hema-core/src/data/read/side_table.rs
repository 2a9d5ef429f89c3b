//! Tables that lie beside pictures, and say which label, group or part they have: `groups.csv`, `labels.csv`,
//! the `classes.csv` with the classes in their order, and the `metadata.csv` or `metadata.jsonl` of Hugging
//! Face's `ImageFolder`. A table is about the pictures of its folder and of the folders below.
//!
//! Every row must name one picture, and no two tables or rows may contradict each other: a table that fits in
//! part alone would give a wrong data set without a word.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::labels::{Labels, odd_names};
use crate::data::classes::{CLASSES_FILE, read_classes};
use crate::data::entries::Entries;
use crate::data::notice::{Notice, Subject};
use crate::data::part::Part;
use crate::error::{Error, Result};
use crate::table::{Column, Table, fit};

/// What the tables beside pictures say that is not in the entries.
#[derive(Default)]
pub(super) struct Told {
    /// Labels, where a table has some.
    pub(super) labels: Option<Labels>,
    /// The classes in their order, where a `classes.csv` at the root lists them.
    pub(super) classes: Option<Vec<String>>,
    /// Text of the `split.csv` at the root.
    pub(super) split_csv: Option<Vec<u8>>,
    /// What is not used of the tables, or was assumed.
    pub(super) notices: Vec<Notice>,
}

/// Reads the tables of a data set at `path`, by their names under it, `top` being the folder around
/// everything. Groups and parts are put into the entries, which are in the order of their paths.
///
/// # Errors
/// A table that cannot be read, whose rows do not fit the pictures, or that contradicts another or a folder.
pub(super) fn read(
    path: &Path,
    tables: Vec<(String, Vec<u8>)>,
    top: &str,
    entries: &mut Entries,
) -> Result<Told> {
    let mut told = Told::default();
    for (name, text) in tables {
        let place = name.strip_prefix(top).unwrap_or(&name);
        let (folder, file) = place.rsplit_once('/').unwrap_or(("", place));
        let side = SideTable { origin: path.join(&name), file: file.to_ascii_lowercase() };
        if file.eq_ignore_ascii_case("split.csv") {
            match folder {
                "" => told.split_csv = Some(text),
                _ => side
                    .is_unused("a split is read beside the folders of all images alone", &mut told.notices),
            }
            continue;
        }
        if file.eq_ignore_ascii_case(CLASSES_FILE) {
            if folder.is_empty() {
                told.classes = read_classes(&text).map_err(|e| e.at(&side.origin))?;
            }
            continue;
        }
        match side.rows(text, &mut told.notices)? {
            Ok(rows) => side.apply(&rows, folder, entries, &mut told)?,
            Err(why) => side.is_unused(&why, &mut told.notices),
        }
    }
    if told.split_csv.is_some() && entries.iter().any(|entry| entry.part.is_some()) {
        told.split_csv = None;
        let side = SideTable { origin: path.join("split.csv"), file: "split.csv".to_owned() };
        side.is_unused("folders or another table have the parts", &mut told.notices);
    }
    if let Some(labels) = &mut told.labels {
        told.notices.append(&mut labels.tidy());
        let missing = labels.missing();
        if missing > 0 {
            let text =
                format!("{missing} of {} images have no label in the tables beside them", entries.len());
            told.notices.push(Notice::new(Subject::NoLabel, missing, text, []));
        }
    }
    told.notices.extend(notices_on_groups(entries));
    Ok(told)
}

/// The entries in a folder, which follow each other.
fn beside(entries: &Entries, folder: &str) -> Range<usize> {
    if folder.is_empty() {
        return 0..entries.len();
    }
    let from = |bound: &str| {
        let (mut low, mut high) = (0, entries.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if entries.get(middle).path < bound { low = middle + 1 } else { high = middle }
        }
        low
    };
    // `0` is the character after `/`
    from(&format!("{folder}/"))..from(&format!("{folder}0"))
}

/// What is missing or odd about the groups of entries.
pub(super) fn notices_on_groups(entries: &Entries) -> Vec<Notice> {
    let mut notices: Vec<Notice> = odd_names("group", entries.iter().map(|entry| entry.group)).collect();
    let without = || entries.iter().filter(|entry| entry.group.is_none());
    let count = without().count();
    if count > 0 && count < entries.len() {
        let text = format!("{count} of {} images belong to no group, while the others do", entries.len());
        let first = without().take(3).map(|entry| entry.path.to_owned());
        notices.push(Notice::new(Subject::NoGroup, count as u64, text, first));
    }
    notices
}

/// Adds a notice, or adds it to the one of its kind: a data set may have any number of tables.
fn add(notices: &mut Vec<Notice>, notice: Notice) {
    match notices.iter_mut().find(|known| known.subject == notice.subject) {
        Some(known) => {
            *known = Notice::new(
                known.subject,
                known.count + notice.count,
                known.text.clone(),
                known.examples.iter().cloned().chain(notice.examples),
            );
        }
        None => notices.push(notice),
    }
}

/// A notice on the columns that could name groups too.
pub(super) fn set_aside(table: &Table, group: Option<usize>) -> Option<Notice> {
    let others = table.set_aside(Column::Group);
    let own = table.name_of(group.filter(|_| !others.is_empty())?);
    let text = "columns that could name groups are not used";
    let example = |other: &str| format!("`{other}`, as groups are read from `{own}`");
    Some(Notice::new(Subject::UnusedColumn, others.len() as u64, text, others.into_iter().map(example)))
}

/// A table beside pictures.
struct SideTable {
    origin: PathBuf,
    /// The name of its file, in small letters.
    file: String,
}

/// The rows of a table, by columns.
struct Rows {
    lines: Vec<u64>,
    paths: Vec<String>,
    labels: Option<Labels>,
    groups: Option<Labels>,
    parts: Option<Vec<Option<Part>>>,
}

impl SideTable {
    /// Says that the table is not used.
    fn is_unused(&self, why: &str, notices: &mut Vec<Notice>) {
        let example = format!("{} ({why})", self.origin.display());
        let text = "tables beside the images are not used";
        add(notices, Notice::new(Subject::UnusedTable, 1, text, [example]));
    }

    /// The rows, or why they say nothing of images. A file called `metadata` or `labels` may be about
    /// anything; one called `groups.csv` must be right.
    fn rows(&self, text: Vec<u8>, notices: &mut Vec<Notice>) -> Result<std::result::Result<Rows, String>> {
        let mut table = Table::read(std::io::Cursor::new(text), &self.origin)?;
        let (path, label, group, part) = if self.file == "groups.csv" {
            let [path, group] =
                [Column::Path, Column::Group].map(|column| table.require(column, "path,group"));
            (path?, None, Some(group?), None)
        } else {
            let Some(path) = table.find(Column::Path)? else {
                return Ok(Err(format!(
                    "it has no column of paths, such as `file_name` (found: {})",
                    table.header()
                )));
            };
            (path, table.find(Column::Label)?, table.find(Column::Group)?, table.find(Column::Part)?)
        };
        if label.is_none() && group.is_none() && part.is_none() {
            return Ok(Err(format!(
                "it has no column `label`, `group` or `split` (found: {})",
                table.header()
            )));
        }
        if let Some(notice) = set_aside(&table, group) {
            add(notices, notice);
        }

        let mut rows = Rows {
            lines: Vec::new(),
            paths: Vec::new(),
            labels: label.map(|_| Labels::default()),
            groups: group.map(|_| Labels::default()),
            parts: part.map(|_| Vec::new()),
        };
        while let Some(row) = table.next_row()? {
            let fail = |message: &str| Error::new(format!("line {}: {message}", row.line)).at(&self.origin);
            rows.lines.push(row.line);
            rows.paths.push(row.cell(Some(path)).ok_or_else(|| fail("the path is empty"))?.to_owned());
            rows.labels.iter_mut().for_each(|labels| labels.push(row.cell(label)));
            rows.groups.iter_mut().for_each(|groups| groups.push(row.cell(group)));
            if let Some(parts) = &mut rows.parts {
                let part = row.cell(part).map(str::parse).transpose();
                parts.push(part.map_err(|e: Error| fail(e.message()))?);
            }
        }
        Ok(Ok(rows))
    }

    /// Gives the entries in a folder what the rows say of them.
    fn apply(&self, rows: &Rows, folder: &str, entries: &mut Entries, told: &mut Told) -> Result<()> {
        let beside = beside(entries, folder);
        // paths are relative to the table's folder
        let skipped = if folder.is_empty() { 0 } else { folder.len() + 1 };
        let paths = beside.clone().map(|i| &entries.get(i).path[skipped..]);
        let names: Vec<&str> = rows.paths.iter().map(String::as_str).collect();
        let images: Vec<usize> = match fit(&paths, &names) {
            Ok(images) => images.into_iter().map(|image| beside.start + image).collect(),
            Err(misfit) if self.file == "labels.csv" && misfit.is_whole() => {
                self.is_unused("none of its rows names an image", &mut told.notices);
                return Ok(());
            }
            Err(misfit) => {
                let error = misfit.error(|row| rows.lines[row], |row| &rows.paths[row]);
                let hint =
                    "write the paths as they are in the data, and remove the rows of images that it lacks";
                return Err(error.at(&self.origin).hint(hint));
            }
        };
        self.refuse_contradictions(rows, &images)?;
        for (row, image) in images.into_iter().enumerate() {
            self.put(rows, row, image, entries, told)?;
        }
        Ok(())
    }

    /// Refuses rows that say different things of one picture.
    fn refuse_contradictions(&self, rows: &Rows, images: &[usize]) -> Result<()> {
        let mut first_of: HashMap<usize, usize> = HashMap::new();
        for (row, image) in images.iter().enumerate() {
            let first = *first_of.entry(*image).or_insert(row);
            if rows.says(first) != rows.says(row) {
                let message = format!(
                    "lines {} and {} say different things of one image, `{}`",
                    rows.lines[first], rows.lines[row], rows.paths[row]
                );
                return Err(Error::new(message).at(&self.origin).hint("remove the wrong one"));
            }
        }
        Ok(())
    }

    /// Gives one entry what a row says of it.
    fn put(
        &self,
        rows: &Rows,
        row: usize,
        image: usize,
        entries: &mut Entries,
        told: &mut Told,
    ) -> Result<()> {
        let contradicts = |what: &str, own: &str, known: &str| {
            let message = format!(
                "line {}: the {what} of `{}` is `{own}`, but another table or its folder says `{known}`",
                rows.lines[row], rows.paths[row]
            );
            Error::new(message).at(&self.origin).hint("leave the wrong one out")
        };
        let (label, group, part) = rows.says(row);
        if rows.labels.is_some() {
            let labels = told.labels.get_or_insert_with(|| Labels::none(entries.len()));
            if let Some(label) = label {
                match labels.get(image) {
                    Some(known) if known != label => return Err(contradicts("label", label, known)),
                    _ => labels.set(image, label),
                }
            }
        }
        let entry = entries.get(image);
        match (group, entry.group) {
            (Some(group), Some(known)) if group != known => return Err(contradicts("group", group, known)),
            _ => {}
        }
        match (part, entry.part) {
            (Some(part), Some(known)) if part != known => {
                return Err(contradicts("part", &part.to_string(), &known.to_string()));
            }
            _ => {}
        }
        if group.is_some() {
            entries.set_group(image, group);
        }
        if part.is_some() {
            entries.set_part(image, part);
        }
        Ok(())
    }
}

impl Rows {
    /// The label, the group and the part of a row.
    fn says(&self, row: usize) -> (Option<&str>, Option<&str>, Option<Part>) {
        let part = self.parts.as_ref().and_then(|parts| parts[row]);
        (
            self.labels.as_ref().and_then(|labels| labels.get(row)),
            self.groups.as_ref().and_then(|groups| groups.get(row)),
            part,
        )
    }
}

impl Told {
    /// Says that folders are no classes, where a table has the labels and the folders have other names.
    ///
    /// # Errors
    /// Images in the folder of another class than the table gives them.
    pub(super) fn refuse_or_name_folders(
        &mut self,
        path: &Path,
        entries: &Entries,
        class_folder: impl Fn(&str) -> Option<&str>,
    ) -> Result<()> {
        let Some(labels) = &self.labels else { return Ok(()) };
        let folders: BTreeSet<&str> = entries.iter().filter_map(|entry| class_folder(entry.path)).collect();
        let names: BTreeSet<&str> = labels.names().collect();
        if folders.is_subset(&names) {
            let differs = |i: &usize| {
                let folder = class_folder(entries.get(*i).path);
                folder.is_some() && labels.get(*i).is_some_and(|label| Some(label) != folder)
            };
            let Some(first) = (0..entries.len()).find(differs) else { return Ok(()) };
            let count = (first..entries.len()).filter(differs).count();
            let (image, label) = (entries.get(first).path, labels.get(first).unwrap_or_default());
            let message = format!(
                "{count} images lie in the folder of another class than their table says, first: `{image}`, which the \
                 table calls `{label}`"
            );
            return Err(Error::new(message).at(path).hint("move the images, or correct the table"));
        }
        let (count, folders) = (folders.len() as u64, folders.into_iter().map(str::to_owned));
        let text = "labels are read from a table beside the images, and folders are not taken for classes";
        self.notices.push(Notice::new(Subject::FoldersNoClasses, count, text, folders));
        Ok(())
    }
}
