//! `findings.csv`: one row a finding, for a person to read and to edit.
//!
//! The column `action` decides what happens to the image; a file whose actions a person has changed is read
//! back in place of a new audit. Columns a person adds are ignored, and rows count as found by hand.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::checks::{by_hand, find_check};
use super::finding::{Action, Finding};
use crate::data::Source;
use crate::error::{Error, Result, suggest};
use crate::file;
use crate::spreadsheet::{defused, restored};

/// The columns, in the order they are written.
const COLUMNS: [&str; 7] = ["path", "check", "score", "cluster", "partner", "detail", "action"];

/// One finding with paths in place of indices.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FindingRecord<'a> {
    /// Path of the image; empty where the data set as a whole is at fault.
    pub path: &'a str,
    /// Name of the check.
    pub check: &'static str,
    /// How sound the image is in this respect: 0 (bad) to 1 (fine).
    pub score: f64,
    /// Number of the group of images that were found together.
    pub cluster: Option<usize>,
    /// Path of the image it was compared with.
    pub partner: Option<&'a str>,
    /// The fault in words and numbers.
    pub detail: &'a str,
    /// Name of the action.
    pub action: &'static str,
}

impl<'a> FindingRecord<'a> {
    /// A finding with the paths of its images. Scores have six decimals.
    pub fn new(finding: &'a Finding, source: &'a Source) -> Self {
        let path = |image: usize| source.entry(image).path;
        Self {
            path: finding.image.map(path).unwrap_or_default(),
            check: finding.check,
            score: (finding.score * 1e6).round() / 1e6,
            cluster: finding.cluster,
            partner: finding.partner.map(path),
            detail: &finding.detail,
            action: finding.action.name(),
        }
    }
}

/// Largest table of findings that is read, in bytes.
const MOST_BYTES: u64 = 4 << 30;

/// Writes findings, one row each. A finding about the data set as a whole has an empty path.
///
/// # Errors
/// Any error of the file system.
pub fn write_findings(path: &Path, findings: &[Finding], source: &Source) -> Result<()> {
    file::write_atomic(path, |out| write_rows(out, findings, source))
}

/// CRC-32C of the file that [`write_findings`] makes of findings, by which one that a person has edited since
/// is told.
///
/// # Errors
/// Findings that are no rows of a table.
pub fn findings_checksum(findings: &[Finding], source: &Source) -> Result<u32> {
    let mut checksum = Checksum(0);
    write_rows(&mut checksum, findings, source).map_err(|e| Error::new(e.to_string()))?;
    Ok(checksum.0)
}

/// CRC-32C of what is written.
struct Checksum(u32);

impl Write for Checksum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = crc32c::crc32c_append(self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_rows(out: &mut dyn Write, findings: &[Finding], source: &Source) -> io::Result<()> {
    let mut out = csv::WriterBuilder::new().has_headers(false).from_writer(out);
    out.write_record(COLUMNS).map_err(file::csv_error)?;
    for finding in findings {
        let record = FindingRecord::new(finding, source);
        let (path, partner) = (defused(record.path), record.partner.map(defused));
        let detail = defused(record.detail);
        let cells = FindingRecord { path: &path, partner: partner.as_deref(), detail: &detail, ..record };
        out.serialize(cells).map_err(file::csv_error)?;
    }
    out.flush()
}

/// Reads findings about `source`, perhaps edited. Only `path`, `check` and `action` must be there.
///
/// # Errors
/// A file that cannot be read, a missing column, an image that the data lacks, an unknown check or action, a
/// score or cluster that is no number; each with its row as a spreadsheet numbers them.
pub fn read_findings(path: &Path, source: &Source) -> Result<Vec<Finding>> {
    let bad = |e: csv::Error| {
        let error = Error::new(format!("is not a readable CSV file: {e}")).at(path);
        match e.kind() {
            csv::ErrorKind::Utf8 { .. } => {
                error.hint("save the table in UTF-8; spreadsheets call it \"CSV UTF-8\"")
            }
            _ => error,
        }
    };
    let mut reader = csv::Reader::from_reader(file::open_within(path, MOST_BYTES)?);
    let header = reader.headers().map_err(bad)?.clone();
    let column = |name: &str| header.iter().position(|c| c.trim_start_matches('\u{feff}').trim() == name);
    let required = |name: &str| {
        column(name).ok_or_else(|| {
            let found = header.iter().collect::<Vec<_>>().join(",");
            Error::new(format!("has no column `{name}` (found: {found}; expected {})", COLUMNS.join(",")))
                .at(path)
                .hint("edit the findings.csv of `hema audit --out`, and save it with commas between columns")
        })
    };
    let (path_column, check_column, action_column) =
        (required("path")?, required("check")?, required("action")?);
    let [score_column, cluster_column, partner_column, detail_column] =
        ["score", "cluster", "partner", "detail"].map(column);

    let images: HashMap<&str, usize> =
        source.entries().iter().enumerate().map(|(i, entry)| (entry.path, i)).collect();
    let find_image = |name: &str| {
        images.get(name).copied().ok_or_else(|| {
            Error::new(format!("`{name}` is not in the data"))
                .hint("apply findings to the data they were found in")
        })
    };
    let mut findings = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(bad)?;
        let cell =
            |column: Option<usize>| column.map(|c| restored(&record[c])).filter(|text| !text.is_empty());
        let finding = || -> Result<Finding> {
            Ok(Finding {
                check: check(&record[check_column])?,
                image: cell(Some(path_column)).map(find_image).transpose()?,
                score: cell(score_column).map_or(Ok(0.0), |text| number(text, "score"))?,
                cluster: cell(cluster_column).map(|text| number(text, "cluster")).transpose()?,
                partner: cell(partner_column).map(find_image).transpose()?,
                detail: cell(detail_column).unwrap_or_default().to_owned(),
                action: action(&record[action_column])?,
            })
        };
        findings.push(finding().map_err(|e| {
            // the header is row 1
            let located = Error::new(format!("row {}: {e}", i + 2)).at(path);
            match e.hint_text() {
                Some(hint) => located.hint(hint),
                None => located,
            }
        })?);
    }
    Ok(findings)
}

/// The check that a cell names; an empty one is a person's.
fn check(cell: &str) -> Result<&'static str> {
    match cell.trim() {
        "" => Ok(by_hand::CHECK.name),
        name => find_check(name).map(|check| check.name),
    }
}

fn number<T: std::str::FromStr>(text: &str, column: &str) -> Result<T> {
    text.trim().parse().map_err(|_| Error::new(format!("{column} is `{text}` (expected a number)")))
}

fn action(text: &str) -> Result<Action> {
    let name = text.trim();
    let known = Action::NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
    known.map(|(action, _)| *action).ok_or_else(|| {
        Error::new(format!("action is `{name}` (expected keep, review or drop)"))
            .hint(suggest(name, Action::NAMES.iter().map(|(_, name)| *name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images whose names hold everything that CSV must quote; nothing is decoded.
    fn source(folder: &Path) -> Source {
        let names = ["a.png", "b,\"c\".png", "d\ne.png", "=f().png", " g .png"];
        for name in names {
            std::fs::create_dir_all(folder.join("data/cells")).unwrap();
            std::fs::write(folder.join("data/cells").join(name), "no picture").unwrap();
        }
        crate::data::open(&folder.join("data")).unwrap()
    }

    fn findings() -> Vec<Finding> {
        let finding = |image, cluster, partner, action| Finding {
            check: "unreadable",
            image,
            score: 0.25,
            cluster,
            partner,
            detail: "two\nlines, \"quoted\"".to_owned(),
            action,
        };
        vec![
            finding(None, None, None, Action::Review),
            finding(Some(0), Some(3), Some(1), Action::Drop),
            finding(Some(1), Some(3), Some(2), Action::Keep),
            finding(Some(2), None, Some(4), Action::Drop),
            finding(Some(3), None, None, Action::Review),
            finding(Some(4), None, None, Action::Drop),
        ]
    }

    #[test]
    fn findings_survive_a_round_trip_whatever_the_images_are_called() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path());
        let path = folder.path().join("findings.csv");
        write_findings(&path, &findings(), &source).unwrap();
        assert_eq!(read_findings(&path, &source).unwrap(), findings());

        write_findings(&path, &[], &source).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "path,check,score,cluster,partner,detail,action\n"
        );
        assert_eq!(read_findings(&path, &source).unwrap(), []);
    }

    #[test]
    fn a_file_that_a_person_has_edited_is_understood() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path());
        let path = folder.path().join("findings.csv");
        let text = "\u{feff}action,note,check,path\r\n Drop ,blurred to me,unreadable,cells/a.png\r\nkeep,,unreadable,\r\n\
                    drop,mine,,cells/a.png\r\n";
        std::fs::write(&path, text).unwrap();
        let found: Vec<_> =
            read_findings(&path, &source).unwrap().iter().map(|f| (f.image, f.check, f.action)).collect();
        let image = source.entries().iter().position(|e| e.path == "cells/a.png");
        let unreadable = "unreadable";
        assert_eq!(
            found,
            [
                (image, unreadable, Action::Drop),
                (None, unreadable, Action::Keep),
                (image, "by_hand", Action::Drop)
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_row() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path());
        let path = folder.path().join("findings.csv");
        let error = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let error = read_findings(&path, &source).unwrap_err();
            let message = error.to_string().replace(&format!("{}: ", path.display()), "");
            (message, error.hint_text().unwrap_or_default().to_owned())
        };
        let said = |text: &str, message: &str, hint: &str| {
            let found = error(text);
            assert!(found.0.starts_with(message) && found.1.contains(hint), "{found:?}");
        };
        said(
            "path;check;action\n",
            "has no column `path` (found: path;check;action; expected path,check,",
            "commas",
        );
        said("path,check\n", "has no column `action`", "hema audit --out");
        let rows = "path,check,action,score\ncells/a.png,unreadable,drop,0\n";
        said(&format!("{rows}z.png,unreadable,drop,0\n"), "row 3: `z.png` is not in the data", "apply");
        said(
            &format!("{rows}cells/a.png,unredable,drop,0\n"),
            "row 3: there is no audit check called",
            "unreadable",
        );
        said(
            &format!("{rows}cells/a.png,unreadable,delete,0\n"),
            "row 3: action is `delete` (expected keep, review or drop)",
            "",
        );
        said(
            &format!("{rows}cells/a.png,unreadable,,0\n"),
            "row 3: action is `` (expected keep, review or drop)",
            "",
        );
        said(
            &format!("{rows}cells/a.png,unreadable,drop,low\n"),
            "row 3: score is `low` (expected a number)",
            "",
        );
        said(&format!("{rows}a.png\n"), "is not a readable CSV file", "");
    }
}
