//! The three parts of a data set: train, val and test.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The use an image is put to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Fits the weights.
    Train,
    /// Chooses the epoch, the settings and the temperature.
    Val,
    /// Judges the finished model.
    Test,
}

impl Part {
    /// Every part, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        })
    }
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Ok(Self::Train),
            "val" | "valid" | "validation" | "dev" => Ok(Self::Val),
            "test" | "testing" => Ok(Self::Test),
            _ => Err(Error::new(format!("part is `{name}` (expected train, val or test)"))),
        }
    }
}
