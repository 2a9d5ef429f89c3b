//! `hema train`: a recipe and a data set in, a run directory out.

mod bars;
mod find_lr;
mod inputs;
mod resuming;
mod series;

use std::path::Path;

use hema::error::Result;
use hema::split::Part;
use hema::training::Plan;

use super::{evaluate, weights};
use crate::output::{Bars, Printer, shell_word};
use crate::status::Status;
use series::Series;

pub(crate) use bars::TrainingBars;
pub(crate) use inputs::Inputs;
pub(crate) use resuming::{check_holds_no_runs, check_same_recipe, stopped};
pub(crate) use series::{read_series, write_series};

/// Train a classifier by a recipe
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// Train this many runs, whose seeds are the recipe's and those after it, and say how far they differ
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=100))]
    seeds: Option<u64>,
    /// Train a run for each of K folds of the images that are not set apart as test: it validates on the fold
    /// and trains on the others
    #[arg(long, value_name = "K", conflicts_with = "split", value_parser = clap::value_parser!(u8).range(2..=20))]
    folds: Option<u8>,
    /// In place of a run: raise the learning rate over 100 steps of the recipe's first stage until the loss
    /// diverges, and suggest one; --out [default: runs/RECIPE-lr] gets a page and a table
    #[arg(long, conflicts_with_all = ["seeds", "folds", "resume"])]
    find_lr: bool,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let asked = Series { seeds: args.seeds, folds: args.folds.map(usize::from) };
    if let Some(series) = asked.or_kept(&args.inputs)? {
        return series::run(&args.inputs, series, printer);
    }
    if args.find_lr {
        return find_lr::run(&args.inputs, printer);
    }
    single(&args.inputs, printer)
}

/// Trains a single run.
fn single(inputs: &Inputs, printer: &Printer) -> Result<Status> {
    let training = inputs.training();
    let recipe = training.read_recipe()?;
    weights::warn_of_weights(&recipe, printer);
    let plan = training.plan_by(recipe, &mut Bars::new(printer))?.on(&inputs.device.open(printer)?);
    match plan.run(&mut TrainingBars::new(&plan.recipe, printer)) {
        Ok(run) => {
            evaluate::print(&run.evaluation, printer)?;
            printer.note(&format!("next: {}", next(&plan, &run.folder)));
            Ok(Status::Done)
        }
        Err(error) => stopped(error, "train", &plan.folder, printer),
    }
}

/// The command to judge a run by: on the test part where all of it is labelled, else on the validation part.
fn next(plan: &Plan, run: &Path) -> String {
    let source = &plan.data.source;
    let parts = plan.split.parts(source);
    let mut test =
        source.entries().iter().zip(parts).filter(|(_, part)| *part == Some(Part::Test)).peekable();
    let can_test = test.peek().is_some() && test.all(|(entry, _)| entry.label.is_some());
    let part = if can_test { Part::Test } else { Part::Val };
    let (run, data) = (shell_word(run), shell_word(&plan.data.info.data));
    format!("hema evaluate {run} --data {data} --part {part} --suite degraded")
}
