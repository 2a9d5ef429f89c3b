//! How a network of a model was made: its architecture, what its input is, what it was trained on, by which
//! recipe and at what cost.

use std::path::Path;

use hema_core::error::Result;
use hema_core::preprocess::Preprocess;
use hema_core::provenance::Provenance;
use hema_core::report::TrainingData;
use hema_core::trust::{Limits, Promise, Trust, USUAL_SHARE, Wanted, promise};
use serde::{Deserialize, Serialize};

use crate::model::{ModelSpec, Network};
use crate::model_file::{self, BEST, LAST, Manifest, Member, Trained};
use crate::recipe::{Recipe, Weights};
use crate::run_folder::{self, RunInfo, TRAINING};
use crate::run_log::{History, METRICS_FILE};
use crate::weights::count_trainable;

/// How one network was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Made {
    /// The network.
    pub model: ModelSpec,
    /// Its architecture, by timm's name.
    pub architecture: String,
    /// Trainable parameters.
    pub parameters: u64,
    /// From a picture to its input.
    pub preprocess: Preprocess,
    /// How much it counts, 0 to 1, among those that answer together.
    pub weight: f64,
    /// Its logits are divided by this.
    pub temperature: f64,
    /// What it promises of cells like training's, at most 1 % wrong with 95 % confidence, where it carries
    /// cells that certify it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<Promise>,
    /// Share of each class in what it was trained on, in class order; empty where that is not known.
    pub prevalence: Vec<f64>,
    /// Operators that its training images were augmented with.
    pub augmentations: Vec<String>,
    /// Where its weights started, in words; `None` where that is not known.
    pub start: Option<String>,
    /// Models that it learned from, as its recipe names them.
    pub teachers: Vec<String>,
    /// What it was trained on and what that took; `None` where that is not known.
    pub trained: Option<Trained>,
    /// The training recipe, TOML; empty for a model of other software.
    pub recipe: String,
    /// Who made it, when, by which command.
    pub provenance: Provenance,
}

impl Made {
    /// How a member of a model was made.
    ///
    /// # Errors
    /// A network that cannot be built.
    pub(super) fn of(member: &Member) -> Result<Self> {
        let manifest = &member.model.manifest;
        let recipe = Recipe::parse_saved(&manifest.recipe, "recipe").ok();
        let teachers = recipe.iter().flat_map(|recipe| &recipe.distill.teachers);
        Ok(Self {
            architecture: manifest.model.name.clone(),
            parameters: count_trainable(&Network::outline(&manifest.model)?.network) as u64,
            model: manifest.model.clone(),
            preprocess: manifest.preprocess.clone(),
            weight: member.weights.iter().sum(),
            temperature: manifest.temperature,
            promise: manifest.trust.as_ref().map(promised),
            prevalence: manifest.prevalence.clone(),
            augmentations: manifest.augmentations.clone(),
            start: recipe.as_ref().map(|recipe| start(&recipe.model.weights)),
            teachers: teachers.map(|path| path.display().to_string()).collect(),
            trained: trained_in(model_file::run_of(&member.path), manifest).or(manifest.trained.clone()),
            recipe: manifest.recipe.clone(),
            provenance: manifest.provenance.clone(),
        })
    }

    /// Side in pixels of the images that the network is shown.
    pub fn size(&self) -> usize {
        self.preprocess.size
    }
}

/// What a model promises of cells like those that certify it.
fn promised(trust: &Trust) -> Promise {
    let limits = Limits::of(&trust.thresholds(USUAL_SHARE));
    promise(&trust.certifying, limits, Wanted::USUAL)
}

/// Where weights started, in words.
fn start(weights: &Weights) -> String {
    match weights {
        Weights::None => "random weights".into(),
        Weights::Imagenet => "weights trained on ImageNet".into(),
        Weights::Path(path) => format!("the weights of {}", path.display()),
    }
}

/// What the model in a run's folder was trained on and what the whole run took, by the files beside it;
/// nothing for a folder that is no run's, or the run of another model. It tells more than the model's own
/// file, which was written before the last epochs.
pub fn trained_in(run: &Path, manifest: &Manifest) -> Option<Trained> {
    let is_run = [BEST, LAST].iter().any(|name| run.join(name).is_file());
    let history = History::read(&run.join(METRICS_FILE)).ok().filter(|_| is_run)?;
    // the epoch whose loss on the validation images is that of the model
    let loss = manifest.metrics.get("nll")?;
    let own = history.epochs.iter().find(|epoch| epoch.val.loss == *loss)?;
    let data: TrainingData = run_folder::read_json(&run.join(TRAINING)).ok()?;
    // as it was given, where the model's file tells: the run has it from the root of the machine
    let as_given = manifest.trained.as_ref().map(|trained| trained.data.clone());
    let of_run = || RunInfo::recorded(run).ok().map(|info| info.data.display().to_string());
    Some(Trained {
        data: as_given.or_else(of_run).unwrap_or_default(),
        images: data.training.iter().sum(),
        validation: data.validation.iter().sum(),
        epoch: own.epoch,
        epochs: history.epochs.len() as u64,
        seconds: history.epochs.iter().map(|epoch| epoch.seconds).sum(),
    })
}
