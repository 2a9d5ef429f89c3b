//! Trained models as files: one model ([`Bundle`]), several that predict together ([`Ensemble`]), or a folder
//! of timm's.
//!
//! This module alone knows all three: it finds the file that a path means and reads whatever it holds. What
//! is written for other programs is in [`crate::export`].

mod bundle;
mod ensemble;
pub(crate) mod timm;

use std::path::{Path, PathBuf};

use hema_core::error::{Error, ErrorKind, Result};
use hema_core::tta;

use crate::weights::{self, StateDict};
use bundle::KEY;

pub use bundle::{Bundle, ENSEMBLE_FORMAT, FORMAT, FittedOn, Manifest};
pub use ensemble::{Ensemble, Fitted, Member, Weighting};

/// Name of the chosen model inside a run directory.
pub const BEST: &str = "best.safetensors";

/// The contents of a model file.
#[allow(clippy::large_enum_variant)] // there is one at a time
enum Contents {
    Model(Bundle),
    Ensemble { document: String, tensors: StateDict },
}

impl Bundle {
    /// Reads a bundle, the best model of a run directory, or a folder of timm's.
    ///
    /// # Errors
    /// A path that is none of these, an ensemble, a file of a newer format, a manifest that does not make
    /// sense.
    pub fn read(path: &Path) -> Result<Self> {
        match read(path)? {
            Contents::Model(model) => Ok(model),
            Contents::Ensemble { .. } => Err(Error::new("is an ensemble, expected a single model")
                .at(path)
                .hint("name the models that it was made of instead")),
        }
    }
}

impl Ensemble {
    /// Reads a model file: an ensemble, or a model alone.
    ///
    /// # Errors
    /// A path that is neither, a file of a newer format, a document that does not make sense.
    pub fn read(path: &Path) -> Result<Self> {
        match read(path)? {
            Contents::Model(model) => Self::of_one(path, model),
            Contents::Ensemble { document, tensors } => {
                ensemble::parse(&document, tensors, path).map_err(|e| e.at(path))
            }
        }
    }

    /// Reads single models as an ensemble with equal weights, which sees each image as it is.
    ///
    /// # Errors
    /// A file that is no model, one that is an ensemble already, or models for different classes.
    pub fn of_files(paths: &[PathBuf]) -> Result<Self> {
        let weight = 1.0 / paths.len() as f64;
        let member = |path: &PathBuf| {
            let model = Bundle::read(path)?;
            Ok(Member { path: path.clone(), weights: vec![weight], model })
        };
        let members: Vec<Member> = paths.iter().map(member).collect::<Result<_>>()?;
        ensemble::check_classes(&members)?;
        Ok(Self { members, tta: tta::NONE, temperature: 1.0, fitted_on: None })
    }
}

/// Reads the model file that a path means.
fn read(path: &Path) -> Result<Contents> {
    let path = find(path)?;
    let file = weights::read(&path)?;
    let Some(json) = file.metadata.get(KEY) else {
        if let Some(manifest) = timm::manifest_beside(&path)? {
            return Ok(Contents::Model(Bundle { manifest, tensors: file.tensors }));
        }
        return Err(Error::new(
            "a safetensors file without a `hema` manifest, expected a model trained by hema",
        )
        .at(&path)
        .hint(format!("a run's model is its {BEST}; plain weights are for `model.weights` in a recipe")));
    };
    let unreadable = |e: serde_json::Error| Error::new(format!("its `hema` manifest cannot be read: {e}"));
    let value: serde_json::Value = serde_json::from_str(json).map_err(|e| unreadable(e).at(&path))?;
    if value["format"] == ENSEMBLE_FORMAT {
        return Ok(Contents::Ensemble { document: json.clone(), tensors: file.tensors });
    }
    let manifest = bundle::parse(value).map_err(|e| e.at(&path))?;
    Ok(Contents::Model(Bundle { manifest, tensors: file.tensors }))
}

/// The model file that a path means: itself, the best model of a run directory, or the weights of a folder of
/// timm's.
///
/// # Errors
/// A folder that holds no model.
pub fn find(path: &Path) -> Result<PathBuf> {
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
        .hint("a run directory gets its model at the end of its first epoch")
        .with_kind(ErrorKind::NotFound))
}

/// A checksum of the model file that a path means, to tell models apart.
///
/// # Errors
/// A path that is no model; a file that cannot be read.
pub fn checksum(path: &Path) -> Result<u32> {
    let file = find(path)?;
    std::fs::read(&file).map(|bytes| crc32c::crc32c(&bytes)).map_err(|e| Error::io(&file, &e))
}
