//! Several runs of one recipe, with other seeds or on the folds of the data, and what they come to together.
//!
//! The folder of a series holds a run directory for each, `series.json` with what was asked for,
//! `summary.json` and a page with mean and spread first and then each run. A series that was interrupted goes
//! on with the run it was at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hema::data::Source;
use hema::error::{Error, ErrorKind, Result};
use hema::metrics::{self, ACCURACY, Metric, Notation, Place};
use hema::model_file::{Bundle, SERIES, SUMMARY};
use hema::provenance::Provenance;
use hema::recipe::{self, Recipe};
use hema::report::{self, Origin, RunReport, SeriesReport, SeriesScore};
use hema::run_folder::{EVALUATION, REPORT, RunInfo, SPLIT, read_json, read_report, title, write_json};
use hema::split::{Part, Split, SplitPlan};
use hema::train::{self, Claimed, Holding, RECIPE, Start};
use hema::{Training, command_line, device, file};
use serde::{Deserialize, Serialize};

use super::bars::TrainingBars;
use super::inputs::Inputs;
use super::resuming::{check_holds_no_runs, check_same_recipe, stopped};
use crate::commands::weights::warn_of_weights;
use crate::next;
use crate::output::{Bars, Printer, table};
use crate::status::Status;

/// The runs of a series.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Series {
    /// Runs with seeds one apart.
    pub(super) seeds: Option<u64>,
    /// Folds, each of which validates once.
    pub(super) folds: Option<usize>,
}

impl Series {
    /// The series that is asked for, or the one to resume, perhaps with more seeds; nothing for a single run.
    ///
    /// # Errors
    /// Several runs to resume in a folder without a series; another series than the folder's.
    pub(super) fn or_kept(self, inputs: &Inputs) -> Result<Option<Self>> {
        let several = self.seeds.is_some() || self.folds.is_some();
        let Some(out) = inputs.out.as_ref().filter(|_| inputs.resume) else {
            return Ok(several.then_some(self));
        };
        let path = out.join(SERIES);
        if path.exists() {
            let kept: Self = read_json(&path)?;
            return kept.extended(self).map(Some).map_err(|e| e.at(out));
        }
        if several { Err(no_series(out)) } else { Ok(None) }
    }

    /// The series with as many seeds as are asked for, which its first runs stay part of.
    fn extended(self, asked: Self) -> Result<Self> {
        let has = |count: Option<u64>, what| count.map_or(format!("no {what}"), |n| format!("{n} {what}"));
        if let Some(folds) = asked.folds.filter(|folds| self.folds != Some(*folds)) {
            let kept = has(self.folds.map(|folds| folds as u64), "folds");
            return Err(Error::new(format!("was begun with {kept}, found --folds {folds}"))
                .hint("leave --folds out; other folds need another --out"));
        }
        match (self.seeds, asked.seeds) {
            (_, None) => Ok(self),
            (Some(kept), Some(seeds)) if seeds >= kept => Ok(Self { seeds: Some(seeds), ..self }),
            (kept, Some(seeds)) => {
                Err(Error::new(format!("was begun with {}, found --seeds {seeds}", has(kept, "seeds"))).hint(
                    match kept {
                        Some(_) => "give a larger number, or leave it out",
                        None => "leave it out; several seeds of each fold need another --out",
                    },
                ))
            }
        }
    }

    /// What differs between the runs, in a sentence.
    fn about(self) -> String {
        match (self.seeds, self.folds) {
            (Some(seeds), Some(folds)) => format!(
                "Each of {folds} folds of the data validates in turn, with {seeds} seeds each: the spread is that of the \
                 data and of training together."
            ),
            (None, Some(folds)) => format!(
                "Each of {folds} folds of the data validates in turn, so the runs are judged on different images: the \
                 spread is that of the data and of training together."
            ),
            _ => "The runs differ in their seed alone and are judged on the same images: the spread is that of \
                  training."
                .into(),
        }
    }
}

/// The error for several runs to go on with in a folder that holds no series.
fn no_series(out: &Path) -> Error {
    let (found, road) = match Holding::of(out) {
        Some(Holding::Run) => ("holds a single run", "without --seeds and --folds it goes on"),
        Some(Holding::Search) => ("holds a search", "`hema tune --resume` goes on with it"),
        Some(Holding::Series) | None => ("holds no runs", "nothing is there to go on with"),
    };
    Error::new(format!("{found}, expected a series of --seeds or --folds"))
        .at(out)
        .hint(format!("{road}; a series begins in another --out with --recipe and --data, without --resume"))
        .with_kind(ErrorKind::NotFound)
}

/// One run of a series.
struct Member {
    name: String,
    recipe: Recipe,
    split: Split,
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
            check_holds_no_runs(&out)?;
            let device = inputs.device.open(printer)?;
            train::check(&recipe, data.source.classes(), data.source.len(), &device)?;
            training.check_inputs_are_kept(&out)?;
            device
        }
    };
    let out = Claimed::new(&out)?;
    match inputs.start() {
        Start::Resume => forget_summary(&out, series)?,
        Start::Fresh => begin(&out, series, &recipe, &data.info, &members)?,
    }
    // last: what has it can be resumed
    write_json(&out.join(SERIES), &series)?;

    let training = training.device(&device);
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
    }
    let names: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
    let made_by = Provenance::now(command_line(), device::name(&device));
    summarize(&out, series, &names, made_by, printer)?;
    if let Some(first) = members.first() {
        let plan = training.plan_of(
            first.recipe.clone(),
            Arc::clone(&data),
            first.split.clone(),
            out.join(&first.name),
            Start::Fresh,
        );
        printer.next(&next::evaluate_series(&out, &plan, series.folds.is_some(), &inputs.device.name));
    }
    Ok(Status::Done)
}

/// Writes down what the runs have in common, before the first of them.
fn begin(out: &Claimed, series: Series, recipe: &Recipe, data: &RunInfo, members: &[Member]) -> Result<()> {
    // another process may have been quicker
    check_holds_no_runs(out)?;
    data.write(out)?;
    let toml = recipe.to_toml()?;
    file::write_atomic(&out.join(RECIPE), |file| file.write_all(toml.as_bytes()))?;
    match (series.folds, members.first()) {
        (None, Some(first)) => first.split.write(&out.join(SPLIT)),
        _ => Ok(()),
    }
}

/// Takes away the summary of fewer runs than the series has by now.
fn forget_summary(out: &Path, series: Series) -> Result<()> {
    let path = out.join(SUMMARY);
    if !path.exists() || read_json::<Series>(&out.join(SERIES))? == series {
        return Ok(());
    }
    std::fs::remove_file(&path).map_err(|e| Error::io(&path, &e))
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

/// Writes and prints the mean and spread of the runs' scores, and a page about them.
fn summarize(
    out: &Path,
    series: Series,
    names: &[String],
    made_by: Provenance,
    printer: &Printer,
) -> Result<()> {
    let page = page_of(out, series, names, made_by)?;
    let summary = serde_json::json!({ "runs": names, "scores": page.scores });
    write_json(&out.join(SUMMARY), &summary)?;
    write_series(&out.join(REPORT), out, &page)?;
    printer.note(&format!("report: {}", out.join(REPORT).display()));
    if printer.is_json() {
        printer.result(&summary.to_string());
        return Ok(());
    }
    let header = [
        format!("{} runs", names.len()),
        "mean".into(),
        "standard deviation".into(),
        "lowest to highest".into(),
    ];
    let rows: Vec<Vec<String>> =
        std::iter::once(header.to_vec()).chain(page.scores.iter().map(row)).collect();
    printer.result(&table(&rows));
    Ok(())
}

/// Reads the folder of a series that is done; nothing for another folder.
pub(crate) fn read_series(folder: &Path, made_by: Provenance) -> Result<Option<SeriesReport>> {
    #[derive(Deserialize)]
    struct Summary {
        runs: Vec<String>,
    }
    let [series, summary] = [SERIES, SUMMARY].map(|name| folder.join(name));
    if !series.exists() || !summary.exists() {
        return Ok(None);
    }
    let Summary { runs } = read_json(&summary)?;
    page_of(folder, read_json(&series)?, &runs, made_by).map(Some)
}

/// Writes the page of a series.
pub(crate) fn write_series(path: &Path, folder: &Path, series: &SeriesReport) -> Result<()> {
    let page = report::render_series(&title(folder), series);
    file::write_atomic(path, |file| file.write_all(page.as_bytes()))
}

/// What the page of a series shows: the runs of these names, and their scores.
fn page_of(folder: &Path, series: Series, names: &[String], made_by: Provenance) -> Result<SeriesReport> {
    let folders: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let runs: Vec<RunReport> = folders.iter().map(|folder| read_report(folder)).collect::<Result<_>>()?;
    let corrupted: Vec<f64> = folders
        .iter()
        .filter_map(|folder| Bundle::read(folder).ok()?.manifest.metrics.get("corrupted_accuracy").copied())
        .collect();
    let unchanged = || runs.iter().filter_map(|run| Some(&run.evaluation.conditions.first()?.scores));
    let of_unchanged = |metric: &Metric| {
        let values = unchanged().filter_map(|scores| scores.value(metric)).collect();
        SeriesScore::new(metric, metric.label, values).over(metric, unchanged())
    };
    let scores = metrics::shown_in(Place::Series)
        .map(of_unchanged)
        .chain([SeriesScore::new(&ACCURACY, format!("{}, corrupted", ACCURACY.label), corrupted)])
        .filter(|score| score.values.len() == names.len())
        .collect();
    let origin = Origin {
        inputs: runs.first().map(|run| ("Data", run.evaluation.data.path.clone())).into_iter().collect(),
        files: vec![("Recipe", recipe::read_text(&folder.join(RECIPE))?)],
        ..Origin::new(made_by)
    };
    Ok(SeriesReport { about: series.about(), scores, runs, origin })
}

/// A score for people: mean, standard deviation, the lowest and the highest.
fn row(score: &SeriesScore) -> Vec<String> {
    let text = |value: f64| score.notation.text(value);
    let deviation = match score.notation {
        Notation::Percent => format!("{:.1} points", 100.0 * score.deviation),
        Notation::Number => format!("{:.3}", score.deviation),
    };
    let [low, high] = score.range().map(text);
    let coverage = score.coverage.as_ref().map_or(String::new(), |over| format!(", {over}"));
    vec![format!("{}{coverage}", score.name), text(score.mean), deviation, format!("{low} to {high}")]
}
