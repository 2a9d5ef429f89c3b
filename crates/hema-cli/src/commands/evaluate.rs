//! `hema evaluate`: how good a model is, on clean and on degraded images.

use std::path::{Path, PathBuf};

use hema::Device;
use hema::bundle::Manifest;
use hema::core::corrupt::{self, Suite};
use hema::core::data::{self, Dataset, Source, Unknown};
use hema::core::error::{Error, Result};
use hema::core::file;
use hema::core::provenance::Provenance;
use hema::core::record::{ClassScores, Evaluation, ModelSummary, Scores};
use hema::core::split::{Part, Split};
use hema::evaluate::{Subject, evaluate};
use hema::predict::{Predictor, Views};
use hema::train::device_name;

use super::{Memory, OnBadImage, Precision, command_line, load, report, warn_skipped};
use crate::output::{Printer, percent, table};
use crate::run_info::{EVALUATION, REPORT, SPLIT, write_json};

/// Judge a model on labelled images, clean and degraded
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
    /// More models, to judge their ensemble
    #[arg(long = "with", value_name = "MODEL")]
    with: Vec<PathBuf>,
    /// Image folder, archive, .npz or CSV manifest with labels
    #[arg(long)]
    data: PathBuf,
    /// CSV with the columns path and split; by default the run's own if it fits, else the data's own
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// train, val, test or all [default: val where there is a split, else all]
    #[arg(long)]
    part: Option<String>,
    /// Suites of conditions (see `hema list suites`)
    #[arg(long, value_delimiter = ',', default_value = "clean,degraded")]
    suite: Vec<String>,
    /// Folder for evaluation.json and report.html
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What to do with an image that cannot be read
    #[arg(long, value_enum, default_value = "fail")]
    on_bad_image: OnBadImage,
    /// What feature maps are stored in
    #[arg(long, value_enum, default_value = "fp32")]
    precision: Precision,
    #[command(flatten)]
    memory: Memory,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<()> {
    let suites: Vec<&Suite> =
        args.suite.iter().map(|name| corrupt::find_suite(name)).collect::<Result<_>>()?;
    if let Some(out) = &args.out {
        file::create_folder(out)?;
    }
    let models: Vec<PathBuf> = std::iter::once(&args.model).chain(&args.with).cloned().collect();
    let device = Device::flex();
    let (predictor, manifests) = Predictor::open(&models, &device)?;
    let predictor = predictor.with_precision(args.precision.into());
    let source = data::open(&args.data)?.with_classes(predictor.classes(), Unknown::Fail)?;
    let (part, indices) = choose_part(args, &source)?;

    let options = args.memory.options(args.on_bad_image);
    let count = indices.as_ref().map_or(source.len(), Vec::len);
    let views =
        load(printer, count, |progress| predictor.load(&source, indices.as_deref(), &options, progress))?;
    warn_skipped(printer, views.first().skipped());

    let judged = Judged { model: args.model.clone(), data: args.data.display().to_string(), part };
    let evaluation = judge(&judged, &models, &predictor, &manifests, &views, &suites, &device, printer)?;
    if let Some(out) = &args.out {
        write(out, &evaluation, &args.model, printer)?;
    }
    print(&evaluation, printer)
}

/// The part's name and its images; all of them when there is no split.
fn choose_part(args: &Args, source: &Source) -> Result<(String, Option<Vec<usize>>)> {
    if args.part.as_deref() == Some("all") {
        return Ok(("all".into(), None));
    }
    let Some(split) = find_split(args, source)? else {
        return match &args.part {
            Some(part) => Err(Error::new(format!("there is no split to take the part `{part}` from"))
                .at(&args.data)
                .hint("give one with --split, or judge all images with --part all")),
            None => Ok(("all".into(), None)),
        };
    };
    let part: Part = args.part.as_deref().unwrap_or("val").parse()?;
    Ok((part.to_string(), Some(split.indices(source, part)?)))
}

/// The split that is given, or the run's own where it fits the data, or the data's own.
fn find_split(args: &Args, source: &Source) -> Result<Option<Split>> {
    if let Some(path) = &args.split {
        return Split::read(path).map(Some);
    }
    let own = args.model.join(SPLIT);
    if own.is_file() {
        let split = Split::read(&own)?;
        if split.indices(source, Part::Val).is_ok() {
            return Ok(Some(split));
        }
    }
    source.read_split_inside()
}

/// What is judged, for the record.
pub(super) struct Judged {
    pub(super) model: PathBuf,
    pub(super) data: String,
    pub(super) part: String,
}

/// Judges one model on images that are decoded already.
pub(super) fn judge_dataset(
    judged: &Judged,
    data: &Dataset,
    suites: &[&Suite],
    device: &Device,
    printer: &Printer,
) -> Result<Evaluation> {
    let models = [judged.model.clone()];
    let (predictor, manifests) = Predictor::open(&models, device)?;
    let views = predictor.view(data);
    judge(judged, &models, &predictor, &manifests, &views, suites, device, printer)
}

#[allow(clippy::too_many_arguments)] // everything an evaluation depends on, once
fn judge(
    judged: &Judged,
    models: &[PathBuf],
    predictor: &Predictor,
    manifests: &[Manifest],
    views: &Views,
    suites: &[&Suite],
    device: &Device,
    printer: &Printer,
) -> Result<Evaluation> {
    let subject = Subject {
        model: summary(models, manifests, predictor),
        data: judged.data.clone(),
        part: judged.part.clone(),
        synthetic: manifests.iter().any(|m| m.synthetic),
        provenance: Provenance::now(command_line(), device_name(device)),
    };
    let conditions = 1 + suites.iter().map(|suite| suite.conditions().count()).sum::<usize>();
    let images = views.first().len() * manifests.len();
    let progress = printer.progress("judging", (conditions * images) as u64);
    let mut finished = 0;
    let mut current = String::new();
    let evaluation = evaluate(predictor, views, suites, subject, &mut |condition, done| {
        if condition != current {
            finished += usize::from(!current.is_empty());
            condition.clone_into(&mut current);
        }
        progress.set((finished * images + done) as u64, condition);
    });
    progress.clear();
    evaluation
}

fn summary(models: &[PathBuf], manifests: &[Manifest], predictor: &Predictor) -> ModelSummary {
    let join = |parts: Vec<String>| parts.join(" + ");
    let mut augmentations: Vec<String> = manifests.iter().flat_map(|m| m.augmentations.clone()).collect();
    augmentations.sort();
    augmentations.dedup();
    ModelSummary {
        path: join(models.iter().map(|p| p.display().to_string()).collect()),
        architecture: join(manifests.iter().map(|m| m.model.name.clone()).collect()),
        parameters: predictor.parameters() as u64,
        size: manifests.first().map_or(0, |m| m.model.size),
        augmentations,
    }
}

/// Writes the record and its page.
pub(super) fn write(out: &Path, evaluation: &Evaluation, model: &Path, printer: &Printer) -> Result<()> {
    write_json(&out.join(EVALUATION), evaluation)?;
    let page = out.join(REPORT);
    report::write(&page, &[report::gather(out, evaluation.clone(), model)?])?;
    printer.note(&format!("report: {}", page.display()));
    Ok(())
}

/// Mean accuracy over all degraded conditions, and the worst one.
pub(super) fn under_degradation(evaluation: &Evaluation) -> Option<(f64, String, f64)> {
    let degraded: Vec<_> = evaluation.conditions.iter().filter(|c| c.severity > 0).collect();
    let worst = degraded.iter().min_by(|a, b| a.scores.accuracy.total_cmp(&b.scores.accuracy))?;
    let mean = degraded.iter().map(|c| c.scores.accuracy).sum::<f64>() / degraded.len() as f64;
    let name = format!("{} {}", worst.corruption.as_deref().unwrap_or("?"), worst.severity);
    Some((mean, name, worst.scores.accuracy))
}

/// Prints the scores: a short table for people, the whole record without pictures for machines.
pub(super) fn print(evaluation: &Evaluation, printer: &Printer) -> Result<()> {
    if printer.is_json() {
        let mut record = evaluation.clone();
        record.mistakes.iter_mut().for_each(|mistake| mistake.thumbnail.clear());
        let json = serde_json::to_string_pretty(&record).map_err(|e| Error::new(e.to_string()))?;
        printer.result(&json);
        return Ok(());
    }
    let Some(clean) = evaluation.conditions.first().map(|c| &c.scores) else { return Ok(()) };
    let data = &evaluation.data;
    printer.result(&format!("{} images of {} ({})", clean.n, data.path, data.part));
    if data.synthetic {
        printer.result("the cells are synthetic: these scores say nothing about real blood");
    }
    let mut rows = Vec::new();
    if let Some((mean, worst, accuracy)) = under_degradation(evaluation) {
        let worst = format!("worst: {worst}, {}", percent(accuracy));
        rows.push(vec!["accuracy under degradation".into(), percent(mean), worst]);
    }
    let [low, high] = clean.accuracy_interval;
    let interval = format!("{} to {}", percent(low), percent(high));
    rows.push(vec!["accuracy, clean".into(), percent(clean.accuracy), interval]);
    rows.push(vec!["balanced accuracy".into(), percent(clean.balanced_accuracy)]);
    rows.push(vec!["macro F1".into(), percent(clean.macro_f1)]);
    rows.push(vec!["AUROC".into(), clean.auroc.map_or("-".into(), |a| format!("{a:.4}"))]);
    rows.push(vec!["calibration error".into(), percent(clean.ece)]);
    printer.result(&table(&rows));
    printer.result("");
    printer.result(&table(&class_rows(clean)));
    Ok(())
}

fn class_rows(scores: &Scores) -> Vec<Vec<String>> {
    let header = ["class", "images", "recall", "95 % interval", "precision"].map(String::from).to_vec();
    let row = |(class, c): (usize, &ClassScores)| {
        // a class that does not occur has no recall, one that is never predicted no precision
        let [low, high] = c.recall_interval;
        let where_it_occurs = |text: String| if c.support > 0 { text } else { "-".into() };
        let predicted: u64 = scores.confusion.iter().map(|row| row[class]).sum();
        vec![
            c.name.clone(),
            c.support.to_string(),
            where_it_occurs(percent(c.recall)),
            where_it_occurs(format!("{} to {}", percent(low), percent(high))),
            if predicted > 0 { percent(c.precision) } else { "-".into() },
        ]
    };
    std::iter::once(header).chain(scores.per_class.iter().enumerate().map(row)).collect()
}
