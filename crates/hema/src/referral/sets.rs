//! Sets of classes that hold the right one with a probability that was asked for.

use hema_core::error::{Error, Result};
use hema_core::trust::{Basis, Conformal, SetsBy, Trust, undivided};

use super::without_thresholds;
use crate::classifier::Prediction;
use crate::predict::Untrusted;

/// Sets of a level, by the cells that certify a model.
#[derive(Clone, Debug)]
pub struct Sets {
    conformal: Conformal,
    images: usize,
}

impl Sets {
    /// Sets that hold the right class with a probability of `level`, above 0 and below 1, of a model that
    /// [knows](crate::Classifier::trust) how far its answers can be trusted.
    ///
    /// # Errors
    /// A model that certifies nothing; so few cells that every set would hold all classes.
    pub fn new(trust: Result<&Trust, Untrusted>, by: &'static SetsBy, level: f64) -> Result<Self> {
        let trust = trust.map_err(|reason| without_thresholds(reason, "no sets can be made"))?;
        let conformal = Conformal::fit(&trust.certifying, by, level)?;
        let images = match conformal.basis() {
            [Basis::Classes] => trust.certifying.clean().count(),
            _ => trust.certifying.images.len(),
        };
        if conformal.is_void() {
            return Err(Error::new(format!(
                "sets of {level}: {images} certifying cells are too few to leave any class out"
            ))
            .hint("ask for a lower level, or certify the model with more cells by `hema certify --out`"));
        }
        Ok(Self { conformal, images })
    }

    /// Positions of the classes in an answer's set, the most probable first.
    pub fn of(&self, answer: &Prediction) -> Vec<usize> {
        let (temperature, poor) = answer.marks().map_or((1.0, 0.0), |marks| (marks.temperature, marks.poor));
        self.conformal.set(&undivided(answer.probabilities(), temperature), poor)
    }

    /// By what the sets are made.
    pub fn conformal(&self) -> &Conformal {
        &self.conformal
    }

    /// Cells that they rest on.
    pub fn images(&self) -> usize {
        self.images
    }
}
