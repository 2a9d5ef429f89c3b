//! What a card holds.

use hema_core::provenance::Provenance;
use serde::{Deserialize, Serialize};

use super::judged::Judged;
use super::made::Made;
use crate::model_file::FittedOn;
use crate::weights::Origin;

/// Format number of [`ModelCard`]; raised when a field changes its meaning.
pub const CARD_FORMAT: u32 = 1;

/// The facts about a model, or about several that answer together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelCard {
    /// Format number, see [`CARD_FORMAT`].
    pub format: u32,
    /// Version, command line and time that wrote the card.
    pub provenance: Provenance,
    /// Name of the model.
    pub name: String,
    /// Path of the model, as given.
    pub path: String,
    /// The files that it is read from.
    pub files: Vec<ModelFile>,
    /// Its licence, by a name of the Hugging Face hub; `None` where nobody has chosen one.
    pub licence: Option<String>,
    /// Trainable parameters of all members together.
    pub parameters: u64,
    /// Class names in label order: the only answers that it has.
    pub classes: Vec<String>,
    /// Views of each image that are averaged over, see [`hema_core::tta`].
    pub views: String,
    /// The logits of its answer are divided by this; of a single model, its own temperature.
    pub temperature: f64,
    /// What of it was chosen or fitted on labelled images.
    pub fitted_on: Vec<FittedOn>,
    /// It was trained on drawn cells and says nothing about real ones.
    pub synthetic: bool,
    /// How each of its networks was made; one for a model alone.
    pub members: Vec<Made>,
    /// Images that prints are kept of: those that it was trained on, and others that it was chosen by; `None`
    /// where it does not know.
    pub seen: Option<[u64; 2]>,
    /// The range of each number that its training images were measured in, see [`hema_core::likeness`].
    pub training_images: Vec<(String, [f64; 2])>,
    /// Published weights that it started from, perhaps through other models; `None` where that is not known.
    pub origins: Option<Vec<Origin>>,
    /// How well it works, by every record that was given.
    pub evaluations: Vec<Judged>,
    /// Facts that a reader would want and no file holds, each with the way to have it.
    pub missing: Vec<Missing>,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// A fact that no file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The fact, in words.
    pub what: String,
    /// How to have it, or why nobody can, in words.
    pub how: String,
    /// The commands that bring it, in order; none where none does.
    pub commands: Vec<String>,
}
