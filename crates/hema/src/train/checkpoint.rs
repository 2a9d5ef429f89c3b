//! Everything a run needs to go on as if it had never stopped, in one file that is whole or absent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hema_core::error::{Error, ErrorKind, Result};
use hema_core::seen::Seen;
use serde::{Deserialize, Serialize};

use super::average::Average;
use super::folder::CHECKPOINT;
use super::setup::model_spec;
use super::task::Task;
use crate::model::Network;
use crate::model_file;
use crate::optim::Optimizer;
use crate::recipe::Recipe;
use crate::weights::{self, Header, Origin, Shapes, StateDict};

/// Metadata key that the state stands under.
const KEY: &str = "hema-checkpoint";

/// Format number of a checkpoint. From 1 on it carries a checksum, and is refused without one.
const FORMAT: u32 = 1;

/// The parts of a run, before the names of their tensors.
const NETWORK: &str = "network";
const AVERAGE: &str = "average";
const OPTIMIZER: &str = "optimizer";

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
    /// Validation loss in the best epoch.
    #[serde(default)]
    pub(super) best_loss: Option<f64>,
    /// Best value of the chosen metric in this stage.
    pub(super) stage_best: Option<f64>,
    /// Epochs of this stage since its best.
    pub(super) epochs_since_best: u64,
    /// Networks of this stage in the mean of the weights.
    pub(super) averaged: u64,
}

impl Position {
    /// Checks that a run by this recipe can be there.
    fn check(&self, recipe: &Recipe) -> Result<()> {
        let stage = recipe.stages.get(self.stage);
        let epochs = recipe.stages.iter().map(|stage| stage.epochs).sum();
        let numbers = [self.lr, self.loss_sum, self.train_seconds, self.waited_seconds];
        let possible = self.stage <= recipe.stages.len()
            && self.epoch <= epochs
            && self.stage_epoch <= stage.map_or(0, |stage| stage.epochs)
            && [self.batch, self.images, self.stage_step, self.step, self.averaged]
                .iter()
                .all(|count| u32::try_from(*count).is_ok())
            && numbers.iter().all(|number| number.is_finite());
        if possible { Ok(()) } else { Err(Error::new("its position is none of a run by its recipe")) }
    }

    /// Whether a value of the chosen metric equals that of the best epoch, and the loss is lower than there.
    pub(super) fn is_equal_with_lower_loss(&self, value: f64, loss: f64) -> bool {
        self.best.is_some_and(|(_, best)| value == best) && self.best_loss.is_some_and(|least| loss < least)
    }

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

/// How far a run has come that is not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Epochs that are done.
    pub epochs: u64,
    /// Most epochs that the run can have.
    pub planned: u64,
}

/// How far the run of a model has come, by the checkpoint beside it; nothing where the run is finished, or no
/// checkpoint says.
pub fn unfinished(model: &Path) -> Option<Unfinished> {
    let path = model_file::run_of(model).join(CHECKPOINT);
    let header = Header::read(&path).ok()?;
    let Document { position, inputs, .. } = serde_json::from_str(header.metadata.get(KEY)?).ok()?;
    let stages = Recipe::parse_saved(&inputs.recipe, &path).ok()?.stages;
    let planned = stages.iter().map(|stage| stage.epochs).sum();
    (position.stage < stages.len()).then_some(Unfinished { epochs: position.epoch, planned })
}

/// A run as it is saved.
pub(super) struct State<'a> {
    pub(super) position: &'a Position,
    pub(super) network: &'a Network,
    pub(super) average: &'a Average,
    pub(super) optimizer: Option<&'a Optimizer>,
    /// Prints of the images that the model had seen which the run started from.
    pub(super) seen_before: &'a Seen,
    /// Published weights that the run started from.
    pub(super) origins_before: Option<&'a [Origin]>,
}

/// A checkpoint read back.
pub(super) struct Saved {
    pub(super) position: Position,
    pub(super) network: StateDict,
    pub(super) average: StateDict,
    pub(super) optimizer: StateDict,
    pub(super) seen_before: Seen,
    pub(super) origins_before: Option<Vec<Origin>>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    /// See [`FORMAT`]; 0 in files from before there were formats.
    #[serde(default)]
    format: u32,
    position: Position,
    #[serde(flatten)]
    inputs: Inputs,
    #[serde(default, skip_serializing_if = "Seen::is_empty")]
    seen_before: Seen,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origins_before: Option<Vec<Origin>>,
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
    let document = Document {
        format: FORMAT,
        position: state.position.clone(),
        inputs: inputs.clone(),
        seen_before: state.seen_before.clone(),
        origins_before: state.origins_before.map(<[Origin]>::to_vec),
    };
    let json = serde_json::to_string(&document)
        .map_err(|e| Error::new(format!("checkpoint cannot be written: {e}")).at(&path))?;
    let named = |prefix: &'static str, state: StateDict| {
        state.into_iter().map(move |(name, array)| (format!("{prefix}/{name}"), array))
    };
    let optimizer = state.optimizer.map(Optimizer::state_dict).unwrap_or_default();
    let tensors = named(NETWORK, weights::state_dict(state.network))
        .chain(named(AVERAGE, state.average.state_dict()))
        .chain(named(OPTIMIZER, optimizer))
        .collect();
    weights::write(&path, &tensors, &[(KEY.to_owned(), json)].into())
}

/// The checkpoint to resume from. Everything is held against the run before its tensors are read.
pub(super) fn read(task: &Task, inputs: &Inputs) -> Result<Saved> {
    let path = path(task);
    let header = Header::read(&path)?;
    let json = header.metadata.get(KEY).ok_or_else(|| Error::new("not a checkpoint of hema").at(&path))?;
    let document: Document = serde_json::from_str(json)
        .map_err(|e| Error::new(format!("its state cannot be read: {e}")).at(&path))?;
    check_inputs(&document.inputs, inputs, task.recipe, &path)?;
    check_state(&document, task, &header.shapes()).map_err(|e| e.at(&path))?;
    let file = header.read_tensors()?;
    if document.format >= FORMAT && !file.is_checked {
        return Err(Error::new("its checksum is missing, which every checkpoint of its format has").at(&path));
    }
    let mut tensors = file.tensors;
    Ok(Saved {
        position: document.position,
        network: take(&mut tensors, NETWORK),
        average: take(&mut tensors, AVERAGE),
        optimizer: take(&mut tensors, OPTIMIZER),
        seen_before: document.seen_before,
        origins_before: document.origins_before,
    })
}

/// Checks that a run goes on with what it was begun with.
fn check_inputs(before: &Inputs, now: &Inputs, recipe: &Recipe, path: &Path) -> Result<()> {
    let differs =
        |what: &str, hint: &str| Err(Error::new(format!("was made with another {what}")).at(path).hint(hint));
    // read rather than compared as text: the program that saved it may have known fewer keys
    if before.recipe != now.recipe && Recipe::parse_saved(&before.recipe, path)? != *recipe {
        let hint =
            "resume without --recipe and --set: the run keeps its own; for more epochs or other values ";
        return differs("recipe", &format!("{hint}{}", new_run_from(path)));
    }
    if before.train != now.train || before.val != now.val {
        let hint = format!("resume with the same --data and --split; for new data {}", new_run_from(path));
        return differs("data set or split", &hint);
    }
    if before.teachers != now.teachers {
        return differs(
            "model to learn from",
            "put back the files that `distill.teachers` of the recipe named",
        );
    }
    Ok(())
}

/// The road from a run to one that goes on from its weights; `path` is the run's checkpoint.
fn new_run_from(path: &Path) -> String {
    let run = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    format!("begin a new run from its weights: --set model.weights={} --out NEW", run.display())
}

/// Checks a position, and that tensors of these shapes are those of the run there: its network's, those of
/// the mean of its weights, and those of its optimizer.
fn check_state(document: &Document, task: &Task, shapes: &Shapes) -> Result<()> {
    if document.format > FORMAT {
        let found = format!("checkpoint format {}, expected at most {FORMAT}", document.format);
        return Err(Error::new(found)
            .hint("this run was saved by a newer hema; update")
            .with_kind(ErrorKind::Unsupported));
    }
    document.position.check(task.recipe)?;
    let spec = model_spec(task.recipe, task.train.classes().len());
    let expected = weights::shapes(&Network::outline(&spec)?.network);
    let mut left = shapes.clone();
    weights::check_shapes(&take(&mut left, NETWORK), &expected)?;
    let average: Shapes = take(&mut left, AVERAGE);
    if !average.is_empty() {
        weights::check_shapes(&average, &expected)?;
    }
    let slots = task.recipe.stages.get(document.position.stage).map(|stage| stage.optimizer.row().slots());
    check_optimizer(&take(&mut left, OPTIMIZER), slots.unwrap_or_default(), &expected)?;
    match left.keys().next() {
        None => Ok(()),
        Some(name) => Err(Error::new(format!("its tensor `{name}` is none of a run's"))),
    }
}

/// Checks that every weight with a state has one in each of the optimizer's slots, as long as itself.
fn check_optimizer(found: &Shapes, slots: &[&str], expected: &Shapes) -> Result<()> {
    for (name, shape) in found {
        let (slot, weight) = name.split_once('/').unwrap_or_default();
        let whole = slots.iter().all(|slot| found.contains_key(&format!("{slot}/{weight}")));
        let length = expected.get(weight).map(|shape| shape.iter().product::<usize>());
        if !slots.contains(&slot) || !whole || length.is_none_or(|length| *shape != [length]) {
            return Err(Error::new(format!(
                "its state `{name}` of shape {shape:?} is none of its optimizer's"
            )));
        }
    }
    Ok(())
}

/// Takes what is named under a part of the run out of what is named by tensors; names lose the part's.
fn take<T>(all: &mut BTreeMap<String, T>, part: &str) -> BTreeMap<String, T> {
    let own = |name: &str| name.strip_prefix(part)?.strip_prefix('/').map(str::to_owned);
    let taken = all.extract_if(.., |name, _| own(name).is_some());
    taken.filter_map(|(name, thing)| Some((own(&name)?, thing))).collect()
}

fn path(task: &Task) -> PathBuf {
    task.out.join(CHECKPOINT)
}
