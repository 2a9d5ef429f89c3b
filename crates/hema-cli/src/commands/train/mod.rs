//! `hema train`: a recipe and a data set in, a run directory out.

mod bars;
mod find_lr;
mod inputs;
mod remaining;
mod resuming;
mod series;

use hema::error::Result;

use super::{evaluate, weights};
use crate::next;
use crate::output::{Bars, Printer};
use crate::places::Places;
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
    /// Train this many runs, whose seeds are the recipe's and those after it, and say how far they differ;
    /// with --resume the series in --out goes on to so many
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

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        self.inputs.places()
    }
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
            printer.next(&next::evaluate_run(&plan, &inputs.device.name));
            Ok(Status::Done)
        }
        Err(error) => stopped(error, &next::resume("train", &plan.folder, &inputs.device.name), printer),
    }
}
