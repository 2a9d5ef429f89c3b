//! `hema audit`: what is wrong with a data set, and a copy without it.

mod files;
mod print;

use std::path::PathBuf;
use std::str::FromStr;

use hema::audit::{Action, AuditRecord, Threshold, find_check, findings_checksum};
use hema::data::write::{self, Form, Options};
use hema::error::Result;
use hema::{Audited, Auditing, file};

use super::args::{DeviceArg, White, output, tell_unfinished};
use crate::next::AuditedData;
use crate::output::{Bars, Printer, printable};
use crate::places::{Kind, Places};
use crate::status::Status;
pub(crate) use files::{FINDINGS, checksum_of, checksum_written};
use files::{PAGE, PREDICTIONS, RECORD, write_clean, write_findings, write_predictions};
use print::print;

/// Find what is wrong with a data set: duplicates, foreign images, conflicting labels, leaks, spoilt images
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Image folder, or any other form of `hema list readers`; an archive may lie
    /// at an address, as `s3://bucket/cells.tar`
    data: PathBuf,
    /// Folder for findings.csv, audit.json and audit.html; a findings.csv there that was edited is put
    /// aside
    #[arg(long, value_parser = output(), value_name = "DIR")]
    out: Option<PathBuf>,
    /// Data set to write with the images that stay, in the form of `hema list forms` that its name tells
    #[arg(long, value_name = "CLEAN")]
    write: Option<PathBuf>,
    /// Take the findings of this file, perhaps edited, in place of a new audit; a row that a person adds
    /// needs a path and an action, and no check
    #[arg(long, value_name = "FILE", conflicts_with = "threshold")]
    apply: Option<PathBuf>,
    /// CSV with the columns path and split, to look for leaks in; by default the data's own
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// Find images that score below this in a check (see `hema list checks`); 0 leaves the check out
    #[arg(long, value_name = "CHECK=VALUE")]
    threshold: Vec<CheckThreshold>,
    /// Model that finds outliers and doubtful labels, which takes about as long as predicting all images;
    /// with it copies are found that are cropped or turned by odd angles
    #[arg(long, value_name = "MODEL", conflicts_with = "apply")]
    model: Option<PathBuf>,
    /// Judge every label by the images outside its own of so many folds and not by the model itself; without
    /// --model on ImageNet features [default: 5, where the model cannot judge]
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

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        let files =
            [(RECORD, Kind::Json), (PAGE, Kind::Page), (PREDICTIONS, Kind::Csv), (FINDINGS, Kind::Csv)];
        // findings that are read are left as they are
        let files = if self.apply.is_some() { &files[..3] } else { &files };
        Places::default()
            .data([&self.data])
            .reads(&self.apply)
            .reads(&self.split)
            .reads(&self.model)
            .writes_into(self.out.as_ref(), files)
            .writes(Kind::New, self.write.as_ref())
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
    let begin = |path| write::create(path, Form::of_path(path)?, source.classes(), &Options::default());
    let writer = args.write.as_deref().map(begin).transpose()?;
    let audited = match &args.apply {
        Some(path) => Audited::read(path, source)?,
        None => auditing.device(&args.device.open(printer)?).run_on(source, &mut Bars::new(printer))?,
    };
    let mut record = audited.record();
    if args.apply.is_none() {
        record.findings_checksum = Some(findings_checksum(&audited.audit.findings, &audited.source)?);
    }
    print(&record, printer)?;
    let data = audited_data(args, &audited);
    if let Some(out) = &args.out {
        let table = args.apply.clone().unwrap_or_else(|| out.join(FINDINGS));
        let clean_command = data.anywhere()?.clean(&file::absolute(&table)?).to_string();
        write_findings(out, &table, &audited, &record, clean_command, printer)?;
        if let Some(evidence) = &audited.model {
            file::write_atomic(&out.join(PREDICTIONS), |w| {
                write_predictions(w, &audited.source, evidence, audited.asked.as_deref().unwrap_or_default())
            })?;
        }
    }
    let too_large = warn_of_too_large(&audited, printer);
    if let (Some(path), Some(writer)) = (&args.write, writer) {
        write_clean(path, writer, &audited, printer)?;
    }
    lead_on(args, &data, &record, printer);
    let wanting = audited.audit.findings.iter().any(|finding| finding.action != Action::Keep);
    Ok(if args.strict && wanting || too_large { Status::FoundWanting } else { Status::Done })
}

/// Names the images that take more memory than was lent; whether there are any.
fn warn_of_too_large(audited: &Audited, printer: &Printer) -> bool {
    let too_large = audited.audit.measured.too_large();
    let Some(first) = too_large.first() else { return false };
    let reason = audited.audit.measured.unreadable().get(first).map_or("", String::as_str);
    printer.warn(&format!(
        "not looked at, as more memory is needed than images are lent: {} images, first {}, which {reason}; allow more with \
         --memory",
        too_large.len(),
        printable(audited.source.entry(*first).path)
    ));
    true
}

/// The data as they were read, for the commands that lead on.
fn audited_data(args: &Args, audited: &Audited) -> AuditedData {
    let mut entries = audited.source.entries().iter();
    AuditedData {
        data: args.data.clone(),
        split: args.split.clone(),
        // without labels there is nothing to split
        is_split: entries.clone().all(|entry| entry.label.is_none())
            || entries.any(|entry| entry.part.is_some()),
        white: args.white.number,
        model: args.model.clone(),
        folds: args.folds,
    }
}

/// Says what a person does with the findings, and the command that goes on.
fn lead_on(args: &Args, data: &AuditedData, record: &AuditRecord, printer: &Printer) {
    let found = record.summary.drop + record.summary.review > 0;
    let table = args.apply.clone().or_else(|| args.out.as_ref().map(|out| out.join(FINDINGS)));
    if let (Some(table), true, None) = (&table, found, &args.write) {
        printer.note(&format!(
            "in the column `action` of {} may stand drop (left out of the cleaned set), keep, or review (stays until \
             somebody has looked)",
            table.display()
        ));
    }
    let command = match (&args.write, table) {
        (Some(clean), _) => data.split(clean),
        (None, Some(table)) if found => Some(data.clean(&table)),
        (None, None) if found => Some(data.keep_findings()),
        (None, _) if args.apply.is_some() => data.split(&args.data),
        _ => data.split(&args.data).or_else(|| data.closer_look()),
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
