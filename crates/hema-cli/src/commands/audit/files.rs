//! What an audit leaves behind: the findings as a table, a record and a page, and the cleaned set.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use hema::audit::{self, AuditRecord, ModelEvidence, Summary};
use hema::data::write::{self, Change, Writer};
use hema::data::{OnBadImage, Source};
use hema::error::{Error, Result};
use hema::report::{AuditReport, render_audit};
use hema::run_folder::{read_json, title, write_json};
use hema::spreadsheet::defused;
use hema::{Audited, file};

use crate::output::{Printer, printable};
use crate::places::free;

/// Name of the table of findings inside an audit's folder.
pub(crate) const FINDINGS: &str = "findings.csv";

/// Name of the record inside an audit's folder.
pub(super) const RECORD: &str = "audit.json";

/// Name of the page inside an audit's folder.
pub(super) const PAGE: &str = "audit.html";

/// Name of the table of a model's probabilities, inside the output folder.
pub(super) const PREDICTIONS: &str = "predictions.csv";

/// Writes the findings as a table, as a record and as a page. A file of findings that was read is left as it
/// is, and one in the place of the new one that a person has edited is put aside. `clean_command` writes the
/// cleaned set.
pub(super) fn write_findings(
    out: &Path,
    table: &Path,
    audited: &Audited,
    record: &AuditRecord,
    clean_command: String,
    printer: &Printer,
) -> Result<()> {
    let (source, audit) = (&audited.source, &audited.audit);
    if let Some(checksum) = record.findings_checksum {
        put_edited_aside(out, checksum, printer)?;
        audit::write_findings(table, &audit.findings, source)?;
    }
    write_json(&out.join(RECORD), record)?;
    let title = format!("Audit of {}", title(Path::new(&record.data)));
    let findings_file = table.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let report = AuditReport { title, source, audit, record, findings_file, clean_command };
    let page = render_audit(&report)?;
    let path = out.join(PAGE);
    file::write_atomic(&path, |w| w.write_all(page.as_bytes()))?;
    printer.note(&format!("report: {}", path.display()));
    Ok(())
}

/// Moves a table of findings that is not as an audit wrote it out of the way of the new one, whose checksum
/// is given.
fn put_edited_aside(out: &Path, checksum: u32, printer: &Printer) -> Result<()> {
    let table = out.join(FINDINGS);
    let Some(found) = checksum_of(&table)? else { return Ok(()) };
    if found == checksum || Some(found) == checksum_written(out) {
        return Ok(());
    }
    let aside = free(|number| out.join(format!("findings-{number}.csv")));
    fs::rename(&table, &aside).map_err(|e| Error::io(&table, &e))?;
    printer.warn(&format!(
        "{} had been edited and is now {}: `hema audit --apply` takes it, as long as the data are the same",
        table.display(),
        aside.display()
    ));
    Ok(())
}

/// Checksum of a file that may be there.
pub(crate) fn checksum_of(path: &Path) -> Result<Option<u32>> {
    if path.is_file() { file::add_to_checksum(0, path).map(Some) } else { Ok(None) }
}

/// Checksum of the table of findings that the audit in a folder wrote, if its record says so.
pub(crate) fn checksum_written(out: &Path) -> Option<u32> {
    let record: serde_json::Value = read_json(&out.join(RECORD)).ok()?;
    record["findings_checksum"].as_u64()?.try_into().ok()
}

/// Writes the probabilities that labels were judged by, of every image that the model was asked about, and
/// what the model is called.
pub(super) fn write_predictions(
    w: &mut dyn Write,
    source: &Source,
    evidence: &ModelEvidence,
    model: &str,
) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    let header =
        ["path", "label"].into_iter().chain(source.classes().iter().map(String::as_str)).chain(["model"]);
    csv.write_record(header.map(defused)).map_err(file::csv_error)?;
    for (entry, row) in source.entries().iter().zip(&evidence.probabilities) {
        let Some(row) = row else { continue };
        let label = entry.label.map_or("", |label| &source.classes()[label]);
        let said = row.iter().map(f32::to_string);
        let cells = [entry.path, label].into_iter().map(defused).chain(said).chain([defused(model)]);
        csv.write_record(cells).map_err(file::csv_error)?;
    }
    csv.flush()
}

/// Writes the images that stay.
pub(super) fn write_clean(
    path: &Path,
    mut writer: Box<dyn Writer>,
    audited: &Audited,
    printer: &Printer,
) -> Result<()> {
    let (source, stay) = (&audited.source, audited.stay());
    if stay.is_empty() {
        return Err(Error::new("would hold no image: the findings drop all of them").at(path));
    }
    let progress = printer.progress("writing", stay.len() as u64);
    let order = source.reading_order(Some(&stay))?;
    let copied = write::copy(source, &order, &Change::default(), OnBadImage::Skip, writer.as_mut(), |done| {
        progress.set(done as u64, "images");
        Ok(())
    });
    progress.clear();
    // the counts that were told hold, or nothing is written
    if let [first, ..] = &copied?[..] {
        let unread = format!("cannot be read, yet the findings let it stay: {}", first.reason);
        return Err(Error::new(unread).at(&first.path).hint(
            "copy the file again, allow more memory with --memory, or set its action to `drop` and give the findings with \
             --apply",
        ));
    }
    writer.finish()?;
    printer.note(&format!("{} images that stay: {}", stay.len(), path.display()));
    warn_of_lost_classes(audited, path, printer);
    Ok(())
}

/// Names the classes that have lost all of their images, and keep their place in the list.
fn warn_of_lost_classes(audited: &Audited, path: &Path, printer: &Printer) {
    let summary = Summary::new(&audited.source, &audited.audit);
    let lost = summary.classes.iter().filter(|class| class.before.all > 0 && class.after.all == 0);
    let lost: Vec<String> =
        lost.filter_map(|class| class.name.as_deref().map(|name| format!("`{}`", printable(name)))).collect();
    if !lost.is_empty() {
        printer.warn(&format!(
            "no image of {} stays; {} keeps the class and its number all the same",
            lost.join(", "),
            path.display()
        ));
    }
}
