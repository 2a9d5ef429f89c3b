//! Several runs of one recipe, with other seeds or on the folds of the data, and what they come to together.
//!
//! The folder of a series holds a run directory for each, `series.json` with what was asked for,
//! `summary.json` and a page that compares the runs. A series that was interrupted goes on with the run it
//! was at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hema::data::Source;
use hema::error::Result;
use hema::metrics::{self, ACCURACY, Metric, Notation, Place};
use hema::model_file::{Bundle, SERIES, SUMMARY};
use hema::recipe::Recipe;
use hema::report::RunReport;
use hema::run_folder::{EVALUATION, REPORT, SPLIT, read_json, read_report, write_json, write_page};
use hema::split::{Part, Split, SplitPlan};
use hema::train::{self, Claimed, RECIPE, Start};
use hema::{Training, file};
use serde::{Deserialize, Serialize};

use super::bars::TrainingBars;
use super::inputs::Inputs;
use super::resuming::{check_holds_no_runs, check_same_recipe, stopped};
use crate::commands::weights::warn_of_weights;
use crate::next;
use crate::output::{Bars, Printer, table};
use crate::status::Status;

/// The runs of a series.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Series {
    /// Runs with seeds one apart.
    pub(super) seeds: Option<u64>,
    /// Folds, each of which validates once.
    pub(super) folds: Option<usize>,
}

impl Series {
    /// The series that is asked for, or the one to resume; nothing for a single run.
    pub(super) fn or_kept(self, inputs: &Inputs) -> Result<Option<Self>> {
        let kept = inputs.out.as_ref().map(|out| out.join(SERIES));
        if let Some(path) = kept.filter(|path| inputs.resume && path.exists()) {
            return read_json(&path).map(Some);
        }
        Ok((self.seeds.is_some() || self.folds.is_some()).then_some(self))
    }
}

/// One run of a series.
struct Member {
    name: String,
    recipe: Recipe,
    split: Split,
}

/// The numbers of a run, and of all of them.
#[derive(Serialize)]
struct Row {
    name: String,
    #[serde(skip)]
    notation: Notation,
    /// The number of every run, in order.
    values: Vec<f64>,
    mean: f64,
    /// Sample standard deviation.
    deviation: f64,
}

pub(super) fn run(inputs: &Inputs, series: Series, printer: &Printer) -> Result<Status> {
    let training = inputs.training();
    let recipe = training.read_recipe()?;
    warn_of_weights(&recipe, printer);
    let out = training.folder(&recipe, "");
    let data = Arc::new(training.open_data(&recipe, &out, &mut Bars::new(printer))?);
    let members = members(&training, series, &recipe, &data.source, &out)?;
    let device = match inputs.start() {
        Start::Resume => {
            check_same_recipe(&recipe, &out)?;
            inputs.device.open(printer)?
        }
        Start::Fresh => {
            check_holds_no_runs(&out, SERIES)?;
            let device = inputs.device.open(printer)?;
            train::check(&recipe, data.source.classes(), data.source.len(), &device)?;
            training.check_inputs_are_kept(&out)?;
            device
        }
    };
    let out = Claimed::new(&out)?;
    if inputs.start() == Start::Fresh {
        // another process may have been quicker
        check_holds_no_runs(&out, SERIES)?;
        data.info.write(&out)?;
        let toml = recipe.to_toml()?;
        file::write_atomic(&out.join(RECIPE), |file| file.write_all(toml.as_bytes()))?;
        if let (None, Some(first)) = (series.folds, members.first()) {
            first.split.write(&out.join(SPLIT))?;
        }
        // last: what has it can be resumed
        write_json(&out.join(SERIES), &series)?;
    }

    let training = training.device(&device);
    let mut folders = Vec::new();
    for (number, member) in members.iter().enumerate() {
        let folder = out.join(&member.name);
        printer.note(&format!("run {} of {}: {}", number + 1, members.len(), folder.display()));
        if folder.join(EVALUATION).exists() {
            printer.note("already done");
        } else {
            let (recipe, split) = (member.recipe.clone(), member.split.clone());
            let start = Start::of_folder(&folder);
            let plan = training.plan_of(recipe, Arc::clone(&data), split, folder.clone(), start);
            if let Err(error) = plan.run(&mut TrainingBars::new(&member.recipe, printer)) {
                return stopped(error, &next::resume("train", &out, &inputs.device.name), printer);
            }
        }
        folders.push(folder);
    }
    summarize(&out, &members, &folders, printer)?;
    Ok(Status::Done)
}

/// The runs: every seed on every fold.
fn members(
    training: &Training,
    series: Series,
    recipe: &Recipe,
    source: &Source,
    out: &Path,
) -> Result<Vec<Member>> {
    let folds: Vec<(Option<usize>, Split)> = match series.folds {
        None => vec![(None, training.find_split(recipe, source, out)?)],
        Some(count) => {
            let folds = folds(count, recipe, source).map_err(|e| e.at(source.path()))?;
            folds.into_iter().enumerate().map(|(number, split)| (Some(number + 1), split)).collect()
        }
    };
    let mut members = Vec::new();
    for (fold, split) in folds {
        split.check_groups(source)?;
        for seed in recipe.seed..recipe.seed + series.seeds.unwrap_or(1) {
            let parts =
                [fold.map(|fold| format!("fold-{fold}")), series.seeds.map(|_| format!("seed-{seed}"))];
            let name: Vec<String> = parts.into_iter().flatten().collect();
            let recipe = Recipe { seed, ..recipe.clone() };
            members.push(Member { name: name.join("-"), recipe, split: split.clone() });
        }
    }
    Ok(members)
}

/// A split for each fold of what is not set apart as test: by the data's own split, else by the recipe's
/// share.
fn folds(count: usize, recipe: &Recipe, source: &Source) -> Result<Vec<Split>> {
    let Some(own) = source.read_split_inside()? else {
        return SplitPlan::new(source, recipe.seed).folds(count, recipe.data.test);
    };
    let parts = own.parts(source);
    let left_out = (0..parts.len()).filter(|image| parts[*image] == Some(Part::Test)).collect();
    let folds = SplitPlan { left_out, ..SplitPlan::new(source, recipe.seed) }.folds(count, 0.0)?;
    Ok(folds.into_iter().map(|split| split.with_part_of(&own, Part::Test)).collect())
}

/// Writes and prints the mean and spread of the runs' scores, and a page that compares them.
fn summarize(out: &Path, members: &[Member], folders: &[PathBuf], printer: &Printer) -> Result<()> {
    let reports: Vec<RunReport> = folders.iter().map(|folder| read_report(folder)).collect::<Result<_>>()?;
    let models: Vec<Bundle> = folders.iter().map(|folder| Bundle::read(folder)).collect::<Result<_>>()?;
    let corrupted: Vec<f64> =
        models.iter().filter_map(|model| model.manifest.metrics.get("corrupted_accuracy").copied()).collect();
    let of_clean = |metric: &Metric| -> Vec<f64> {
        let clean = reports.iter().filter_map(|report| report.evaluation.conditions.first());
        clean.filter_map(|clean| clean.scores.value(metric)).collect()
    };
    let rows: Vec<Row> = metrics::shown_in(Place::Series)
        .map(|metric| (metric, metric.label.to_owned(), of_clean(metric)))
        .chain([(&ACCURACY, format!("{}, corrupted", ACCURACY.label), corrupted)])
        .filter(|(_, _, values)| values.len() == members.len())
        .map(|(metric, name, values)| Row::new(metric, name, values))
        .collect();
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let summary = serde_json::json!({ "runs": names, "scores": rows });
    write_json(&out.join(SUMMARY), &summary)?;
    write_page(&out.join(REPORT), &reports)?;
    printer.note(&format!("report: {}", out.join(REPORT).display()));
    if printer.is_json() {
        printer.result(&summary.to_string());
        return Ok(());
    }
    let header =
        [format!("{} runs", members.len()), "mean".into(), "deviation".into(), "lowest to highest".into()];
    let lines = rows.iter().map(Row::print);
    printer.result(&table(&std::iter::once(header.to_vec()).chain(lines).collect::<Vec<_>>()));
    Ok(())
}

impl Row {
    fn new(metric: &Metric, name: String, values: Vec<f64>) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
        Self { name, notation: metric.terminal, values, mean, deviation }
    }

    fn print(&self) -> Vec<String> {
        let text = |value: f64| match self.notation {
            Notation::Percent => format!("{:.2} %", 100.0 * value),
            Notation::Number => format!("{value:.4}"),
        };
        let [low, high] =
            [f64::min, f64::max].map(|of| self.values.iter().copied().reduce(of).map_or(String::new(), text));
        vec![self.name.clone(), text(self.mean), text(self.deviation), format!("{low} to {high}")]
    }
}
