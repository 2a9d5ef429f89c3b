//! Tables that people write beside their images: which label, group or part an image has, a row an image.
//!
//! Spreadsheets and scripts write them in many ways, and all of them are read: separated by commas,
//! semicolons, tabs or bars, in UTF-8 or UTF-16 (`text`), with columns of other names (`column`), a JSON
//! object a line, and with paths that are not quite those of the data (`fit`). What cannot be read without
//! guessing is an error that names the line.

mod column;
mod fit;
mod metered;
mod text;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::StringRecord;

pub(crate) use self::column::Column;
pub(crate) use self::fit::fit;
use self::metered::{Allowance, Metered};
use crate::error::{Error, Result};
use crate::spreadsheet::restored;

/// The characters that may stand between two cells, the likelier first.
const SEPARATORS: [u8; 4] = *b",;\t|";

/// A table, read row by row.
pub(crate) struct Table {
    /// Where it comes from, for messages.
    origin: PathBuf,
    header: StringRecord,
    rows: Rows,
    /// Lines before the header that the rows' positions do not count.
    lines_before: u64,
}

enum Rows {
    Separated(Box<csv::Reader<Metered<Box<dyn BufRead>>>>, Allowance),
    Objects(std::vec::IntoIter<Row>),
}

/// A row of a table.
#[derive(Debug)]
pub(crate) struct Row {
    /// The line that it begins on, from 1.
    pub(crate) line: u64,
    cells: Cells,
}

#[derive(Debug)]
enum Cells {
    /// Of every column.
    All(StringRecord),
    /// By their columns: objects have a few of many.
    Some(Vec<(usize, String)>),
}

impl Row {
    /// The text in a column; `None` where there is none.
    pub(crate) fn cell(&self, column: Option<usize>) -> Option<&str> {
        let column = column?;
        let text = match &self.cells {
            Cells::All(cells) => cells.get(column),
            Cells::Some(cells) => cells.iter().find(|(own, _)| *own == column).map(|(_, text)| text.as_str()),
        };
        text.filter(|text| !text.is_empty())
    }
}

impl Table {
    /// Reads the header of a table; `origin` names it in errors.
    ///
    /// # Errors
    /// Text in no known encoding, or that begins like a JSON object and is none.
    pub(crate) fn read(text: impl Read + 'static, origin: &Path) -> Result<Self> {
        let io = |e: std::io::Error| Error::io(origin, &e);
        let mut text = text::decoded(text).map_err(|e| e.at(origin))?;
        let start = text.fill_buf().map_err(io)?;
        if start.trim_ascii_start().starts_with(b"{") {
            return Self::of_objects(text, origin);
        }
        let named = separator_line(start);
        if let Some((_, length)) = named {
            text.consume(length);
        }
        let separator = named
            .map_or_else(|| text.fill_buf().map(separator), |(separator, _)| Ok(separator))
            .map_err(io)?;
        let (text, allowance) = Metered::new(text);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .trim(csv::Trim::All)
            .flexible(true)
            .from_reader(text);
        let header = reader.headers().map_err(|e| bad_csv(&e, origin))?.clone();
        let lines_before = u64::from(named.is_some());
        Ok(Self {
            origin: origin.to_path_buf(),
            header,
            rows: Rows::Separated(Box::new(reader), allowance),
            lines_before,
        })
    }

    /// A table of JSON objects, one a line; their keys are the columns. Cells of other columns than are read
    /// are not kept.
    fn of_objects(text: Box<dyn BufRead>, origin: &Path) -> Result<Self> {
        let mut header: Vec<String> = Vec::new();
        let mut column_of: HashMap<String, usize> = HashMap::new();
        let mut rows = Vec::new();
        let (text, allowance) = Metered::new(text);
        for (line, text) in (1..).zip(BufReader::new(text).lines()) {
            let text = text.map_err(|e| Error::io(origin, &e))?;
            allowance.renew();
            if text.trim().is_empty() {
                continue;
            }
            let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text)
                .map_err(|e| Error::new(format!("line {line} is no JSON object: {e}")).at(origin))?;
            if object.is_empty() {
                continue;
            }
            let mut cells = Vec::new();
            for (key, value) in object {
                let is_known = Column::of(&key).is_some();
                let column = *column_of.entry(key).or_insert_with_key(|key| {
                    header.push(key.clone());
                    header.len() - 1
                });
                if is_known {
                    cells.push((column, plain(&value)));
                }
            }
            cells.shrink_to_fit();
            rows.push(Row { line, cells: Cells::Some(cells) });
        }
        let rows = Rows::Objects(rows.into_iter());
        Ok(Self { origin: origin.to_path_buf(), header: header.into(), rows, lines_before: 0 })
    }

    /// The next row; rows of empty cells are passed over.
    ///
    /// # Errors
    /// A row that is no text, or has more or fewer cells than the header.
    pub(crate) fn next_row(&mut self) -> Result<Option<Row>> {
        let (reader, allowance) = match &mut self.rows {
            Rows::Objects(rows) => return Ok(rows.next()),
            Rows::Separated(reader, allowance) => (reader, allowance),
        };
        let mut cells = StringRecord::new();
        allowance.renew();
        while reader.read_record(&mut cells).map_err(|e| bad_csv(&e, &self.origin))? {
            let line = self.lines_before + cells.position().map_or(0, csv::Position::line);
            allowance.renew();
            if cells.iter().all(str::is_empty) {
                continue;
            }
            let (own, expected) = (cells.len(), self.header.len());
            if own < expected || cells.iter().skip(expected).any(|cell| !cell.is_empty()) {
                return Err(Error::new(format!(
                    "is not a readable CSV file: line {line} has {own} cells (expected {expected}, as in the header)"
                ))
                .at(&self.origin)
                .hint("put text that holds the separator into double quotes"));
            }
            let cells = Cells::All(cells.iter().map(restored).collect());
            return Ok(Some(Row { line, cells }));
        }
        Ok(None)
    }

    /// The column of this kind, under any of its names; `None` where there is none.
    ///
    /// # Errors
    /// Two columns that it could be.
    pub(crate) fn find(&self, column: Column) -> Result<Option<usize>> {
        column.among(&self.header).map_err(|e| e.at(&self.origin))
    }

    /// The column of this kind, which must be there.
    ///
    /// # Errors
    /// No column that it could be, or two; `expected` is the header of a right table.
    pub(crate) fn require(&self, column: Column, expected: &str) -> Result<usize> {
        self.find(column)?.ok_or_else(|| {
            let message = format!(
                "has no column `{}` (found: {}; expected {expected})",
                column.name(),
                self.header()
            );
            Error::new(message).at(&self.origin).hint(format!(
                "a table begins with the names of its columns, such as `{expected}`; other names of `{}` are known too: {}",
                column.name(),
                column.other_names().join(", ")
            ))
        })
    }

    /// The names of all columns, for messages.
    pub(crate) fn header(&self) -> String {
        self.header.iter().collect::<Vec<_>>().join(",")
    }

    /// Names of the columns that are of no kind.
    pub(crate) fn unknown_columns(&self) -> Vec<&str> {
        self.header.iter().filter(|name| !name.is_empty() && Column::of(name).is_none()).collect()
    }

    /// Names of the columns that could be of this kind, but for the one that is.
    pub(crate) fn set_aside(&self, column: Column) -> Vec<&str> {
        let own = column.among(&self.header).ok().flatten();
        let others = self.header.iter().enumerate().filter(|(i, _)| Some(*i) != own);
        others.filter(|(_, name)| Column::of(name) == Some(column)).map(|(_, name)| name).collect()
    }

    /// The name of a column, as written.
    pub(crate) fn name_of(&self, column: usize) -> &str {
        &self.header[column]
    }
}

/// A JSON value as the text of a cell; lists, objects and null are none.
fn plain(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// The separator that a first line `sep=;` names, as spreadsheets write it, and the bytes of that line.
fn separator_line(start: &[u8]) -> Option<(u8, usize)> {
    let (separator, rest) = start.strip_prefix(b"sep=")?.split_first()?;
    rest.starts_with(b"\n").then_some((*separator, b"sep=?\n".len()))
}

/// The separator of a header: the one that leaves the most names of known columns, else the most names.
fn separator(start: &[u8]) -> u8 {
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let names = |separator: u8| {
        let mut reader = csv::ReaderBuilder::new().delimiter(separator).has_headers(false).from_reader(line);
        let record = reader.records().next().and_then(std::result::Result::ok).unwrap_or_default();
        (record.iter().filter(|name| Column::of(name).is_some()).count(), record.len())
    };
    // the first of the best
    SEPARATORS.into_iter().rev().max_by_key(|separator| names(*separator)).unwrap_or(b',')
}

/// A row that cannot be read, with its line.
fn bad_csv(error: &csv::Error, origin: &Path) -> Error {
    let line = error.position().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => Error::new(format!("line {line} is not UTF-8 text"))
            .at(origin)
            .hint("save the table in UTF-8; spreadsheets call it \"CSV UTF-8\""),
        _ => Error::new(format!("is not a readable CSV file: {error}")).at(origin),
    }
}

#[cfg(test)]
mod tests;
