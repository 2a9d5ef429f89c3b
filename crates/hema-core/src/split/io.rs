//! The CSV file of a split: `path,label,split`, and `group` where images are grouped.

use std::collections::HashSet;
use std::path::Path;

use super::membership::{Row, Split};
use crate::data::Source;
use crate::error::{Error, Result};
use crate::file;
use crate::spreadsheet::defused;
use crate::table::{Column, Table, fit};

/// A right header.
const HEADER: &str = "path,label,split";
/// Largest split that is read, in bytes.
const MOST_BYTES: u64 = 4 << 30;

impl Split {
    /// Reads a CSV file with the columns `path` and `split`, and `label` and `group` if they are there, under
    /// any of their usual names; others are ignored.
    ///
    /// # Errors
    /// A file that cannot be read, a missing column, an unknown part, a path named twice; each with its line.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(file::open_within(path, MOST_BYTES)?, path)
    }

    /// Reads CSV text; `origin` names it in errors.
    pub(super) fn parse(text: impl std::io::Read + 'static, origin: &Path) -> Result<Self> {
        let mut table = Table::read(text, origin)?;
        let required = |column| table.require(column, HEADER).map(Some);
        let (path_column, part_column) = (required(Column::Path)?, required(Column::Part)?);
        let (label_column, group_column) = (table.find(Column::Label)?, table.find(Column::Group)?);
        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        while let Some(row) = table.next_row()? {
            let fail = |message: &str| Error::new(format!("line {}: {message}", row.line)).at(origin);
            let cell = |column: Option<usize>| row.cell(column).map(str::to_owned);
            let path = cell(path_column).ok_or_else(|| fail("the path is empty"))?;
            let part = row.cell(part_column).unwrap_or_default().parse();
            let part = part.map_err(|e: Error| fail(e.message()))?;
            if !seen.insert(path.clone()) {
                return Err(fail(&format!("`{path}` is named twice")));
            }
            rows.push(Row { path, label: cell(label_column), part, group: cell(group_column) });
        }
        Ok(Self { origin: origin.to_path_buf(), rows })
    }

    /// The split with its paths as the source has them, where its own are written another way: from another
    /// folder, with backslashes, as file names alone.
    ///
    /// # Errors
    /// Rows that name no image of the source, or could be several.
    pub fn fitted(mut self, source: &Source) -> Result<Self> {
        let names: Vec<&str> = self.rows.iter().map(|row| row.path.as_str()).collect();
        let paths = source.entries().iter().map(|entry| entry.path);
        // the header is line 1
        let images = fit(&paths, &names).map_err(|misfit| {
            let error = misfit.error(|row| row as u64 + 2, |row| names[row]).at(&self.origin);
            error.hint("use the split with the data it was made from, or leave it out to get a new one")
        })?;
        for (row, image) in self.rows.iter_mut().zip(&images) {
            source.entry(*image).path.clone_into(&mut row.path);
        }
        let mut seen = HashSet::new();
        if let Some(twice) = images.iter().find(|image| !seen.insert(**image)) {
            let message = format!("`{}` is named twice", source.entry(*twice).path);
            return Err(Error::new(message).at(&self.origin));
        }
        Ok(self)
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
                let text = |cell: &Option<String>| defused(cell.as_deref().unwrap_or_default());
                let record = [defused(&row.path), text(&row.label), part, text(&row.group)];
                out.write_record(&record[..columns]).map_err(file::csv_error)?;
            }
            out.flush()
        })
    }
}
