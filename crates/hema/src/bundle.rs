//! A trained model as one file: safetensors with a `hema` JSON document in its metadata.
//!
//! Any safetensors reader can open it; the tensors carry timm's names without a prefix. A file of format 2 holds several
//! models, see [`crate::ensemble`]; a folder as timm and the Hugging Face hub keep a model is read too, see
//! [`crate::export::timm`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;
use hema_core::provenance::Provenance;
use serde::{Deserialize, Serialize};

use crate::ensemble;
use crate::export::timm;
use crate::model::ModelSpec;
use crate::weights::{self, StateDict};

/// Format number of [`Manifest`]; raised when an older reader would misunderstand the file. The next one is taken by
/// [`ensemble::FORMAT`].
pub const FORMAT: u32 = 1;

/// Metadata key that the manifest stands under.
const KEY: &str = "hema";

/// Name of the chosen model inside a run directory.
pub const BEST: &str = "best.safetensors";

/// Everything about a model but its weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Format number, see [`FORMAT`].
    pub format: u32,
    /// The network.
    pub model: ModelSpec,
    /// Class names in label order.
    pub classes: Vec<String>,
    /// From a picture to the network's input.
    pub preprocess: Preprocess,
    /// The logits are divided by this before the softmax: fitted on validation images, see [`hema_core::calibrate`].
    pub temperature: f64,
    /// Share of each class in what it was trained on, which its probabilities are made for; empty where that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prevalence: Vec<f64>,
    /// Views of each image that are averaged over, see [`hema_core::tta`].
    #[serde(default = "one_view")]
    pub tta: String,
    /// Operators that training augmented with.
    pub augmentations: Vec<String>,
    /// It was trained on drawn cells and says nothing about real ones.
    pub synthetic: bool,
    /// Validation metrics of these weights, by name, before the temperature.
    pub metrics: BTreeMap<String, f64>,
    /// The training recipe, TOML.
    pub recipe: String,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// The name of the image alone, the only view before there were others.
fn one_view() -> String {
    hema_core::tta::NONE.name.into()
}

/// A model: its manifest and its weights.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Everything but the weights.
    pub manifest: Manifest,
    /// The weights.
    pub tensors: StateDict,
}

impl Bundle {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// The path and the system's reason.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_string(&self.manifest)
            .map_err(|e| Error::new(format!("manifest cannot be written: {e}")).at(path))?;
        write(path, &json, &self.tensors)
    }

    /// Reads a bundle, the best model of a run directory, or a folder of timm's.
    ///
    /// # Errors
    /// A path that is none of these, an ensemble, a file of a newer format, a manifest that does not make sense.
    pub fn read(path: &Path) -> Result<Self> {
        match read(path)? {
            Held::Model(model) => Ok(model),
            Held::Ensemble { .. } => Err(Error::new("is an ensemble, expected a single model")
                .at(path)
                .hint("name the models that it was made of instead")),
        }
    }
}

/// What a model file holds.
#[allow(clippy::large_enum_variant)] // there is one at a time
pub(crate) enum Held {
    Model(Bundle),
    Ensemble { document: String, tensors: StateDict },
}

/// Reads the model file that a path means.
pub(crate) fn read(path: &Path) -> Result<Held> {
    let path = model_file(path)?;
    let file = weights::read(&path)?;
    let Some(json) = file.metadata.get(KEY) else {
        if let Some(manifest) = timm::manifest_beside(&path)? {
            return Ok(Held::Model(Bundle { manifest, tensors: file.tensors }));
        }
        return Err(Error::new(
            "a safetensors file without a `hema` manifest, expected a model trained by hema",
        )
        .at(&path)
        .hint(format!("a run's model is its {BEST}; plain weights are for `model.weights` in a recipe")));
    };
    let unreadable = |e: serde_json::Error| Error::new(format!("its `hema` manifest cannot be read: {e}"));
    let value: serde_json::Value = serde_json::from_str(json).map_err(|e| unreadable(e).at(&path))?;
    if value["format"] == ensemble::FORMAT {
        return Ok(Held::Ensemble { document: json.clone(), tensors: file.tensors });
    }
    let manifest = parse(value).map_err(|e| e.at(&path))?;
    Ok(Held::Model(Bundle { manifest, tensors: file.tensors }))
}

/// Writes a document and tensors, whole or not at all.
pub(crate) fn write(path: &Path, document: &str, tensors: &StateDict) -> Result<()> {
    weights::write(path, tensors, &[(KEY.to_owned(), document.to_owned())].into())
}

/// The manifest of a single model.
pub(crate) fn parse(value: serde_json::Value) -> Result<Manifest> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let unreadable = |e: serde_json::Error| Error::new(format!("its `hema` manifest cannot be read: {e}"));
    let head = Head::deserialize(&value).map_err(unreadable)?;
    if head.format == ensemble::FORMAT {
        return Err(Error::new("is an ensemble itself, expected a single model"));
    }
    if head.format > ensemble::FORMAT {
        let newest = ensemble::FORMAT;
        return Err(Error::new(format!("bundle format {}, expected at most {newest}", head.format))
            .hint("this model was written by a newer hema; update"));
    }
    let manifest: Manifest = serde_json::from_value(value).map_err(unreadable)?;
    manifest.preprocess.validate()?;
    check_temperature(manifest.temperature)?;
    check_prevalence(&manifest)?;
    if manifest.classes.len() != manifest.model.classes
        || manifest.preprocess.network_size() != manifest.model.size
    {
        return Err(Error::new("its `hema` manifest contradicts itself about classes or input size"));
    }
    Ok(manifest)
}

fn check_prevalence(manifest: &Manifest) -> Result<()> {
    let (shares, classes) = (&manifest.prevalence, manifest.classes.len());
    let whole = shares.len() == classes && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-6;
    if shares.is_empty() || whole && shares.iter().all(|share| *share >= 0.0) {
        return Ok(());
    }
    Err(Error::new(format!("its prevalence is {shares:?}, expected {classes} shares that sum to 1")))
}

pub(crate) fn check_temperature(temperature: f64) -> Result<()> {
    if temperature.is_finite() && temperature > 0.0 {
        return Ok(());
    }
    Err(Error::new(format!("its temperature is {temperature}, expected a number above 0")))
}

/// A checksum of the model file that a path means, to tell models apart.
///
/// # Errors
/// A path that is no model; a file that cannot be read.
pub fn checksum(path: &Path) -> Result<u32> {
    let file = model_file(path)?;
    std::fs::read(&file).map(|bytes| crc32c::crc32c(&bytes)).map_err(|e| Error::io(&file, &e))
}

/// The model file that a path means: itself, the best model of a run directory, or the weights of a folder of timm's.
pub(crate) fn model_file(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let best = path.join(BEST);
    if best.is_file() {
        return Ok(best);
    }
    if path.join(timm::CONFIG).is_file() {
        return Ok(path.join(timm::WEIGHTS));
    }
    Err(Error::new(format!("a folder without {BEST}, expected a model file or a run directory"))
        .at(path)
        .hint("a run directory gets its model at the end of its first epoch"))
}
