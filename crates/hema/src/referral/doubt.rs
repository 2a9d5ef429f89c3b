//! Why a person should look at an image.

use std::fmt;

use hema_core::likeness::Unlike;

/// Why a person should look at an image. As text it is what the column `reason` holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Doubt {
    /// Its probability is too low.
    LowConfidence,
    /// Its probability is too low, and the second class has nearly all the rest.
    Ambiguous,
    /// It looks most like a class that the model was told not to choose.
    ExcludedClass,
    /// It is unlike what the model was trained on: plainly, in these numbers, or where there are none, in its
    /// features.
    UnlikeTraining(Vec<Unlike>),
    /// The picture is too poor.
    PoorImage,
    /// It could not be read.
    Unreadable(String),
}

impl Doubt {
    /// The reason in two words, for people.
    pub fn words(&self) -> &'static str {
        match self {
            Self::LowConfidence => "low confidence",
            Self::Ambiguous => "ambiguous",
            Self::ExcludedClass => "excluded class",
            Self::UnlikeTraining(_) => "unlike training",
            Self::PoorImage => "poor image",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LowConfidence => f.write_str("low-confidence"),
            Self::Ambiguous => f.write_str("ambiguous"),
            Self::ExcludedClass => f.write_str("excluded-class"),
            Self::PoorImage => f.write_str("poor-image"),
            Self::UnlikeTraining(numbers) if numbers.is_empty() => f.write_str("unlike-training"),
            Self::UnlikeTraining(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(Unlike::to_string).collect();
                write!(f, "unlike-training: {}", numbers.join("; "))
            }
            Self::Unreadable(reason) => write!(f, "unreadable: {reason}"),
        }
    }
}

/// Every reason, in the order in which they are counted.
pub const REASONS: [&str; 6] =
    ["low confidence", "ambiguous", "excluded class", "unlike training", "poor image", "unreadable"];
