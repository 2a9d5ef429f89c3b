//! The arguments that runs are made from, for `hema train` and `hema tune`.

use std::path::PathBuf;
use std::time::Duration;

use hema::Training;
use hema::train::Start;

use crate::commands::args::{DeviceArg, Overrides, output};
use crate::places::{Kind, Places};
use crate::status::stop_flag;

/// The recipe and the data of runs, and the folder they go to.
#[derive(clap::Args)]
pub(crate) struct Inputs {
    /// A shipped recipe (see `hema list recipes` and `hema recipe show`) or a TOML file
    #[arg(long, value_name = "NAME|FILE", required_unless_present = "resume")]
    recipe: Option<String>,
    /// Image folder with labels, or any other form of `hema list readers`; an archive may lie
    /// at an address, as `s3://bucket/cells.tar`
    #[arg(long, required_unless_present = "resume")]
    data: Option<PathBuf>,
    /// CSV with the columns path and split; by default the data's own split, else one by the recipe's shares
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// Run directory, or the folder of several runs [default: runs/RECIPE, and runs/RECIPE-tune for `hema
    /// tune`]
    #[arg(long, value_parser = output(), value_name = "DIR", required_if_eq("resume", "true"))]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Go on with the run or runs in --out, to the same weights as if it had never stopped
    #[arg(long)]
    pub(crate) resume: bool,
    /// Minutes between two checkpoints within an epoch; one is saved at every epoch's end anyway
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0)]
    save_every: f64,
    #[command(flatten)]
    pub(crate) device: DeviceArg,
}

impl Inputs {
    /// What is read, and the folder that is written.
    pub(crate) fn places(&self) -> Places {
        Places::default()
            .data(&self.data)
            .reads(&self.recipe)
            .reads(&self.split)
            .writes(Kind::New, self.out.as_ref())
    }

    /// Whether the runs begin or go on.
    pub(crate) fn start(&self) -> Start {
        if self.resume { Start::Resume } else { Start::Fresh }
    }

    /// The training that the arguments ask for, which Ctrl-C stops once it has begun. Its device is set where
    /// it is needed.
    pub(crate) fn training(&self) -> Training {
        let save_every =
            Duration::try_from_secs_f64(60.0 * self.save_every.max(0.0)).unwrap_or(Duration::MAX);
        let mut training = match &self.recipe {
            Some(recipe) => Training::recipe(recipe),
            None => Training::resume(self.out.clone().unwrap_or_default()),
        };
        training = training
            .set_all(&self.overrides.list)
            .start(self.start())
            .save_every(save_every)
            .stop(stop_flag());
        if let Some(data) = &self.data {
            training = training.data(data);
        }
        if let Some(split) = &self.split {
            training = training.split(split);
        }
        if let Some(out) = &self.out {
            training = training.out(out);
        }
        training
    }
}
