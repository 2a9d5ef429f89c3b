//! A trained model as one file: safetensors with a `hema` JSON document in its metadata.
//!
//! Any safetensors reader can open it; the tensors carry timm's names without a prefix.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;
use hema_core::provenance::Provenance;
use serde::{Deserialize, Serialize};

use crate::model::ModelSpec;
use crate::weights::{self, StateDict};

/// Format number of [`Manifest`]; raised when an older reader would misunderstand the file.
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
        weights::write(path, &self.tensors, &[(KEY.to_owned(), json)].into())
    }

    /// Reads a bundle, or the best model of a run directory.
    ///
    /// # Errors
    /// A path that is neither, a file of a newer format, a manifest that does not make sense.
    pub fn read(path: &Path) -> Result<Self> {
        let path = model_file(path)?;
        let file = weights::read(&path)?;
        let json = file.metadata.get(KEY).ok_or_else(|| {
            Error::new("a safetensors file without a `hema` manifest, expected a model trained by hema")
                .at(&path)
                .hint(format!(
                    "a run's model is its {BEST}; plain weights are for `model.weights` in a recipe"
                ))
        })?;
        let manifest = parse(json).map_err(|e| e.at(&path))?;
        Ok(Self { manifest, tensors: file.tensors })
    }
}

fn parse(json: &str) -> Result<Manifest> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let unreadable = |e: serde_json::Error| Error::new(format!("its `hema` manifest cannot be read: {e}"));
    let head: Head = serde_json::from_str(json).map_err(unreadable)?;
    if head.format > FORMAT {
        return Err(Error::new(format!("bundle format {}, expected at most {FORMAT}", head.format))
            .hint("this model was written by a newer hema; update"));
    }
    let manifest: Manifest = serde_json::from_str(json).map_err(unreadable)?;
    manifest.preprocess.validate()?;
    let temperature = manifest.temperature;
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(Error::new(format!("its temperature is {temperature}, expected a number above 0")));
    }
    if manifest.classes.len() != manifest.model.classes || manifest.preprocess.size != manifest.model.size {
        return Err(Error::new("its `hema` manifest contradicts itself about classes or input size"));
    }
    Ok(manifest)
}

/// A checksum of the model file that a path means, to tell models apart.
///
/// # Errors
/// A path that is no model; a file that cannot be read.
pub fn checksum(path: &Path) -> Result<u32> {
    let file = model_file(path)?;
    std::fs::read(&file).map(|bytes| crc32c::crc32c(&bytes)).map_err(|e| Error::io(&file, &e))
}

/// The model file that a path means: itself, or the best model of a run directory.
fn model_file(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let best = path.join(BEST);
    if best.is_file() {
        return Ok(best);
    }
    Err(Error::new(format!("a folder without {BEST}, expected a model file or a run directory"))
        .at(path)
        .hint("a run directory gets its model at the end of its first epoch"))
}
