//! The formula of marks in plain numbers, for exports that compute them elsewhere.
//!
//! Left out on purpose: the order of operations, for which [`Trust::marks`](super::Trust::marks) is the
//! reference, and certifying images, which no mark is made of.

use super::doubts::{Chosen, Scale};
use super::measures::Measures;

pub use super::distance::SMALLEST;
pub use super::doubts::{CLOSEST, SUREST};
pub use super::measures::{FURTHEST, POWER};
pub use super::quality::{CLIPPED, CORNER, LUMA, MOST_DEVIATIONS, SMALL, USUAL};
pub use super::temperature::MOST;

/// Every number that a model's marks are computed by.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Formula {
    /// Median of each of the [`STATISTICS`](super::STATISTICS) of training's pictures.
    pub centre: Vec<f32>,
    /// Standard deviation of each, above 0.
    pub spread: Vec<f32>,
    /// Mean of training's features.
    pub mean_features: Vec<f32>,
    /// Orthonormal directions of features, one after the other.
    pub directions: Vec<f32>,
    /// Square matrix that whitens features within the directions, row by row; 0 above its diagonal.
    pub whitening: Vec<f32>,
    /// Centres of all classes after the whitening, one after the other.
    pub centres: Vec<f32>,
    /// Logarithm of the usual square of the distance to the nearest centre.
    pub usual_nearest: f32,
    /// Logarithm of the usual square of what lies outside of the directions.
    pub usual_outside: f32,
    /// What the distance to the nearest centre is divided by, and the logarithm of the entropy, before they
    /// are added up to how unlike an image is.
    pub spreads: [f32; 2],
    /// Logarithm of the temperature where no mark adds to it.
    pub base: f64,
    /// What each mark adds to it: the distance to the nearest centre, and what lies outside.
    pub weights: Vec<f64>,
    /// By question: the score that is 0 after scaling, and the one that is 1.
    pub scales: [[f32; 2]; 3],
}

impl Formula {
    pub(super) fn of(measures: &Measures, chosen: &Chosen) -> Self {
        let Measures { usual, distance, spreads, temperature } = measures;
        let mut whitening = distance.whitening.numbers().to_vec();
        for (i, row) in whitening.chunks_exact_mut(distance.kept).enumerate() {
            row[i + 1..].fill(0.0);
        }
        Self {
            centre: usual.centre.clone(),
            spread: usual.spread.clone(),
            mean_features: distance.centre.numbers().to_vec(),
            directions: distance.directions.numbers().to_vec(),
            whitening,
            centres: distance.centres.numbers().to_vec(),
            usual_nearest: distance.usual.nearest,
            usual_outside: distance.usual.outside,
            spreads: *spreads,
            base: temperature.base,
            weights: temperature.weights().to_vec(),
            scales: chosen.scales.map(|Scale { middle, last }| [middle, last]),
        }
    }

    /// Number of directions.
    pub fn kept(&self) -> usize {
        self.directions.len() / self.mean_features.len()
    }
}
