//! What an audit says on the terminal: short tables for people, the whole record for machines.

use hema::audit::{AuditRecord, CheckSummary, Counts, Summary};
use hema::error::{Error, Result};
use hema::split::Part;

use crate::output::{Printer, printable, table};

/// Most characters of the path of an example.
const LONGEST_PATH: usize = 60;

/// Prints what was found: short tables for people, the whole record for machines.
pub(super) fn print(record: &AuditRecord, printer: &Printer) -> Result<()> {
    if printer.is_json() {
        let json = serde_json::to_string_pretty(record).map_err(|e| Error::new(e.to_string()))?;
        printer.result(&json);
        return Ok(());
    }
    let Summary { images, drop, review, .. } = record.summary;
    let data = printable(&record.data);
    let whole = match record.faults_of_the_set() {
        0 => String::new(),
        1 => "; 1 fault of the set as a whole".to_owned(),
        count => format!("; {count} faults of the set as a whole"),
    };
    printer.result(&format!(
        "{images} images of {data}: {drop} to drop, {review} to look at, {} stay{whole}",
        images - drop
    ));
    printer.result("");
    printer.result(&checks_table(record));
    if record.summary.checks.iter().any(CheckSummary::found) {
        printer.result(
            "scores say how sound an image is, 0 (bad) to 1 (fine); see `hema list checks` for thresholds",
        );
    }
    printer.result("");
    printer.result(&class_table(&record.summary));
    Ok(())
}

/// Every check that found something, with its worst finding; then the names of the others, and of those not
/// run.
fn checks_table(record: &AuditRecord) -> String {
    let summary = &record.summary;
    let found: Vec<&CheckSummary> = summary.checks.iter().filter(|check| check.found()).collect();
    let mut lines = Vec::new();
    if !found.is_empty() {
        let mut rows = vec![["check", "images", "to drop", "to look at"].map(String::from).to_vec()];
        rows.extend(found.iter().map(|check| {
            // a fault of the set as a whole is no number of images
            let text = |count: u64| if check.images > 0 { count.to_string() } else { "-".into() };
            let counts = [check.images, check.drop, check.review].map(text);
            [vec![check.name.to_owned()], counts.to_vec()].concat()
        }));
        let worst = found.iter().map(|check| check.worst.map_or(String::new(), |i| example(record, i)));
        let examples = std::iter::once("worst".to_owned()).chain(worst);
        lines.extend(table(&rows).lines().zip(examples).map(|(row, example)| format!("{row}  {example}")));
    }
    if summary.is_read() {
        lines.push("no check was run: these findings were read from a file".to_owned());
    }
    let silent = summary.nothing_found();
    if !silent.is_empty() {
        lines.push(format!("nothing found: {}", silent.join(", ")));
    }
    let left_out = summary.not_looked_for().into_iter();
    let left_out: Vec<String> = left_out.map(|(name, why)| format!("{name} ({why})")).collect();
    if !left_out.is_empty() {
        lines.push(format!("not looked for: {}", left_out.join(", ")));
    }
    lines.join("\n")
}

/// A finding in the rest of a line: its path and its detail. Of a long path the end is shown, and the detail
/// whole, at whose end stand the numbers.
fn example(record: &AuditRecord, finding: usize) -> String {
    let finding = &record.findings[finding];
    let (path, detail) = (printable(finding.path), printable(finding.detail));
    let beyond = path.chars().count().saturating_sub(LONGEST_PATH);
    match (path.as_str(), beyond) {
        ("", _) => detail,
        (path, 0) => format!("{path}: {detail}"),
        (path, beyond) => format!("...{}: {detail}", path.chars().skip(beyond).collect::<String>()),
    }
}

/// Images per class before and after, and those of each part that stay where the data is split.
fn class_table(summary: &Summary) -> String {
    let parts = if summary.is_split() { &Part::ALL[..] } else { &[] };
    let of_parts = |counts: &Counts| parts.iter().map(|p| counts.parts[*p as usize].to_string()).collect();
    let header = ["class", "images", "stay"].map(String::from).to_vec();
    let mut rows = vec![[header, parts.iter().map(ToString::to_string).collect()].concat()];
    rows.extend(summary.classes.iter().map(|class| {
        let name = class.name.as_deref().map_or("(no label)".to_owned(), printable);
        let counts = [class.before.all, class.after.all].map(|count| count.to_string());
        [vec![name], counts.to_vec(), of_parts(&class.after)].concat()
    }));
    table(&rows)
}
