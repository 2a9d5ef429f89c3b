//! The page about an audit: what should go and why, every finding with its picture, the classes before and
//! after.
//!
//! Everything is drawn from the findings and the table of checks, so that a new check appears without a
//! change here. The images to show are chosen first, then those pictures alone are read, in one pass, and
//! drawn. However large the data set, the page stays below about ten megabytes: the others are counted and
//! lies in `findings.csv`.

mod balance;
mod cards;
mod headline;
mod next;
mod sheets;
mod subject;
#[cfg(test)]
mod tests;

use self::cards::CheckSection;
use self::sheets::Sheets;
use self::subject::Subject;
use super::html::{counted, each, with_code};
use super::page::page;
use super::run::{Outline, code, facts, stamp};
use super::thumbnails::Thumbnails;
use crate::audit::kept;
use crate::error::Result;

pub use subject::AuditReport;

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

    let mut sections = vec![
        ("next", "What to do next".to_owned(), next::draw(report)),
        ("classes", "Classes".to_owned(), balance::draw(&report.record.summary)),
    ];
    sections
        .extend(checks.iter().map(|check| (check.name(), check.title(), check.draw(&subject, &thumbnails))));
    sections.push(("samples", "What the classes look like".to_owned(), sheets.draw(&subject, &thumbnails)));
    sections.push(("provenance", "Where these findings come from".to_owned(), provenance(report)));

    let outline = Outline { prefix: String::new(), level: 2 };
    let drawn: String =
        sections.iter().map(|(slug, title, content)| outline.section(slug, title, content)).collect();
    let unused = each(&report.record.notices, |notice| {
        format!("<p class=\"warning\" role=\"note\">{}.</p>", with_code(&notice.to_string()))
    });
    let headline = headline::draw(&report.record.summary, report);
    let content = outline.contents(&sections) + &headline + &unused + &drawn;
    Ok(page("audit", &report.title, &content))
}

fn provenance(report: &AuditReport) -> String {
    let record = report.record;
    let classes = report.source.classes().len() as u64;
    let classes = if classes == 1 { "1 class".into() } else { format!("{classes} classes") };
    let mut inputs = vec![
        ("Data", code(&record.data)),
        ("Images", format!("{} in {classes}", counted(record.summary.images, "image"))),
        ("All findings", code(&report.findings_file)),
        ("Record format", record.format.to_string()),
    ];
    inputs.extend(record.model.as_ref().map(|model| ("Model", code(model))));
    let inputs = facts(&inputs);
    let audited = stamp("Audit", 3, &record.provenance);
    format!("<div class=\"stamps\">{audited}<div><h3>Inputs</h3>{inputs}</div></div>")
}
