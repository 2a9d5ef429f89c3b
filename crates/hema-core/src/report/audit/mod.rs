//! The page about an audit: what should go and why, every finding with its picture, the classes before and after.
//!
//! Everything is drawn from the findings and the table of checks, so that a new check appears without a change here.
//! What is shown is chosen first, then those pictures alone are read, in one pass, and drawn. However large the data
//! set, the page stays below about ten megabytes: what is not shown is counted and lies in `findings.csv`.

mod balance;
mod cards;
mod headline;
mod sheets;
#[cfg(test)]
mod tests;
mod thumbnails;

use super::html::{counted, escape};
use super::page;
use super::run::{Place, code, facts, stamp};
use crate::audit::{Audit, AuditRecord, kept};
use crate::data::Source;
use crate::error::Result;
use cards::CheckSection;
use sheets::Sheets;
use thumbnails::Thumbnails;

/// An audit to report.
pub struct AuditReport<'a> {
    /// Name of the data set, as readers should see it.
    pub title: String,
    /// The data set.
    pub source: &'a Source,
    /// Everything found in it.
    pub audit: &'a Audit,
    /// The counts, and where they come from.
    pub record: &'a AuditRecord<'a>,
    /// Where the whole list of findings lies, as readers should see it.
    pub findings_file: String,
}

/// The page. Reads the pictures it shows, and no others, from the source.
///
/// # Errors
/// A shared file of the source that cannot be read any further.
pub fn render_audit(report: &AuditReport) -> Result<String> {
    let kept = kept(&report.audit.findings, report.source.len());
    let subject = Subject { report, kept: &kept };
    let sheets = Sheets::choose(&subject);
    let checks = CheckSection::choose(&subject);

    let mut shown: Vec<usize> = checks.iter().flat_map(CheckSection::images).collect();
    shown.extend(sheets.images());
    let thumbnails = Thumbnails::read(report.source, &shown)?;

    let mut sections = vec![("classes", "Classes".to_owned(), balance::draw(&report.record.summary))];
    sections
        .extend(checks.iter().map(|check| (check.name(), check.title(), check.draw(&subject, &thumbnails))));
    sections.push(("samples", "What the classes look like".to_owned(), sheets.draw(&subject, &thumbnails)));
    sections.push(("provenance", "Where these findings come from".to_owned(), provenance(report)));

    let place = Place { prefix: String::new(), level: 2 };
    let drawn: String =
        sections.iter().map(|(slug, title, content)| place.section(slug, title, content)).collect();
    let content = place.contents(&sections) + &headline::draw(&report.record.summary, report) + &drawn;
    Ok(page(&report.title, &content))
}

/// What every section draws from.
struct Subject<'a> {
    report: &'a AuditReport<'a>,
    /// Whether each entry stays.
    kept: &'a [bool],
}

impl Subject<'_> {
    /// The class of an entry, for readers.
    fn class(&self, image: usize) -> &str {
        let label = self.report.source.entry(image).label;
        label.map_or("no label", |label| &self.report.source.classes()[label])
    }

    fn path(&self, image: usize) -> &str {
        self.report.source.entry(image).path
    }
}

fn provenance(report: &AuditReport) -> String {
    let record = report.record;
    let classes = report.source.classes().len() as u64;
    let classes = if classes == 1 { "1 class".into() } else { format!("{classes} classes") };
    let inputs = facts(&[
        ("Data", code(&record.data)),
        ("Images", format!("{} in {classes}", counted(record.summary.images, "image"))),
        ("All findings", code(&report.findings_file)),
        ("Record format", record.format.to_string()),
    ]);
    let audited = stamp("Audit", 3, &record.provenance);
    format!("<div class=\"stamps\">{audited}<div><h3>Inputs</h3>{inputs}</div></div>")
}

/// A path that may break between its folders. Escaped.
fn breakable(path: &str) -> String {
    escape(path).replace('/', "/<wbr>")
}
