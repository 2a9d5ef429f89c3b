//! A run from outside: what it is given, what it tells while it goes, and how it ends.

use std::time::Duration;

use burn::tensor::Device;
use hema_core::data::Dataset;
use hema_core::error::Error;

use super::folder::{Claimed, Start};
use crate::recipe::{Recipe, Stage};
use crate::run_log::Epoch;
use crate::watch::Watch;

/// A run that is about to be trained: its recipe, its images, its folder.
pub struct Task<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// Images to train on, all labelled.
    pub train: &'a Dataset,
    /// Images to choose by, all labelled.
    pub val: &'a Dataset,
    /// Path or name of the data set that they are of, for the model's file.
    pub data: &'a str,
    /// The cells are drawn.
    pub synthetic: bool,
    /// Run directory.
    pub out: &'a Claimed,
    /// Whether the run begins or goes on.
    pub start: Start,
    /// Time between two checkpoints within an epoch; one is saved at every epoch's end anyway.
    pub save_every: Duration,
    /// The command line, for provenance.
    pub command: &'a str,
    /// Device to compute on.
    pub device: &'a Device,
}

/// Hears how a run is going. Every method does nothing unless it is written.
pub trait Observer: Watch {
    /// Called when the images are loaded and the first step is about to be taken.
    fn starts(&mut self) {}

    /// Called after every step.
    fn step(&mut self, progress: &Progress<'_>) {
        let _ = progress;
    }

    /// Called after every epoch; `improved` when its weights are the best so far.
    fn epoch(&mut self, epoch: &Epoch, improved: bool) {
        let _ = (epoch, improved);
    }
}

impl Observer for () {}

/// Where a run stands after a step.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The stage.
    pub stage: &'a Stage,
    /// Number of the epoch under way, from 1, counted through all stages.
    pub epoch: u64,
    /// Most epochs the run can have.
    pub epochs: u64,
    /// Steps taken in the epoch.
    pub batch: u64,
    /// Steps of the epoch.
    pub batches: u64,
    /// Steps that the run still takes, if no stage ends early.
    pub steps_left: u64,
    /// Mean loss of the epoch so far.
    pub loss: f64,
    /// Training images per second in this epoch.
    pub images_per_second: f64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// All stages are done.
    Finished {
        /// Epoch of the best model.
        best_epoch: u64,
        /// Value of the chosen metric there.
        best: f64,
    },
    /// Stopped on request after this step; a checkpoint is saved.
    Interrupted {
        /// Steps taken.
        step: u64,
    },
    /// The loss or a gradient is not a finite number any more. This says in which step, and what is saved.
    Diverged(Error),
}
