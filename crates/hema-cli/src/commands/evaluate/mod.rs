//! `hema evaluate`: how good a model is, on clean and on degraded images.

mod adapted;
mod folds;
mod kept;

use std::path::PathBuf;

use hema::error::{Error, Result};
use hema::evaluate::find_suite;
use hema::file;
use hema::metrics::{self, ACCURACY, Metric, Place};
use hema::record::{ClassScores, Evaluation, Scores, SuiteScores};

use super::args::{ModelArgs, output};
use crate::output::{Bars, Printer, metric_text, percent, table};
use crate::status::Status;

/// Judge a model on labelled images, clean and degraded
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Image folder with labels, or any other form of `hema list readers`
    #[arg(long)]
    data: PathBuf,
    /// CSV with the columns path and split; by default the run's own if it fits, else the data's own
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// train, val, test or all [default: val where there is a split, else all]
    #[arg(long)]
    part: Option<String>,
    /// Suites of conditions (see `hema list suites`), or TOML files of your own
    #[arg(long, value_delimiter = ',', default_value = "clean,degraded")]
    suite: Vec<String>,
    /// Folder for evaluation.json and report.html
    #[arg(long, value_parser = output(), value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    // a name that is wrong is found before the model is opened
    for name in &args.suite {
        find_suite(name)?;
    }
    if let Some(out) = &args.out {
        file::create_folder(out)?;
    }
    folds::check(&args.model.model, &args.data, args.part.as_deref())?;
    let model = args.model.open(printer)?;
    let mut evaluating = hema::evaluate(&model, &args.data);
    for name in &args.suite {
        evaluating = evaluating.suite(name);
    }
    if let Some(split) = &args.split {
        evaluating = evaluating.split(split);
    }
    if let Some(part) = &args.part {
        evaluating = evaluating.part(part);
    }
    if let Some(out) = &args.out {
        evaluating = evaluating.out(out);
    }
    let evaluation = evaluating.run(&mut Bars::new(printer))?;
    print(&evaluation, printer)?;
    Ok(Status::Done)
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
    rows.extend(evaluation.suites.iter().map(suite_row));
    rows.extend(metrics::shown_in(Place::Evaluate).map(|metric| metric_row(metric, clean)));
    printer.result(&table(&rows));
    printer.result("");
    printer.result(&table(&class_rows(clean)));
    if !evaluation.kept.is_empty() {
        printer.result("");
        printer.result(&table(&kept::rows(&evaluation.kept)));
    }
    tell_what_was_assumed(evaluation, clean, printer);
    Ok(())
}

/// Says what became of the clean images by `--among` and `--adapt-prevalence`.
fn tell_what_was_assumed(evaluation: &Evaluation, clean: &Scores, printer: &Printer) {
    if let Some(adaptation) = &evaluation.adaptation {
        printer.result("");
        printer.result(
            "class weights (no differential: they repeat the model's mistakes), and what they change",
        );
        printer.result(&table(&adapted::rows(adaptation, clean)));
        if let Some(losses) = adapted::losses(adaptation, clean) {
            printer.warn(&losses);
        }
    }
    match &evaluation.excluded {
        Some(excluded) if excluded.is_large() => {
            printer.warn(&format!("{excluded}: judge without --among too"));
        }
        Some(excluded) => printer.note(&excluded.to_string()),
        None => {}
    }
}

/// A metric on the clean images, with its interval where it has one.
fn metric_row(metric: &Metric, clean: &Scores) -> Vec<String> {
    // accuracy also stands in the rows of the suites
    let of_images = if metric.name == ACCURACY.name { ", clean" } else { "" };
    let value = clean.value(metric).map_or("-".into(), |value| metric_text(metric, value));
    let interval = clean.metrics.interval(metric);
    let interval = interval.map(|ends| ends.map(|end| metric_text(metric, end)).join(" to "));
    [format!("{}{of_images}", metric.label), value].into_iter().chain(interval).collect()
}

/// The headline: accuracy under the conditions of one suite.
fn suite_row(suite: &SuiteScores) -> Vec<String> {
    let [low, high] = suite.accuracy_interval;
    let unseen = match suite.unseen_accuracy {
        Some(accuracy) => format!("not trained on: {}", percent(accuracy)),
        None => "all trained on".into(),
    };
    let relative =
        suite.relative.map_or(String::new(), |errors| format!("BE {:.3}  rBE {:.3}", errors.be, errors.rbe));
    vec![
        format!("accuracy, {}", suite.name),
        percent(suite.accuracy),
        format!("{} to {}", percent(low), percent(high)),
        format!("worst: {}, {}", suite.worst, percent(suite.worst_accuracy)),
        unseen,
        relative,
    ]
}

fn class_rows(scores: &Scores) -> Vec<Vec<String>> {
    let header = ["class", "images", "recall", "95 % interval", "precision"].map(String::from).to_vec();
    let row = |(class, c): (usize, &ClassScores)| {
        // a class that does not occur has no recall, one that is never predicted no precision
        let [low, high] = c.recall_interval;
        let where_it_occurs = |text: String| if c.support > 0 { text } else { "-".into() };
        vec![
            c.name.clone(),
            c.support.to_string(),
            where_it_occurs(percent(c.recall)),
            where_it_occurs(format!("{} to {}", percent(low), percent(high))),
            if scores.named(class) > 0 { percent(c.precision) } else { "-".into() },
        ]
    };
    std::iter::once(header).chain(scores.per_class.iter().enumerate().map(row)).collect()
}
