//! A row of the table of exports.

use std::path::Path;

use hema_core::error::Result;

/// A kind of file or folder that another program reads.
pub struct Export {
    /// The name in `hema export --to`.
    pub name: &'static str,
    /// A line for people: what is written, and for which program.
    pub about: &'static str,
    /// What it writes.
    pub output: Output,
    /// Whether it holds preprocessing that can be left out.
    pub preprocesses: bool,
    /// Writes the model at the first path to the second one.
    pub write: fn(&Path, &Path, Preprocessing) -> Result<Written>,
}

/// Where pictures are cropped, resized and normalised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preprocessing {
    /// In what is exported, which takes pictures of any size, as far as it can say it.
    #[default]
    Inside,
    /// Before it: it takes what the network is shown.
    None,
}

/// What an export writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Files of these names into a folder.
    Folder(&'static [&'static str]),
    /// A zip file.
    Submission,
    /// A model file of Hema's own.
    Model,
    /// An ONNX file.
    Onnx,
}

/// Remarks for people on an export that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Parts of the model that the other program cannot express, so that it may predict otherwise.
    pub warnings: Vec<String>,
    /// What else of the model is not in it, or is there in another form.
    pub notes: Vec<String>,
    /// How the other program loads it.
    pub usage: Option<String>,
}
