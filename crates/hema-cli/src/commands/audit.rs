//! `hema audit`: what is wrong with a data set, and a copy without it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hema::audit::{
    self, Action, AuditRecord, CheckSummary, Counts, ModelEvidence, Summary, Threshold, find_check,
};
use hema::data::write::{self, Change, Form, Writer};
use hema::data::{OnBadImage, Source};
use hema::error::{Error, Result};
use hema::report::{AuditReport, render_audit};
use hema::run_folder::{title, write_json};
use hema::split::Part;
use hema::spreadsheet::defused;
use hema::{Audited, Auditing, file};

use super::args::{DeviceArg, White, output, tell_unfinished};
use crate::next;
use crate::output::{Bars, Printer, printable, table};
use crate::status::Status;

/// Name of the table of findings inside an audit's folder.
const FINDINGS: &str = "findings.csv";

/// Name of the record inside an audit's folder.
const RECORD: &str = "audit.json";

/// Name of the page inside an audit's folder.
const PAGE: &str = "audit.html";

/// Name of the table of a model's probabilities, inside the output folder.
const PREDICTIONS: &str = "predictions.csv";

/// Most characters of an example in the table.
const EXAMPLE: usize = 110;

/// Find what is wrong with a data set: duplicates, foreign images, conflicting labels, leaks, spoilt images
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Image folder, or any other form of `hema list readers`
    data: PathBuf,
    /// Folder for findings.csv, audit.json and audit.html
    #[arg(long, value_parser = output(), value_name = "DIR")]
    out: Option<PathBuf>,
    /// Data set to write with the images that stay, in the form of `hema list forms` that its name tells
    #[arg(long, value_name = "CLEAN")]
    write: Option<PathBuf>,
    /// Take the findings of this file, perhaps edited, in place of a new audit
    #[arg(long, value_name = "FILE", conflicts_with = "threshold")]
    apply: Option<PathBuf>,
    /// CSV with the columns path and split, to look for leaks in; by default the data's own
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// Find images that score below this in a check (see `hema list checks`); 0 leaves the check out
    #[arg(long, value_name = "CHECK=VALUE")]
    threshold: Vec<CheckThreshold>,
    /// Model whose features find outliers and doubtful labels, which take about as long as predicting all
    /// images
    #[arg(long, value_name = "MODEL", conflicts_with = "apply")]
    model: Option<PathBuf>,
    /// Judge every label by the images outside its own of so many folds; without --model on ImageNet features
    /// [default: 5]
    #[arg(long, value_name = "N", conflicts_with = "apply", value_parser = clap::value_parser!(u32).range(2..=100))]
    folds: Option<u32>,
    #[command(flatten)]
    white: White,
    #[command(flatten)]
    device: DeviceArg,
    /// Exit with status 1 if an image should go or be looked at
    #[arg(long)]
    strict: bool,
}

/// `CHECK=VALUE`.
#[derive(Clone)]
struct CheckThreshold(Threshold);

impl FromStr for CheckThreshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected CHECK=VALUE, for example unreadable=0")?;
        let check = find_check(name)
            .map_err(|e| format!("{e}{}", e.hint_text().map_or(String::new(), |h| format!("; {h}"))))?;
        let value: f64 = value.parse().map_err(|_| format!("`{value}` is no number"))?;
        if !(0.0..=1.0).contains(&value) {
            return Err(format!("the threshold is {value} (expected 0 to 1)"));
        }
        Ok(Self(Threshold { check: check.name.to_owned(), value }))
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    if let Some(out) = &args.out {
        file::create_folder(out)?;
    }
    tell_unfinished(args.model.as_slice(), printer);
    let auditing = auditing(args);
    let source = auditing.open()?;
    // a name that is taken is found before the work, not after it
    let writer = args.write.as_deref().map(|path| begin(path, &source)).transpose()?;
    let audited = match &args.apply {
        Some(path) => Audited::read(path, source)?,
        None => auditing.device(&args.device.open(printer)?).run_on(source, &mut Bars::new(printer))?,
    };
    let record = audited.record();
    print(&record, printer)?;
    if let Some(out) = &args.out {
        write_findings(args, out, &audited, &record, printer)?;
        if let Some(evidence) = &audited.model {
            file::write_atomic(&out.join(PREDICTIONS), |w| write_predictions(w, &audited.source, evidence))?;
        }
    }
    if let (Some(path), Some(writer)) = (&args.write, writer) {
        write_clean(path, writer, &audited, printer)?;
    }
    lead_on(args, &audited, &record, printer);
    let wanting = audited.audit.findings.iter().any(|finding| finding.action != Action::Keep);
    Ok(if args.strict && wanting { Status::FoundWanting } else { Status::Done })
}

/// Says what a person does with the findings, and the command that goes on.
fn lead_on(args: &Args, audited: &Audited, record: &AuditRecord, printer: &Printer) {
    let found = record.summary.drop + record.summary.review > 0;
    let table = args.apply.clone().or_else(|| args.out.as_ref().map(|out| out.join(FINDINGS)));
    if let (Some(table), true, None) = (&table, found, &args.write) {
        printer.note(&format!(
            "in the column `action` of {} may stand drop (left out of the cleaned set), keep, or review (stays until \
             somebody has looked)",
            table.display()
        ));
    }
    let data = next::AuditedData {
        data: &args.data,
        split: args.split.as_deref(),
        is_split: audited.source.entries().iter().any(|entry| entry.part.is_some()),
        white: args.white.number,
    };
    let command = match (&args.write, table) {
        (Some(clean), _) => data.split(clean),
        (None, Some(table)) if found => Some(data.clean(&table)),
        (None, None) if found => Some(data.keep_findings()),
        _ => data.split(&args.data),
    };
    if let Some(command) = command {
        printer.next(&command);
    }
}

/// The audit that the arguments ask for.
fn auditing(args: &Args) -> Auditing {
    let mut auditing = hema::audit(&args.data).white(args.white.number);
    for CheckThreshold(Threshold { check, value }) in &args.threshold {
        auditing = auditing.threshold(check, *value);
    }
    if let Some(split) = &args.split {
        auditing = auditing.split(split);
    }
    if let Some(model) = &args.model {
        auditing = auditing.model(model);
    }
    if let Some(folds) = args.folds {
        auditing = auditing.folds(folds as usize);
    }
    auditing
}

/// Begins the cleaned set, which must not lie inside the data: it would be part of it the next time.
fn begin(path: &Path, source: &Source) -> Result<Box<dyn Writer>> {
    let absolute = std::path::absolute(path).map_err(|e| Error::io(path, &e))?;
    let real = |path: &Path| path.canonicalize().ok();
    let existing = absolute.ancestors().find_map(real);
    if let (Some(data), Some(existing)) = (real(source.path()), existing)
        && existing.starts_with(&data)
    {
        return Err(Error::new("lies inside the data itself").at(path).hint("choose another --write"));
    }
    write::create(path, Form::of_path(path)?, source.classes(), &write::Options::default())
}

/// Writes the findings as a table, as a record and as a page. A file of findings that was read is left as it
/// is.
fn write_findings(
    args: &Args,
    out: &Path,
    audited: &Audited,
    record: &AuditRecord,
    printer: &Printer,
) -> Result<()> {
    let (source, audit) = (&audited.source, &audited.audit);
    let table = args.apply.clone().unwrap_or_else(|| out.join(FINDINGS));
    if args.apply.is_none() {
        audit::write_findings(&table, &audit.findings, source)?;
    }
    write_json(&out.join(RECORD), record)?;
    let title = format!("Audit of {}", title(&args.data));
    let findings_file = table.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let report = AuditReport { title, source, audit, record, findings_file };
    let page = render_audit(&report)?;
    let path = out.join(PAGE);
    file::write_atomic(&path, |w| w.write_all(page.as_bytes()))?;
    printer.note(&format!("report: {}", path.display()));
    Ok(())
}

/// Writes the probabilities that labels were judged by, of every image that the model was asked about.
fn write_predictions(w: &mut dyn Write, source: &Source, evidence: &ModelEvidence) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(w);
    let header = ["path", "label"].into_iter().chain(source.classes().iter().map(String::as_str));
    csv.write_record(header.map(defused)).map_err(file::csv_error)?;
    for (entry, row) in source.entries().iter().zip(&evidence.probabilities) {
        let Some(row) = row else { continue };
        let label = entry.label.map_or("", |label| &source.classes()[label]);
        let said = row.iter().map(f32::to_string);
        let cells = [entry.path, label].into_iter().map(defused).chain(said);
        csv.write_record(cells).map_err(file::csv_error)?;
    }
    csv.flush()
}

/// Writes the images that stay.
fn write_clean(path: &Path, mut writer: Box<dyn Writer>, audited: &Audited, printer: &Printer) -> Result<()> {
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
    let skipped = copied?;
    writer.finish()?;
    printer.warn_of_skipped(&skipped);
    printer.note(&format!("{} images that stay: {}", stay.len() - skipped.len(), path.display()));
    Ok(())
}

/// Prints what was found: short tables for people, the whole record for machines.
fn print(record: &AuditRecord, printer: &Printer) -> Result<()> {
    if printer.is_json() {
        let json = serde_json::to_string_pretty(record).map_err(|e| Error::new(e.to_string()))?;
        printer.result(&json);
        return Ok(());
    }
    let Summary { images, drop, review, .. } = record.summary;
    let data = printable(&record.data);
    printer.result(&format!(
        "{images} images of {data}: {drop} to drop, {review} to look at, {} stay",
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

/// A finding in the rest of a line: its path and its detail.
fn example(record: &AuditRecord, finding: usize) -> String {
    let finding = &record.findings[finding];
    let text = match finding.path {
        "" => printable(finding.detail),
        path => format!("{}: {}", printable(path), printable(finding.detail)),
    };
    match text.char_indices().nth(EXAMPLE) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
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
