//! Everything a run needs to go on as if it had never stopped, in one file that is whole or absent.

use std::path::PathBuf;

use hema_core::error::{Error, Result};
use serde::{Deserialize, Serialize};

use super::average::Average;
use super::folder::CHECKPOINT;
use super::task::Task;
use crate::model::Network;
use crate::model_file;
use crate::optim::Optimizer;
use crate::recipe::Recipe;
use crate::weights::{self, StateDict};

/// Metadata key that the state stands under.
const KEY: &str = "hema-checkpoint";

/// Where a run stands. Randomness needs no place here: it follows from the seed and these counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Index of the stage.
    pub(super) stage: usize,
    /// Epochs finished, through all stages.
    pub(super) epoch: u64,
    /// Epochs finished in this stage.
    pub(super) stage_epoch: u64,
    /// Batches finished of the epoch under way.
    pub(super) batch: u64,
    /// Steps taken in this stage.
    pub(super) stage_step: u64,
    /// Steps taken, through all stages.
    pub(super) step: u64,
    /// Learning rate of the last step.
    pub(super) lr: f64,
    /// Sum of the losses of the images of the epoch under way.
    pub(super) loss_sum: f64,
    /// Images of the epoch under way.
    pub(super) images: u64,
    /// Seconds spent on the epoch under way.
    pub(super) train_seconds: f64,
    /// Seconds of them that the network waited for its images.
    #[serde(default)]
    pub(super) waited_seconds: f64,
    /// Best epoch and the value of the chosen metric there, through all stages.
    pub(super) best: Option<(u64, f64)>,
    /// Best value of the chosen metric in this stage.
    pub(super) stage_best: Option<f64>,
    /// Epochs of this stage since its best.
    pub(super) epochs_since_best: u64,
    /// Networks of this stage in the mean of the weights.
    pub(super) averaged: u64,
}

impl Position {
    /// Moves on to the start of the next stage.
    pub(super) fn next_stage(&mut self) {
        self.stage += 1;
        self.stage_epoch = 0;
        self.stage_step = 0;
        self.stage_best = None;
        self.epochs_since_best = 0;
        self.averaged = 0;
    }
}

/// A run as it is saved.
pub(super) struct State<'a> {
    pub(super) position: &'a Position,
    pub(super) network: &'a Network,
    pub(super) average: &'a Average,
    pub(super) optimizer: Option<&'a Optimizer>,
}

/// A checkpoint read back.
pub(super) struct Saved {
    pub(super) position: Position,
    pub(super) network: StateDict,
    pub(super) average: StateDict,
    pub(super) optimizer: StateDict,
}

#[derive(Serialize, Deserialize)]
struct Document {
    position: Position,
    #[serde(flatten)]
    inputs: Inputs,
}

/// Fingerprints of everything a run must find unchanged to go on: computed once a run, as hashing
/// reads every pixel.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Inputs {
    recipe: String,
    train: String,
    val: String,
    /// Checksums of the models that are learned from.
    #[serde(default)]
    teachers: Vec<u32>,
}

impl Inputs {
    pub(super) fn of(task: &Task) -> Result<Self> {
        let teachers = &task.recipe.distill.teachers;
        Ok(Self {
            recipe: task.recipe.to_toml()?,
            train: task.train.hash()?,
            val: task.val.hash()?,
            teachers: teachers.iter().map(|path| model_file::checksum(path)).collect::<Result<_>>()?,
        })
    }
}

/// Saves a run.
pub(super) fn save(task: &Task, inputs: &Inputs, state: &State) -> Result<()> {
    let path = path(task);
    let document = Document { position: state.position.clone(), inputs: inputs.clone() };
    let json = serde_json::to_string(&document)
        .map_err(|e| Error::new(format!("checkpoint cannot be written: {e}")).at(&path))?;
    let named = |prefix: &'static str, state: StateDict| {
        state.into_iter().map(move |(name, array)| (format!("{prefix}/{name}"), array))
    };
    let optimizer = state.optimizer.map(Optimizer::state_dict).unwrap_or_default();
    let tensors = named("network", weights::state_dict(state.network))
        .chain(named("average", state.average.state_dict()))
        .chain(named("optimizer", optimizer))
        .collect();
    weights::write(&path, &tensors, &[(KEY.to_owned(), json)].into())
}

/// The checkpoint to resume from.
pub(super) fn read(task: &Task, inputs: &Inputs) -> Result<Saved> {
    let path = path(task);
    let file = weights::read(&path)?;
    let json = file.metadata.get(KEY).ok_or_else(|| Error::new("not a checkpoint of hema").at(&path))?;
    let document: Document = serde_json::from_str(json)
        .map_err(|e| Error::new(format!("its state cannot be read: {e}")).at(&path))?;
    let differs = |what: &str, hint: &str| {
        Err(Error::new(format!("was made with another {what}")).at(&path).hint(hint))
    };
    let before = &document.inputs;
    // read rather than compared as text: the program that saved it may have known fewer keys
    if before.recipe != inputs.recipe && Recipe::parse_saved(&before.recipe, &path)? != *task.recipe {
        return differs("recipe", "resume without --recipe and --set: the run keeps its own");
    }
    if before.train != inputs.train || before.val != inputs.val {
        return differs("data set or split", "resume with the same --data and --split");
    }
    if before.teachers != inputs.teachers {
        return differs(
            "model to learn from",
            "put back the files that `distill.teachers` of the recipe named",
        );
    }
    let part = |prefix: &str| {
        let of = |(name, array): (&String, &weights::Array)| {
            Some((name.strip_prefix(prefix)?.strip_prefix('/')?.to_owned(), array.clone()))
        };
        file.tensors.iter().filter_map(of).collect()
    };
    Ok(Saved {
        position: document.position,
        network: part("network"),
        average: part("average"),
        optimizer: part("optimizer"),
    })
}

fn path(task: &Task) -> PathBuf {
    task.out.join(CHECKPOINT)
}
