//! A trained model as one file: safetensors with a `hema` JSON document in its metadata.
//!
//! Any safetensors reader can open it; the tensors carry timm's names without a prefix. A file of
//! [`ENSEMBLE_FORMAT`] holds several models. Left out on purpose: finding the file that a path means, which
//! [`super`] does.

use std::collections::BTreeMap;
use std::path::Path;

use hema_core::error::{Error, ErrorKind, Result};
use hema_core::likeness::Likeness;
use hema_core::preprocess::Preprocess;
use hema_core::provenance::Provenance;
use hema_core::seen::Seen;
use hema_core::trust::Trust;
use serde::{Deserialize, Serialize};

use crate::model::{ModelSpec, Network};
use crate::weights::{self, Origin, Packing, Shapes, StateDict};

/// Format number of a file with a single model, and of its [`Manifest`]; raised when an older reader would
/// misunderstand the file. The next number is taken by [`ENSEMBLE_FORMAT`].
///
/// From this format on files carry a checksum, and are refused without one. Format 1 is the same without.
pub const FORMAT: u32 = 3;

/// Format number of a file that holds an ensemble; format 2 is the same without a checksum.
pub const ENSEMBLE_FORMAT: u32 = 4;

/// Formats of ensembles.
const OF_ENSEMBLES: [u32; 2] = [2, ENSEMBLE_FORMAT];

/// Metadata key that the manifest stands under.
pub(super) const KEY: &str = "hema";

/// What of a model was chosen or fitted on labelled images that it was not trained on: scores on these images
/// flatter it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedOn {
    /// Hash of the images, see [`hema_core::data::Dataset::hash`].
    pub images: String,
    /// What was chosen or fitted: `epoch`, `temperature`, `weights`, `members`.
    pub fitted: Vec<String>,
}

impl FittedOn {
    /// What was chosen or fitted on the images of this hash.
    pub fn new(images: impl Into<String>, fitted: &[&str]) -> Self {
        Self { images: images.into(), fitted: fitted.iter().map(ToString::to_string).collect() }
    }
}

/// What a model was trained on, and what that took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Path of the data set, as given.
    pub data: String,
    /// Images that it was trained on.
    pub images: u64,
    /// Images that it was chosen by.
    pub validation: u64,
    /// The epoch whose weights it has, from 1.
    pub epoch: u64,
    /// Epochs that were trained, of which the time is told.
    pub epochs: u64,
    /// Seconds that these epochs took, validation included.
    pub seconds: f64,
}

/// Everything about a model but its weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Format number, see [`FORMAT`].
    pub format: u32,
    /// The network.
    pub model: ModelSpec,
    /// Class names in label order.
    pub classes: Vec<String>,
    /// From a picture to the network's input.
    pub preprocess: Preprocess,
    /// The logits are divided by this before the softmax: fitted on validation images, see
    /// [`hema_core::calibrate`].
    pub temperature: f64,
    /// Share of each class in what it was trained on, which its probabilities are made for; empty where that
    /// is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prevalence: Vec<f64>,
    /// Views of each image that are averaged over, see [`hema_core::tta`].
    #[serde(default = "one_view")]
    pub tta: String,
    /// Operators that training augmented with.
    pub augmentations: Vec<String>,
    /// It was trained on drawn cells and says nothing about real ones.
    pub synthetic: bool,
    /// What was chosen or fitted on its validation images; `None` where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted_on: Option<FittedOn>,
    /// Prints of the images that it was trained on and chosen by, and of those that the models had seen which
    /// it started or learned from; none in older files and those of other software.
    #[serde(default, skip_serializing_if = "Seen::is_empty")]
    pub seen: Seen,
    /// What the images were like that it was trained on; unknown in older files and those of other software.
    #[serde(default, skip_serializing_if = "Likeness::is_empty")]
    pub likeness: Likeness,
    /// How far its answers can be trusted; unknown in older files, those of other software, and of models
    /// that few validation images were left for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// Published weights that it, or a model that it learned from, started from; `None` where that is not
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origins: Option<Vec<Origin>>,
    /// What it was trained on and what that took; unknown in older files and those of other software, and of
    /// what was not trained but made of other models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained: Option<Trained>,
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
        self.write_as(path, Packing::Single)
    }

    /// Writes the file with its weights stored in this way, whole or not at all.
    ///
    /// # Errors
    /// The path and the system's reason; a weight beyond the range of the packing.
    pub fn write_as(&self, path: &Path, packing: Packing) -> Result<()> {
        let manifest = Manifest { format: FORMAT, ..self.manifest.clone() };
        let json = serde_json::to_string(&manifest)
            .map_err(|e| Error::new(format!("manifest cannot be written: {e}")).at(path))?;
        weights::write_as(path, &self.tensors, &[(KEY.to_owned(), json)].into(), packing)
    }
}

/// Writes a document and tensors, whole or not at all.
pub(super) fn write(path: &Path, document: &str, tensors: &StateDict) -> Result<()> {
    weights::write(path, tensors, &[(KEY.to_owned(), document.to_owned())].into())
}

/// The kind of a model file, by the format number of its document.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    Ensemble,
}

/// Format of a document: the kind of the file, and whether such a file must carry a checksum.
///
/// # Errors
/// A newer format, or none.
pub(super) fn format(value: &serde_json::Value) -> Result<(Kind, bool)> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let Head { format } = Head::deserialize(value).map_err(|e| unreadable(&e))?;
    if format > ENSEMBLE_FORMAT {
        return Err(Error::new(format!("bundle format {format}, expected at most {ENSEMBLE_FORMAT}"))
            .hint("this model was written by a newer hema; update")
            .with_kind(ErrorKind::Unsupported));
    }
    let kind = if OF_ENSEMBLES.contains(&format) { Kind::Ensemble } else { Kind::Model };
    Ok((kind, format >= FORMAT))
}

pub(super) fn unreadable(reason: &serde_json::Error) -> Error {
    Error::new(format!("its `hema` manifest cannot be read: {reason}"))
}

/// The manifest of a single model.
pub(super) fn parse(value: serde_json::Value) -> Result<Manifest> {
    if format(&value)?.0 == Kind::Ensemble {
        return Err(Error::new("is an ensemble itself, expected a single model"));
    }
    let manifest: Manifest = serde_json::from_value(value).map_err(|e| unreadable(&e))?;
    manifest.preprocess.validate()?;
    check_temperature(manifest.temperature)?;
    check_prevalence(&manifest)?;
    if let Some(trust) = &manifest.trust {
        trust.check(manifest.classes.len())?;
    }
    if manifest.classes.len() != manifest.model.classes
        || manifest.preprocess.network_size() != manifest.model.size
    {
        return Err(Error::new("its `hema` manifest contradicts itself about classes or input size"));
    }
    Ok(manifest)
}

/// Checks that tensors of these shapes are those of the manifest's network, before they are read.
pub(super) fn check_shapes(manifest: &Manifest, shapes: &Shapes) -> Result<()> {
    let outline = Network::outline(&manifest.model)?;
    weights::check_shapes(shapes, &weights::shapes(&outline.network))
}

fn check_prevalence(manifest: &Manifest) -> Result<()> {
    let (shares, classes) = (&manifest.prevalence, manifest.classes.len());
    let whole = shares.len() == classes && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-6;
    if shares.is_empty() || whole && shares.iter().all(|share| *share >= 0.0) {
        return Ok(());
    }
    Err(Error::new(format!("its prevalence is {shares:?}, expected {classes} shares that sum to 1")))
}

pub(super) fn check_temperature(temperature: f64) -> Result<()> {
    if temperature.is_finite() && temperature > 0.0 {
        return Ok(());
    }
    Err(Error::new(format!("its temperature is {temperature}, expected a number above 0")))
}
