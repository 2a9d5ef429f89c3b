//! `hema tune`: random search over recipe values, perhaps with successive halving (Jamieson and Talwalkar,
//! 2016).
//!
//! Every trial is an ordinary run directory, so a search that was interrupted goes on with the trial it was
//! at. With `--halving` all trials run with a fraction of the epochs, the best third of them again with three
//! times as many, and so on: again and not further, as a schedule belongs to its number of epochs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hema::error::{Error, ErrorKind, Result};
use hema::file::{self, csv_error};
use hema::model_file::{Bundle, SEARCH};
use hema::provenance::Provenance;
use hema::recipe::{Recipe, Space};
use hema::report::{self, Origin, Tuning};
use hema::run_folder::{EVALUATION, REPORT, SPLIT, read_json, write_json};
use hema::split::Split;
use hema::train::{self, Claimed, Start};
use hema::training::RunData;
use hema::{Training, command_line, device};
use serde::{Deserialize, Serialize};

use super::train::{Inputs, TrainingBars, check_holds_no_runs, check_same_recipe, stopped};
use crate::next::{self, CommandLine, Found};
use crate::output::{Bars, Printer, table};
use crate::places::Places;
use crate::status::Status;

/// The space that is searched.
const SPACE: &str = "space.toml";
/// The trials by rank.
const TRIALS: [&str; 2] = ["trials.csv", "trials.json"];
/// The recipe of the best trial, with all its epochs.
const BEST: &str = "best.toml";
/// Folder that is proposed for runs by the best recipe.
const BEST_RUNS: &str = "best";
/// One of how many trials goes on, with how many times its epochs.
const ETA: u64 = 3;
/// Trials that are drawn where no number is given.
const TRIALS_DRAWN: u64 = 20;
/// Rows that are printed.
const SHOWN: usize = 10;

/// Search for better recipe values: trials drawn at random from a space, ranked by the recipe's `select`
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// TOML file of recipe keys and the values to try, as in `"stage.0.lr" = { log = [1e-5, 1e-2] }`, or
    /// `uniform` with two ends, or `choice` with a list
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    space: Option<PathBuf>,
    /// Trials to draw [default: 20]; with --resume the search in --out goes on to so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=999))]
    trials: Option<u64>,
    /// Give all trials a fraction of the epochs, the best third three times as many from the start, and so on
    /// up to the recipe's
    #[arg(long, conflicts_with = "resume")]
    halving: bool,
}

/// How a space is searched.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Search {
    trials: u64,
    halving: bool,
}

/// A point of the space.
struct Trial {
    /// From 1.
    number: u64,
    /// Values of the keys, as TOML.
    values: Vec<String>,
    recipe: Recipe,
}

/// The outcome of a trial: a row of the tables.
#[derive(Clone, Serialize)]
struct Row {
    run: String,
    epochs: u64,
    /// The chosen metric on the validation images; nothing where the loss was not finite.
    metric: Option<f64>,
    values: Vec<String>,
    #[serde(skip)]
    trial: usize,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        self.inputs.places().reads(&self.space)
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let inputs = &args.inputs;
    let training = inputs.training();
    let recipe = training.read_recipe()?;
    let out = training.folder(&recipe, "-tune");
    check_space_is_new(args, &out)?;
    let search = match inputs.start() {
        Start::Resume => {
            let kept: Search =
                read_json(&out.join(SEARCH)).map_err(|e| e.hint("give the folder of a search as --out"))?;
            match args.trials {
                Some(trials) => kept.extended(trials, &recipe).map_err(|e| e.at(&out))?,
                None => kept,
            }
        }
        Start::Fresh => Search { trials: args.trials.unwrap_or(TRIALS_DRAWN), halving: args.halving },
    };
    let space_file = args.space.clone().unwrap_or_else(|| out.join(SPACE));
    let (space, space_text) = Space::read(&space_file)?;
    space.check(&recipe).map_err(|e| e.at(&space_file))?;
    let trials = draw(&space, search, &recipe).map_err(|e| e.at(&space_file))?;
    let data = training.open_data(&recipe, &out, &mut Bars::new(printer))?;
    let split = training.find_split(&recipe, &data.source, &out)?;
    split.check_groups(&data.source)?;
    match inputs.start() {
        Start::Resume => check_same_recipe(&recipe, &out)?,
        Start::Fresh => {
            check_holds_no_runs(&out)?;
            let device = inputs.device.open(printer)?;
            let (classes, images) = (data.source.classes(), data.source.len());
            for trial in &trials {
                train::check(&trial.recipe, classes, images, &device).map_err(|e| e.at(&space_file))?;
            }
            training.check_inputs_are_kept(&out)?;
        }
    }
    let out = Claimed::new(&out)?;
    if inputs.start() == Start::Fresh {
        // another process may have been quicker
        check_holds_no_runs(&out)?;
        data.info.write(&out)?;
        split.write(&out.join(SPLIT))?;
        write_text(&out.join(train::RECIPE), &recipe.to_toml()?)?;
        write_text(&out.join(SPACE), &space_text)?;
    }
    // last: what has it can be resumed
    write_json(&out.join(SEARCH), &search)?;
    let device = inputs.device.open(printer)?;
    let training = training.device(&device);
    let made_by = Provenance::now(command_line(), device::name(&device));
    let device = inputs.device.name.clone();
    let data = Arc::new(data);
    Tuner { training, recipe, space, space_text, search, trials, data, split, out, device, made_by }
        .run(printer)
}

/// Refuses a space for a search that goes on.
fn check_space_is_new(args: &Args, out: &Path) -> Result<()> {
    match &args.space {
        Some(space) if args.inputs.resume => {
            Err(Error::new("found beside --resume, but a search keeps its own space").at(space).hint(
                format!(
                    "`{}` is enough; another space needs another --out",
                    next::resume("tune", out, &args.inputs.device.name)
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// The trials of a space, their recipes checked.
fn draw(space: &Space, search: Search, recipe: &Recipe) -> Result<Vec<Trial>> {
    let trial = |number| {
        let values = space.draw(recipe.seed, number);
        let recipe = recipe.with(&space.assign(&values))?;
        Ok(Trial { number, values, recipe })
    };
    (1..=search.trials).map(trial).collect()
}

impl Search {
    /// The search with more trials, which its first ones stay part of.
    ///
    /// # Errors
    /// Fewer trials than it has; so many more that its halving would give the first trials other epochs.
    fn extended(self, trials: u64, recipe: &Recipe) -> Result<Self> {
        if trials < self.trials {
            return Err(Error::new(format!("holds {} trials, found --trials {trials}", self.trials))
                .hint("give a larger number, or leave it out"));
        }
        let more = Self { trials, ..self };
        let longest = longest_stage(recipe);
        if more.divisors(longest) != self.divisors(longest) {
            let most = (self.trials..trials)
                .rev()
                .find(|count| Self { trials: *count, ..self }.divisors(longest) == self.divisors(longest));
            return Err(Error::new(format!(
                "with {trials} trials halving would begin with fewer epochs than its {} trials had",
                self.trials
            ))
            .hint(format!("give at most --trials {}, or a new --out", most.unwrap_or(self.trials))));
        }
        Ok(more)
    }

    /// The divisors of the number of epochs, rung by rung, when the longest stage has so many.
    fn divisors(self, epochs: u64) -> Vec<u64> {
        let powers = std::iter::successors(Some(1), |power| Some(power * ETA));
        let fits = |power: &u64| *power == 1 || (self.halving && *power <= self.trials && *power <= epochs);
        let mut divisors: Vec<u64> = powers.take_while(fits).collect();
        divisors.reverse();
        divisors
    }
}

/// A search under way.
struct Tuner {
    training: Training,
    recipe: Recipe,
    space: Space,
    /// The text of the space.
    space_text: String,
    search: Search,
    trials: Vec<Trial>,
    data: Arc<RunData>,
    split: Split,
    out: Claimed,
    /// Name of the device.
    device: String,
    /// What makes the page.
    made_by: Provenance,
}

impl Tuner {
    fn run(&self, printer: &Printer) -> Result<Status> {
        let divisors = self.search.divisors(longest_stage(&self.recipe));
        let mut left: Vec<usize> = (0..self.trials.len()).collect();
        let mut out_of_it: Vec<Row> = Vec::new();
        for (rung, divisor) in divisors.iter().enumerate() {
            let folder = if divisors.len() > 1 { format!("rung-{}/", rung + 1) } else { String::new() };
            let mut rows = Vec::new();
            for (place, index) in left.iter().enumerate() {
                let name = format!("{folder}trial-{:03}", self.trials[*index].number);
                printer.note(&format!("trial {} of {}: {name}", place + 1, left.len()));
                match self.train(*index, &name, *divisor, printer) {
                    Ok(row) => rows.push(row),
                    Err(error) => {
                        let go_on = next::resume("tune", &self.out, &self.device);
                        return stopped(error, &go_on, printer);
                    }
                }
            }
            self.rank(&mut rows);
            let sound = rows.iter().filter(|row| row.metric.is_some()).count();
            if rung + 1 == divisors.len() || sound == 0 {
                rows.extend(out_of_it);
                return self.conclude(&rows, printer);
            }
            let better = (rows.len() / ETA as usize).clamp(1, sound);
            out_of_it.splice(0..0, rows.split_off(better));
            left = rows.iter().map(|row| row.trial).collect();
            left.sort_unstable();
        }
        Ok(Status::Done)
    }

    /// Runs a trial with a part of its epochs, or goes on with it, or remembers it.
    fn train(&self, index: usize, name: &str, divisor: u64, printer: &Printer) -> Result<Row> {
        let trial = &self.trials[index];
        let mut recipe = trial.recipe.clone();
        for stage in &mut recipe.stages {
            stage.epochs = stage.epochs.div_ceil(divisor);
        }
        let folder = self.out.join(name);
        let mut row = Row {
            run: name.into(),
            epochs: recipe.stages.iter().map(|stage| stage.epochs).sum(),
            metric: None,
            values: trial.values.clone(),
            trial: index,
        };
        if folder.join(EVALUATION).exists() {
            printer.note("already done");
        } else {
            printer.note(&self.space.assign(&trial.values).join("  "));
            let start = Start::of_folder(&folder);
            let (data, split) = (Arc::clone(&self.data), self.split.clone());
            let plan = self.training.plan_of(recipe.clone(), data, split, folder.clone(), start);
            match plan.run(&mut TrainingBars::new(&recipe, printer)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Diverged => {
                    printer.warn(&format!("this trial is out: {error}"));
                    return Ok(row);
                }
                Err(error) => return Err(error),
            }
        }
        row.metric = recipe.select.value(&Bundle::read(&folder)?.manifest.metrics);
        Ok(row)
    }

    /// Best first; what diverged comes last, and equals stay in the order they were drawn.
    fn rank(&self, rows: &mut [Row]) {
        let higher = self.recipe.select.metric.higher_is_better;
        let badness = |row: &Row| match row.metric.filter(|metric| !metric.is_nan()) {
            Some(metric) if higher => -metric,
            Some(metric) => metric,
            None => f64::INFINITY,
        };
        rows.sort_by(|a, b| badness(a).total_cmp(&badness(b)));
    }

    /// The command that trains what was found, with seeds that no trial had.
    fn confirmation(&self) -> CommandLine {
        next::train_found(&Found {
            recipe: self.out.join(BEST),
            data: &self.data.info.data,
            split: self.out.join(SPLIT),
            seed: self.recipe.seed + 1,
            out: self.out.join(BEST_RUNS),
            device: &self.device,
        })
    }

    /// What makes the page.
    fn origin(&self) -> Result<Origin> {
        Ok(Origin {
            inputs: vec![
                ("Data", self.data.info.data.display().to_string()),
                ("Split", self.out.join(SPLIT).display().to_string()),
            ],
            files: vec![
                ("Space that was searched", self.space_text.clone()),
                ("Recipe that trials begin with", self.recipe.to_toml()?),
            ],
            ..Origin::new(self.made_by.clone())
        })
    }

    /// Writes and prints what was found; `rows` are the trials, best first.
    fn conclude(&self, rows: &[Row], printer: &Printer) -> Result<Status> {
        let metric = self.recipe.select.describe();
        let keys: Vec<(String, bool)> = self.space.keys().map(|(key, log)| (key.to_owned(), log)).collect();
        let header: Vec<&str> = ["run", "epochs", metric.as_str()]
            .into_iter()
            .chain(self.space.keys().map(|(key, _)| key))
            .collect();
        let cells = |row: &Row| {
            let metric = row.metric.map_or(String::new(), |metric| format!("{metric:?}"));
            [vec![row.run.clone(), row.epochs.to_string(), metric], row.values.clone()].concat()
        };
        file::write_atomic(&self.out.join(TRIALS[0]), |file| {
            let mut table = csv::Writer::from_writer(file);
            table.write_record(&header).map_err(csv_error)?;
            rows.iter().try_for_each(|row| table.write_record(cells(row))).map_err(csv_error)?;
            table.flush()
        })?;
        let names: Vec<&str> = self.space.keys().map(|(key, _)| key).collect();
        let found = serde_json::json!({ "metric": metric, "keys": names, "trials": rows });
        write_json(&self.out.join(TRIALS[1]), &found)?;
        let page = Tuning {
            metric: metric.clone(),
            notation: self.recipe.select.metric.notation,
            higher_is_better: self.recipe.select.metric.higher_is_better,
            keys,
            trials: rows
                .iter()
                .map(|row| report::Trial {
                    name: row.run.clone(),
                    epochs: row.epochs,
                    values: row.values.clone(),
                    metric: row.metric,
                })
                .collect(),
            confirmation: self.confirmation().to_string(),
            origin: self.origin()?,
        };
        let html = report::render_tuning(&format!("Search over {}", self.recipe.name), &page);
        write_text(&self.out.join(REPORT), &html)?;
        let best = rows.first().filter(|row| row.metric.is_some()).ok_or_else(|| {
            Error::new("the loss of every trial was not finite")
                .at(&*self.out)
                .hint("lower the learning rates of the space; `hema train --find-lr` says where to look")
        })?;
        write_text(&self.out.join(BEST), &self.trials[best.trial].recipe.to_toml()?)?;

        if printer.is_json() {
            printer.result(&found.to_string());
        } else {
            let header = header.iter().map(ToString::to_string).collect();
            let rows = rows.iter().take(SHOWN).map(|row| {
                let mut cells = cells(row);
                cells[2] = row.metric.map_or("diverged".into(), |metric| format!("{metric:.4}"));
                cells
            });
            printer.result(&table(&std::iter::once(header).chain(rows).collect::<Vec<_>>()));
        }
        if let Some(words) = page.equals() {
            printer.note(&words);
        }
        printer.note(&format!("report: {}", self.out.join(REPORT).display()));
        printer.note(&format!(
            "the best of {} trials looks better than it is: the next command trains it from other seeds, without this \
             trial in their mean",
            rows.len()
        ));
        printer.next(&self.confirmation());
        Ok(Status::Done)
    }
}

/// Epochs of the recipe's longest stage.
fn longest_stage(recipe: &Recipe) -> u64 {
    recipe.stages.iter().map(|stage| stage.epochs).max().unwrap_or(1)
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    file::write_atomic(path, |file| file.write_all(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_have_at_least_an_epoch_and_a_trial() {
        let divisors = |trials, halving, epochs| Search { trials, halving }.divisors(epochs);
        assert_eq!(divisors(9, false, 100), [1]);
        assert_eq!(divisors(9, true, 100), [9, 3, 1]);
        assert_eq!(divisors(26, true, 100), [9, 3, 1]);
        assert_eq!(divisors(27, true, 100), [27, 9, 3, 1]);
        assert_eq!(divisors(27, true, 5), [3, 1]);
        assert_eq!(divisors(2, true, 100), [1]);
    }
}
