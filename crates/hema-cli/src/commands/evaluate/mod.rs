//! `hema evaluate`: how good a model is, on unchanged and on degraded images.

mod adapted;
mod earlier;
mod folds;
mod kept;

use std::path::PathBuf;

use hema::error::{Error, Result};
use hema::evaluate::find_suite;
use hema::file;
use hema::metrics::{self, ACCURACY, Metric, Place};
use hema::prevalence;
use hema::record::{ClassScores, Evaluation, Scores, SuiteScores};
use hema::run_folder::{EVALUATION, REPORT};

use super::args::{ModelArgs, RescaleArg, output};
use crate::output::{Bars, Printer, metric_text, percent, range, table};
use crate::places::{Kind, Places};
use crate::status::Status;

/// Judge a model on labelled images, unchanged and degraded
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    field_of_view: RescaleArg,
    /// Image folder with labels, or any other form of `hema list readers`; an archive may lie
    /// at an address, as `s3://bucket/cells.tar`
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

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        self.model
            .places()
            .data([&self.data])
            .reads(&self.split)
            .reads(&self.suite)
            .writes_into(self.out.as_ref(), &[(EVALUATION, Kind::Json), (REPORT, Kind::Page)])
    }
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
    let model = args.model.open_for(args.field_of_view.rescale, printer)?;
    if let Some(out) = &args.out {
        earlier::check(out, &model.summary().path, &args.data, printer)?;
    }
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
        let json = serde_json::to_string_pretty(&without_pictures(evaluation))
            .map_err(|e| Error::new(e.to_string()))?;
        printer.result(&json);
        return Ok(());
    }
    let Some(unchanged) = evaluation.conditions.first().map(|c| &c.scores) else { return Ok(()) };
    let data = &evaluation.data;
    printer.result(&format!("{} images of {} ({})", unchanged.n, data.path, data.part));
    if data.synthetic {
        printer.result("the cells are synthetic: these scores say nothing about real blood");
    }
    let sentences = [evaluation.flattered(), evaluation.perhaps_trained_on()];
    sentences.iter().flatten().for_each(|sentence| printer.result(sentence));
    let mut rows = vec![["score", "value", "95 % interval"].map(String::from).to_vec()];
    rows.extend(evaluation.suites.iter().flat_map(|suite| suite_rows(evaluation, suite)));
    rows.extend(metrics::shown_in(Place::Evaluate).map(|metric| metric_row(metric, unchanged)));
    printer.result(&table(&rows));
    printer.result("");
    printer.result(&table(&class_rows(unchanged)));
    if let Some(line) = absent_classes(unchanged) {
        printer.result(&line);
    }
    if !evaluation.kept.is_empty() {
        printer.result("");
        let degraded = if evaluation.suites.is_empty() { "" } else { ", unchanged and degraded" };
        printer.result(&format!("how many images can be left to it{degraded}:"));
        printer.result(&table(&kept::rows(evaluation)));
        printer.result("");
        printer.result("what low probabilities find: errors by how many images a person looks at");
        printer.result(&table(&kept::selective_rows(evaluation)));
        let sets = kept::set_rows(evaluation);
        if sets.len() > 1 {
            printer.result("");
            printer
                .result("sets that should hold the right class of 99 % of images like the certifying ones");
            printer.result(&table(&sets));
        }
    }
    tell_what_was_assumed(evaluation, unchanged, printer);
    Ok(())
}

/// The record without the pictures of mistakes, for people who read it as text.
pub(crate) fn without_pictures(evaluation: &Evaluation) -> Evaluation {
    let mut record = evaluation.clone();
    record.mistakes.iter_mut().for_each(|mistake| mistake.thumbnail.clear());
    record
}

/// Says what became of the unchanged images by `--among` and `--adapt-prevalence`.
fn tell_what_was_assumed(evaluation: &Evaluation, unchanged: &Scores, printer: &Printer) {
    if let Some(adaptation) = &evaluation.adaptation {
        printer.result("");
        printer.result(
            "class weights (no differential: they repeat the model's mistakes), and what they change",
        );
        printer.result(&table(&adapted::rows(adaptation, unchanged, &evaluation.model.among)));
        if let Some(doubt) = prevalence::doubt(&adaptation.classes) {
            printer.warn(&doubt);
        }
        if let Some(losses) = adapted::losses(adaptation, unchanged) {
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

/// A metric on the unchanged images, with the classes that it is a mean over where some have no image, and
/// its interval where it has one.
fn metric_row(metric: &Metric, unchanged: &Scores) -> Vec<String> {
    // accuracy also stands in the rows of the suites
    let of_images = if metric.name == ACCURACY.name { ", unchanged images" } else { "" };
    let coverage = unchanged.coverage(metric).map_or(String::new(), |over| format!(", {over}"));
    let value = unchanged.value(metric).map_or("-".into(), |value| metric_text(metric, value));
    let interval = unchanged.metrics.interval(metric);
    let interval = interval.map(|ends| ends.map(|end| metric_text(metric, end)).join(" to "));
    [format!("{}{of_images}{coverage}", metric.label), value].into_iter().chain(interval).collect()
}

/// The headline: accuracy under the conditions of one suite, what that costs, and its worst condition.
fn suite_rows(evaluation: &Evaluation, suite: &SuiteScores) -> Vec<Vec<String>> {
    let row = |name: String, value: String, interval: Option<String>| {
        vec![name, value, interval.unwrap_or_default()]
    };
    let name = &suite.name;
    let mut rows = vec![row(
        format!("accuracy, suite {name}"),
        percent(suite.accuracy),
        Some(range(suite.accuracy_interval)),
    )];
    rows.extend(suite.change.map(|change| {
        let interval =
            suite.change_interval.map(|[low, high]| format!("{} to {}", points(low), points(high)));
        row(format!("  against unchanged images, {name}"), format!("{} points", points(change)), interval)
    }));
    rows.push(row(
        format!("  under the worst, {}", suite.worst),
        percent(suite.worst_accuracy),
        suite.worst_interval.map(range),
    ));
    let unused = |name: String, accuracy: f64| row(name, percent(accuracy), None);
    match (suite.unseen_accuracy, evaluation.shared_operators(name)) {
        (None, _) => rows.push(row("  training used all of its operators".into(), String::new(), None)),
        (Some(accuracy), Some([some, all])) => {
            rows.push(unused(format!("  not trained on ({some} of {all} operators were)"), accuracy));
        }
        (Some(accuracy), None) if (accuracy - suite.accuracy).abs() > 1e-9 => {
            rows.push(unused("  under conditions not trained on".into(), accuracy));
        }
        (Some(_), None) => {}
    }
    if let Some(errors) = suite.relative {
        rows.push(row("  balanced error over AlexNet's (BE)".into(), format!("{:.3}", errors.be), None));
        rows.push(row(
            "  the same of what is added to the clean error (rBE)".into(),
            format!("{:.3}", errors.rbe),
            None,
        ));
    }
    rows
}

/// A difference in percentage points, with its sign.
fn points(difference: f64) -> String {
    let digits = format!("{:+.1}", 100.0 * difference);
    if ["+0.0", "-0.0"].contains(&digits.as_str()) { "0.0".into() } else { digits }
}

fn class_rows(scores: &Scores) -> Vec<Vec<String>> {
    let header = ["class", "images", "recall", "95 % interval", "precision", "95 % interval"];
    let header = header.map(String::from).to_vec();
    let row = |(class, c): (usize, &ClassScores)| {
        // a class that is never predicted has no precision
        let is_named = scores.named(class) > 0;
        vec![
            c.name.clone(),
            c.support.to_string(),
            percent(c.recall),
            range(c.recall_interval),
            if is_named { percent(c.precision) } else { "-".into() },
            if is_named { range(c.precision_interval) } else { String::new() },
        ]
    };
    let of_images = scores.per_class.iter().enumerate().filter(|(_, class)| class.has_images());
    std::iter::once(header).chain(of_images.map(row)).collect()
}

/// The classes without an image, apart from the others: there is nothing of them that could be found.
fn absent_classes(scores: &Scores) -> Option<String> {
    let absent = scores.per_class.iter().enumerate().filter(|(_, class)| !class.has_images());
    let names: Vec<String> = absent
        .map(|(class, c)| match scores.named(class) {
            0 => c.name.clone(),
            1 => format!("{} (predicted once, wrongly)", c.name),
            n => format!("{} (predicted {n} times, wrongly)", c.name),
        })
        .collect();
    (!names.is_empty()).then(|| format!("no image is of: {}", names.join(", ")))
}
