//! The CSV file of a split: `path,label,split`, and `group` where images are grouped.

use std::collections::HashSet;
use std::path::Path;

use super::membership::{Row, Split};
use crate::error::{Error, Result};
use crate::file;

impl Split {
    /// Reads a CSV file with the columns `path` and `split`, and `label` and `group` if they are there;
    /// others are ignored.
    ///
    /// # Errors
    /// A file that cannot be read, a missing column, an unknown part, a path named twice; each with its line.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(file::open(path)?, path)
    }

    /// Reads CSV text; `origin` names it in errors.
    pub(super) fn parse(text: impl std::io::Read, origin: &Path) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        let bad = |e: csv::Error| Error::new(format!("is not a readable CSV file: {e}")).at(origin);
        let header = reader.headers().map_err(bad)?.clone();
        let column =
            |names: &[&str]| header.iter().position(|c| names.contains(&c.trim_start_matches('\u{feff}')));
        let missing = |name: &str| {
            let found = header.iter().collect::<Vec<_>>().join(",");
            Error::new(format!("has no column `{name}` (found: {found}; expected path,label,split)"))
                .at(origin)
        };
        let path_column = column(&["path"]).ok_or_else(|| missing("path"))?;
        let part_column = column(&["split", "part"]).ok_or_else(|| missing("split"))?;
        let (label_column, group_column) = (column(&["label"]), column(&["group"]));

        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        for record in reader.records() {
            let record = record.map_err(bad)?;
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |column: Option<usize>| column.map(|c| record[c].to_owned()).filter(|c| !c.is_empty());
            let path = record[path_column].to_owned();
            let part = record[part_column]
                .parse()
                .map_err(|e: Error| Error::new(format!("line {line}: {e}")).at(origin))?;
            if !seen.insert(path.clone()) {
                return Err(Error::new(format!("line {line}: `{path}` is named twice")).at(origin));
            }
            rows.push(Row { path, label: cell(label_column), part, group: cell(group_column) });
        }
        Ok(Self { origin: origin.to_path_buf(), rows })
    }

    /// Writes the split as CSV: `path,label,split`, and `group` if an image has one.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn write(&self, path: &Path) -> Result<()> {
        let columns = if self.rows.iter().any(|row| row.group.is_some()) { 4 } else { 3 };
        file::write_atomic(path, |out| {
            let mut out = csv::Writer::from_writer(out);
            out.write_record(&["path", "label", "split", "group"][..columns]).map_err(file::csv_error)?;
            for row in &self.rows {
                let part = row.part.to_string();
                let text = |cell: &'_ Option<String>| cell.clone().unwrap_or_default();
                let record = [row.path.clone(), text(&row.label), part, text(&row.group)];
                out.write_record(&record[..columns]).map_err(file::csv_error)?;
            }
            out.flush()
        })
    }
}
