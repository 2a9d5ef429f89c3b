//! Trained models as files: one model ([`Bundle`]), several that predict together ([`Ensemble`]), or a folder
//! of timm's.
//!
//! This module alone knows all three: it finds the file that a path means and reads whatever it holds. What
//! is written for other programs is in [`crate::export`].

mod bundle;
mod ensemble;
mod several;
pub(crate) mod timm;

#[cfg(test)]
pub(crate) mod tests;

use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use hema_core::error::{Error, Result};
use hema_core::{file, tta};

use crate::builtin;
use crate::weights::{self, Header};
use bundle::{KEY, Kind};

pub use bundle::{Bundle, ENSEMBLE_FORMAT, FORMAT, FittedOn, Manifest, Trained};
pub use ensemble::{Ensemble, Fitted, Member, Weighting};

pub use several::{BEST, LAST, SEARCH, SERIES, SUMMARY, expand, run_of, runs_inside, series};

/// Where the model lies that a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this file.
    File(PathBuf),
    /// In the program, under this name with its version.
    Builtin(PathBuf, &'static [u8]),
}

impl Place {
    /// The path of the file, or the name of the model in the box.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Builtin(path, _) => path,
        }
    }

    /// The bytes.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(&self) -> Result<Box<dyn Read>> {
        Ok(match self {
            Self::File(path) => Box::new(file::open(path)?),
            Self::Builtin(_, bytes) => Box::new(Cursor::new(*bytes)),
        })
    }

    /// How many bytes there are.
    ///
    /// # Errors
    /// The system's reason.
    pub(crate) fn length(&self) -> io::Result<u64> {
        match self {
            Self::File(path) => Ok(path.metadata()?.len()),
            Self::Builtin(_, bytes) => Ok(bytes.len() as u64),
        }
    }

    /// The header.
    ///
    /// # Errors
    /// A file that cannot be read, is no safetensors file, or is cut short.
    pub(crate) fn header(&self) -> Result<Header> {
        match self {
            Self::File(path) => Header::read(path),
            Self::Builtin(name, bytes) => Header::of_bytes(bytes, name),
        }
    }
}

/// The contents of a model file.
#[allow(clippy::large_enum_variant)] // there is one at a time
enum Contents {
    Model(Bundle, u32),
    Ensemble(Ensemble),
}

impl Bundle {
    /// Reads a bundle, the best model of a run directory, or a folder of timm's.
    ///
    /// # Errors
    /// A path that is none of these, an ensemble, a file of a newer format, a manifest that does not make
    /// sense, tensors of another network, contents that do not match their checksum.
    pub fn read(path: &Path) -> Result<Self> {
        read_single(path).map(|(model, _)| model)
    }
}

impl Ensemble {
    /// Reads a model file: an ensemble, or a model alone.
    ///
    /// # Errors
    /// A path that is neither, a file of a newer format, a document that does not make sense, tensors of
    /// another network, contents that do not match their checksum.
    pub fn read(path: &Path) -> Result<Self> {
        match read(path)? {
            Contents::Model(model, checksum) => Self::of_one_read(path, model, checksum),
            Contents::Ensemble(ensemble) => Ok(ensemble),
        }
    }

    /// Reads a model alone, with its own views.
    ///
    /// # Errors
    /// The errors of [`Bundle::read`].
    pub fn of_single(path: &Path) -> Result<Self> {
        let (model, checksum) = read_single(path)?;
        Self::of_one_read(path, model, checksum)
    }

    fn of_one_read(path: &Path, model: Bundle, checksum: u32) -> Result<Self> {
        let mut ensemble = Self::of_one(path, model)?;
        ensemble.members[0].checksum = Some(checksum);
        Ok(ensemble)
    }

    /// Reads single models as an ensemble with equal weights, which sees each image as it is.
    ///
    /// # Errors
    /// A file that is no model, one that is an ensemble already, or models for different classes.
    pub fn of_files(paths: &[PathBuf]) -> Result<Self> {
        let weight = 1.0 / paths.len() as f64;
        let member = |path: &PathBuf| {
            let (model, checksum) = read_single(path)?;
            Ok(Member { path: path.clone(), weights: vec![weight], model, checksum: Some(checksum) })
        };
        let members: Vec<Member> = paths.iter().map(member).collect::<Result<_>>()?;
        ensemble::check_classes(&members)?;
        Ok(Self { members, tta: tta::NONE, temperature: 1.0, fitted_on: None })
    }
}

/// Reads a single model, with the checksum of its file's contents.
fn read_single(path: &Path) -> Result<(Bundle, u32)> {
    match read(path)? {
        Contents::Model(model, checksum) => Ok((model, checksum)),
        Contents::Ensemble(_) => Err(Error::new("is an ensemble, expected a single model")
            .at(path)
            .hint("name one of the models that it was made of; `hema soup` makes one model of several")),
    }
}

/// Reads the model file that a path means.
fn read(path: &Path) -> Result<Contents> {
    let place = find(path)?;
    let file = place.path();
    let header = place.header().map_err(|e| of_run(e, file))?;
    let Some(json) = header.metadata.get(KEY).cloned() else { return read_timms(file, header) };
    read_ours(path, &json, header).map_err(|e| e.at(file))
}

/// The error of a file that is no model, which may lie in the folder of a run that has one.
fn of_run(error: Error, file: &Path) -> Error {
    match file.with_file_name(BEST) {
        best if best.is_file() && best != file => Error::new(error.message())
            .at(file)
            .hint(format!("the model of this run is {}", best.display()))
            .with_kind(error.kind()),
        _ => error,
    }
}

/// Reads a bundle or an ensemble, whose document is `json`. Its tensors are held against it before they are
/// read.
fn read_ours(path: &Path, json: &str, header: Header) -> Result<Contents> {
    let value: serde_json::Value = serde_json::from_str(json).map_err(|e| bundle::unreadable(&e))?;
    let (kind, needs_checksum) = bundle::format(&value)?;
    let read_tensors = |header: Header| {
        let file = header.read_tensors()?;
        if needs_checksum && !file.is_checked {
            return Err(Error::new("its checksum is missing, which every model of its format has")
                .hint("it was damaged or edited after it was written: copy it again, or make it anew"));
        }
        Ok(file)
    };
    if kind == Kind::Ensemble {
        let mut ensemble = ensemble::parse(json, path)?;
        ensemble.check_shapes(header.shapes())?;
        ensemble.fill(read_tensors(header)?);
        return Ok(Contents::Ensemble(ensemble));
    }
    let manifest = bundle::parse(value)?;
    bundle::check_shapes(&manifest, &header.shapes())?;
    let file = read_tensors(header)?;
    Ok(Contents::Model(Bundle { manifest, tensors: file.tensors }, file.checksum))
}

/// Reads weights without a manifest of ours, which timm's may lie beside.
fn read_timms(path: &Path, header: Header) -> Result<Contents> {
    let Some(manifest) = timm::manifest_beside(path)? else {
        return Err(Error::new(
            "a safetensors file without a `hema` manifest, expected a model trained by hema",
        )
        .at(path)
        .hint(format!("a run's model is its {BEST}; plain weights are for `model.weights` in a recipe")));
    };
    bundle::check_shapes(&manifest, &header.shapes()).map_err(|e| e.at(path))?;
    let file = header.read_tensors()?;
    Ok(Contents::Model(Bundle { manifest, tensors: file.tensors }, file.checksum))
}

/// The place of the model that a path means: the file itself, the best model of a run directory, the weights
/// of a folder of timm's, or the model in the box.
///
/// # Errors
/// A folder that holds no model; a version of the model in the box that this program does not carry.
pub fn find(path: &Path) -> Result<Place> {
    if let Some(bytes) = builtin::model(path)? {
        return Ok(Place::Builtin(builtin::with_version(path), bytes));
    }
    if !path.is_dir() {
        return Ok(Place::File(path.to_path_buf()));
    }
    let best = path.join(BEST);
    if best.is_file() {
        return Ok(Place::File(best));
    }
    if path.join(timm::CONFIG).is_file() {
        return Ok(Place::File(path.join(timm::WEIGHTS)));
    }
    Err(several::no_model(path))
}

/// The manifest in the header of a model, whose path errors name; nothing for plain weights.
///
/// # Errors
/// An ensemble, a manifest that does not make sense.
pub(crate) fn manifest(header: &Header, path: &Path) -> Result<Option<Manifest>> {
    let Some(json) = header.metadata.get(KEY) else { return Ok(None) };
    let value = serde_json::from_str(json).map_err(|e| bundle::unreadable(&e).at(path))?;
    bundle::parse(value).map(Some).map_err(|e| e.at(path))
}

/// A checksum of the model file that a path means, to tell models apart.
///
/// # Errors
/// A path that is no model; a file that cannot be read.
pub fn checksum(path: &Path) -> Result<u32> {
    match find(path)? {
        Place::File(file) => file::read(&file, weights::MAX_BYTES).map(|bytes| crc32c::crc32c(&bytes)),
        Place::Builtin(_, bytes) => Ok(crc32c::crc32c(bytes)),
    }
}
