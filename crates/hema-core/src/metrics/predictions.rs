//! The input of every metric: labels and the probabilities that a model gave them.

use crate::error::{Error, Result};

/// Predictions of one model for labelled images.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// Class names in label order, k of them.
    pub classes: Vec<String>,
    /// True class of each of n images, below k.
    pub labels: Vec<usize>,
    /// Probability of each class for each image: n rows of k, each summing to 1.
    pub probabilities: Vec<f32>,
}

/// How far from 1 the probabilities of an image may sum: half-precision networks and averages are not exact.
const SUM_TOLERANCE: f64 = 1e-3;

impl Predictions {
    /// Checks the sizes, that labels name classes, and that every row is a probability distribution.
    ///
    /// # Errors
    /// The first thing that is wrong, with the image's number.
    pub fn check(&self) -> Result<()> {
        let (n, k) = (self.labels.len(), self.classes.len());
        if n == 0 || k < 2 {
            return Err(Error::new(format!("found {n} images and {k} classes, expected at least 1 and 2")));
        }
        if self.probabilities.len() != n * k {
            let found = self.probabilities.len();
            return Err(Error::new(format!(
                "found {found} probabilities, expected {n} images x {k} classes"
            )));
        }
        for (image, (label, row)) in self.labels.iter().zip(self.rows()).enumerate() {
            if *label >= k {
                return Err(Error::new(format!(
                    "image {image}: found label {label}, expected less than {k}"
                )));
            }
            if let Some(bad) = row.iter().find(|p| !p.is_finite() || **p < 0.0) {
                return Err(Error::new(format!("image {image}: found probability {bad}, expected 0 to 1")));
            }
            let sum: f64 = row.iter().map(|p| f64::from(*p)).sum();
            if (sum - 1.0).abs() > SUM_TOLERANCE {
                return Err(Error::new(format!("image {image}: probabilities sum to {sum}, expected 1")));
            }
        }
        Ok(())
    }

    /// The probabilities of each image, k at a time.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.probabilities.chunks_exact(self.classes.len())
    }

    /// Most probable class of each image; the lowest of equally probable ones.
    pub fn predicted(&self) -> Vec<usize> {
        self.rows().map(argmax).collect()
    }
}

/// Index of the largest value; the lowest index of equal ones, as in numpy.
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}
