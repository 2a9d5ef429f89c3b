//! `hema audit`: what is wrong with a data set, and a copy without it.

use std::path::PathBuf;
use std::str::FromStr;

use hema::core::audit::{
    self, Action, AuditRecord, CheckSummary, Counts, Finding, Summary, Threshold, find_check,
};
use hema::core::data::{self, Source};
use hema::core::error::{Error, Result};
use hema::core::file;
use hema::core::provenance::Provenance;
use hema::core::split::{Part, Split};

use super::{Status, command_line};
use crate::output::{Printer, printable, table};
use crate::run_info::write_json;

/// Name of the table of findings inside an audit's folder.
const FINDINGS: &str = "findings.csv";

/// Name of the record inside an audit's folder.
const RECORD: &str = "audit.json";

/// Find what is wrong with a data set: duplicates, foreign images, conflicting labels, leaks, spoilt images
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Image folder, archive, .npz or CSV manifest
    data: PathBuf,
    /// Folder for findings.csv, audit.json and audit.html
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take the findings of this file, perhaps edited, in place of a new audit
    #[arg(long, value_name = "FILE", conflicts_with = "threshold")]
    apply: Option<PathBuf>,
    /// CSV with the columns path and split, to look for leaks in; by default the data's own
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// Find images that score below this in a check (see `hema list checks`); 0 leaves the check out
    #[arg(long, value_name = "CHECK=VALUE")]
    threshold: Vec<CheckThreshold>,
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
    let source = data::open(&args.data)?;
    let split = args.split.as_deref().map(|path| read_split(path, &source)).transpose()?;
    let found = find(args, &source, split.as_ref(), printer)?;
    let provenance = Provenance::now(command_line(), "CPU");
    let record = AuditRecord::new(&source, &found.findings, &found.parts, provenance);
    if let Some(out) = &args.out {
        if args.apply.is_none() {
            audit::write_findings(&out.join(FINDINGS), &found.findings, &source)?;
        }
        write_json(&out.join(RECORD), &record)?;
    }
    print(&record, printer)?;
    let wanting = found.findings.iter().any(|finding| finding.action != Action::Keep);
    Ok(if args.strict && wanting { Status::FoundWanting } else { Status::Done })
}

/// Findings, and the part of every image.
struct Found {
    findings: Vec<Finding>,
    parts: Vec<Option<Part>>,
}

/// A split that names at least some of the images.
fn read_split(path: &std::path::Path, source: &Source) -> Result<Split> {
    let split = Split::read(path)?;
    if split.ignored(source) == source.len() {
        return Err(Error::new("names none of the images")
            .at(path)
            .hint("use the split with the data it was made from"));
    }
    Ok(split)
}

/// Audits the data, or reads what an earlier audit and a person after it have found.
fn find(args: &Args, source: &Source, split: Option<&Split>, printer: &Printer) -> Result<Found> {
    if let Some(path) = &args.apply {
        let findings = audit::read_findings(path, source)?;
        return Ok(Found { findings, parts: audit::parts(source, split)? });
    }
    let thresholds: Vec<Threshold> = args.threshold.iter().map(|own| own.0.clone()).collect();
    let progress = printer.progress("auditing", source.len() as u64);
    let audited = audit::audit(source, split, None, &thresholds, &|done| progress.set(done as u64, "images"));
    progress.clear();
    let audited = audited?;
    Ok(Found { findings: audited.findings, parts: audited.parts })
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
    printer.result("");
    printer.result(&class_table(&record.summary));
    Ok(())
}

/// Every check that found something, with its worst finding; then the names of the others.
fn checks_table(record: &AuditRecord) -> String {
    let (found, clean): (Vec<&CheckSummary>, Vec<&CheckSummary>) =
        record.summary.checks.iter().partition(|check| check.found());
    let mut lines = Vec::new();
    if !found.is_empty() {
        let mut rows = vec![["check", "images", "to drop", "to look at"].map(String::from).to_vec()];
        rows.extend(found.iter().map(|check| {
            let counts = [check.images, check.drop, check.review].map(|count| count.to_string());
            [vec![check.name.to_owned()], counts.to_vec()].concat()
        }));
        let worst = found.iter().map(|check| check.worst.map_or(String::new(), |i| example(record, i)));
        let examples = std::iter::once("worst".to_owned()).chain(worst);
        lines.extend(table(&rows).lines().zip(examples).map(|(row, example)| format!("{row}  {example}")));
    }
    if !clean.is_empty() {
        let names: Vec<&str> = clean.iter().map(|check| check.name).collect();
        lines.push(format!("nothing found: {}", names.join(", ")));
    }
    lines.join("\n")
}

fn example(record: &AuditRecord, finding: usize) -> String {
    let finding = &record.findings[finding];
    match finding.path.as_str() {
        "" => printable(&finding.detail),
        path => format!("{}: {}", printable(path), printable(&finding.detail)),
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
