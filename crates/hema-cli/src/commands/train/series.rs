//! Several runs of one recipe, with other seeds or on the folds of the data, and what they come to together.
//!
//! The folder of a series holds a run directory for each, `series.json` with what was asked for, `summary.json` and a page that
//! compares the runs. A series that was interrupted goes on with the run it was at.

use std::path::{Path, PathBuf};

use hema::bundle::Bundle;
use hema::core::data::Source;
use hema::core::error::{Error, Result};
use hema::core::file;
use hema::core::metrics::{self, ACCURACY, Metric, Notation, Place};
use hema::core::record::Evaluation;
use hema::core::split::{Part, Split, SplitPlan};
use hema::recipe::Recipe;
use hema::train::{self, Claimed};
use serde::{Deserialize, Serialize};

use super::{
    Args, Ended, Inputs, Run, advise_resuming, check_same_recipe, find_split, keep_inputs, open_data,
    read_recipe,
};
use crate::commands::weights::warn_of_weights;
use crate::commands::{Status, report};
use crate::output::{Printer, table};
use crate::run_info::{EVALUATION, REPORT, SPLIT, read_json, write_json};

/// What was asked for.
const SERIES: &str = "series.json";
/// What the runs come to.
const SUMMARY: &str = "summary.json";

/// The runs of a series.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Series {
    /// Runs with seeds one apart.
    seeds: Option<u64>,
    /// Folds, each of which validates once.
    folds: Option<usize>,
}

impl Series {
    /// What the arguments ask for, or what a series to resume is; nothing for a single run.
    pub(super) fn asked(args: &Args) -> Result<Option<Self>> {
        let kept = args.inputs.out.as_ref().map(|out| out.join(SERIES));
        let kept = kept.filter(|path| args.inputs.resume && path.exists());
        if let Some(path) = kept {
            return read_json(&path).map(Some);
        }
        let asked = Self { seeds: args.seeds, folds: args.folds.map(usize::from) };
        Ok((asked.seeds.is_some() || asked.folds.is_some()).then_some(asked))
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
    /// Of every run, in order.
    values: Vec<f64>,
    mean: f64,
    /// Sample standard deviation.
    deviation: f64,
}

pub(super) fn run(args: &Inputs, series: Series, printer: &Printer) -> Result<Status> {
    let recipe = read_recipe(args)?;
    warn_of_weights(&recipe, printer);
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&recipe.name));
    let (info, source) = open_data(args, &out, printer)?;
    let members = members(args, series, &recipe, &source, &out)?;
    if args.resume {
        check_same_recipe(&recipe, &out)?;
    } else {
        if out.join(SERIES).exists() || out.join(train::CHECKPOINT).exists() {
            let hint = "choose another --out, or continue it with --resume";
            return Err(Error::new("already holds runs").at(&out).hint(hint));
        }
        train::check(&recipe, source.classes(), &args.on.open(printer)?)?;
        keep_inputs(args, &out)?;
    }
    let out = Claimed::new(&out)?;
    if !args.resume {
        info.write(&out)?;
        let toml = recipe.to_toml()?;
        file::write_atomic(&out.join(train::RECIPE), |file| file.write_all(toml.as_bytes()))?;
        if let (None, Some(first)) = (series.folds, members.first()) {
            first.split.write(&out.join(SPLIT))?;
        }
        // last: what has it can be resumed
        write_json(&out.join(SERIES), &series)?;
    }

    let mut folders = Vec::new();
    for (number, member) in members.iter().enumerate() {
        let folder = out.join(&member.name);
        printer.note(&format!("run {} of {}: {}", number + 1, members.len(), folder.display()));
        if folder.join(EVALUATION).exists() {
            printer.note("already done");
        } else {
            let run = Run {
                recipe: &member.recipe,
                info: &info,
                source: &source,
                split: &member.split,
                out: &folder,
                resume: folder.join(train::CHECKPOINT).exists(),
                inputs: args,
            };
            match run.train(printer)? {
                Ended::Judged(_) => {}
                Ended::Diverged(error) => return Err(error),
                Ended::Interrupted => {
                    advise_resuming("train", &out, printer);
                    return Ok(Status::Interrupted);
                }
            }
        }
        folders.push(folder);
    }
    summarize(&out, &members, &folders, printer)?;
    Ok(Status::Done)
}

/// The runs: every seed on every fold.
fn members(
    args: &Inputs,
    series: Series,
    recipe: &Recipe,
    source: &Source,
    out: &Path,
) -> Result<Vec<Member>> {
    let folds: Vec<(Option<usize>, Split)> = match series.folds {
        None => vec![(None, find_split(args, recipe, source, out)?)],
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

/// A split for each fold of what is not set apart as test: by the data's own split, else by the recipe's share.
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
    let records: Vec<Evaluation> =
        folders.iter().map(|folder| read_json(&folder.join(EVALUATION))).collect::<Result<_>>()?;
    let corrupted: Vec<f64> = folders
        .iter()
        .filter_map(|folder| Bundle::read(folder).ok()?.manifest.metrics.get("corrupted_accuracy").copied())
        .collect();
    let of_clean = |metric: &Metric| -> Vec<f64> {
        let clean = records.iter().filter_map(|record| record.conditions.first());
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
    let reports = folders.iter().zip(records).map(|(folder, record)| report::gather(folder, record, folder));
    report::write(&out.join(REPORT), &reports.collect::<Result<Vec<_>>>()?)?;
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
