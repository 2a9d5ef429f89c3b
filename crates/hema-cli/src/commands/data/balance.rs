//! `hema data balance`: a set whose training classes are of equal size.

use std::path::PathBuf;

use hema::data::write;
use hema::data::{self, Skipped, Source};
use hema::error::{Error, Result};
use hema::sampler::{self, Draw, Sampler};
use hema::split::Part;

use super::writing::{Writing, choose, with_parts, write_images};
use crate::commands::args::output;
use crate::output::{Printer, printable, table};
use crate::places::{Kind, Places};
use crate::status::Status;

/// Write a data set whose training classes are balanced by leaving images out, repeating or mixing them
///
/// The validation and test images are written as they are. What is written of the training images is what the
/// first epoch of a training run with this sampler shows; a run itself can show other images every epoch
/// (`data.sampler` in a recipe).
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Image folder with labels, or any other form of `hema list readers`
    input: PathBuf,
    /// What to write; must not exist
    #[arg(value_parser = output())]
    output: PathBuf,
    #[command(flatten)]
    writing: Writing,
    /// How classes are balanced, one of `hema list samplers`
    #[arg(long, value_name = "NAME")]
    sampler: String,
    /// Images of a class: `undersample` leaves smaller classes as they are, `oversample` larger ones
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    count: Option<u64>,
    /// Decides every random choice
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// CSV with the columns path and split, or `none` to balance all images; by default the split inside the
    /// data
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// Write only this part, as a data set without parts; several, separated by commas, keep theirs
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    part: Vec<Part>,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        Places::default().data([&self.input]).reads(&self.split).writes(Kind::New, Some(&self.output))
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let sampler = sampler::find(&args.sampler)?;
    let form = args.writing.form(&args.output)?;
    let source = with_parts(data::open_as(&args.input, args.writing.white.number)?, args.split.as_deref())?;
    printer.warn_of_notices(source.notices());
    if !args.part.is_empty() && !args.part.contains(&Part::Train) {
        return Err(Error::new("the part `train`, which is to be balanced, is not among the parts to write")
            .hint("name it too, as in `--part train,val`, or use `hema data convert`"));
    }
    let (source, chosen) = choose(source, &args.part)?;
    let Chosen { training, rest } = divide(&source, &chosen, printer)?;
    let (counts, quotas) = quotas(args, sampler, &training);
    let draws = sampler.draw(&training, &quotas, args.seed, 0);
    let writer = args.writing.create(&args.output, form, &source, printer)?;

    let mut written = 0;
    let images = draws.len() + rest.len();
    let skipped = write_images(printer, "balancing", images, writer, |writer, progress| {
        write::balance(&source, &draws, &rest, args.writing.on_bad_image.into(), writer, |done| {
            written = done;
            progress(done)
        })
    })?;
    printer.warn_of_notices(&source.picture_notices());
    let Some(skipped) = skipped else { return Ok(Status::Interrupted) };
    report(args, &source, &Report { counts, quotas, draws, rest: rest.len(), written, skipped }, printer)?;
    Ok(Status::Done)
}

/// The images to be written.
struct Chosen {
    /// Training images of each class.
    training: Vec<Vec<usize>>,
    /// The others, which stay as they are.
    rest: Vec<usize>,
}

fn divide(source: &Source, chosen: &[usize], printer: &Printer) -> Result<Chosen> {
    let has_parts = source.entries().iter().any(|entry| entry.part.is_some());
    if !has_parts {
        printer.warn(
            "the data has no parts: all images are balanced; split before you balance, or repeated and mixed images \
             come into validation and test",
        );
    }
    let mut training = vec![Vec::new(); source.classes().len()];
    let (mut rest, mut unlabelled) = (Vec::new(), 0);
    for i in chosen.iter().copied() {
        let entry = source.entry(i);
        match entry.label {
            _ if has_parts && entry.part != Some(Part::Train) => rest.push(i),
            Some(label) => training[label].push(i),
            None => unlabelled += 1,
        }
    }
    if unlabelled > 0 {
        printer.warn(&format!("{unlabelled} training images have no label and are left out"));
    }
    if training.iter().all(Vec::is_empty) {
        return Err(Error::new("there is no labelled training image to balance").at(source.path()));
    }
    Ok(Chosen { training, rest })
}

/// Training images of each class as there are, and as they are to be.
fn quotas(args: &Args, sampler: &Sampler, training: &[Vec<usize>]) -> (Vec<u64>, Vec<u64>) {
    let counts: Vec<u64> = training.iter().map(|images| images.len() as u64).collect();
    let quotas = match args.count {
        Some(count) => sampler.quotas_of(&counts, count),
        None => sampler.quotas(&counts),
    };
    (counts, quotas)
}

/// What was done.
struct Report {
    counts: Vec<u64>,
    quotas: Vec<u64>,
    draws: Vec<Draw>,
    rest: usize,
    written: usize,
    skipped: Vec<Skipped>,
}

fn report(args: &Args, source: &Source, report: &Report, printer: &Printer) -> Result<()> {
    let repeated = report.draws.iter().filter(|draw| draw.repeat > 0 && draw.mix.is_none()).count();
    let mixed = report.draws.iter().filter(|draw| draw.mix.is_some()).count();
    let out = printable(&args.output.display().to_string());
    if printer.is_json() {
        let result = serde_json::json!({
            "out": args.output, "images": report.written, "classes": source.classes(), "before": report.counts,
            "after": report.quotas, "repeated": repeated, "mixed": mixed, "unchanged": report.rest,
            "skipped": report.skipped,
        });
        printer.result(&serde_json::to_string_pretty(&result).map_err(|e| Error::new(e.to_string()))?);
        return Ok(());
    }
    let mut rows = vec![["class", "before", "after"].map(str::to_owned).to_vec()];
    for (class, (before, after)) in source.classes().iter().zip(report.counts.iter().zip(&report.quotas)) {
        rows.push(vec![printable(class), before.to_string(), after.to_string()]);
    }
    let total = |counts: &[u64]| counts.iter().sum::<u64>().to_string();
    rows.push(vec!["total".into(), total(&report.counts), total(&report.quotas)]);
    printer.result(&table(&rows));
    printer.result("");
    printer.result(&format!(
        "{} images: {out}; of training {repeated} are repeated and {mixed} mixed, {} of other parts are as they were",
        report.written, report.rest
    ));
    Ok(())
}
