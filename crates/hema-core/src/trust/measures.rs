//! What is measured of every image: its temperature, how far its features are from training's, how poor the
//! picture is.

use serde::{Deserialize, Serialize};

use super::answered::{Answered, unchanged};
use super::certifying::softmax;
use super::distance::{Distance, Distances};
use super::doubts::{self, Doubts};
use super::quality::{Statistics, Usual};
use super::temperature::{Example, Temperature};
use crate::error::{Error, Result};
use crate::metrics::argmax;

/// Largest mark: beyond it an image is strange whatever the distance.
pub const FURTHEST: f32 = 6.0;

/// What is usual of pictures and features, and the temperature that depends on the latter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measures {
    pub(super) usual: Usual,
    pub(super) distance: Distance,
    /// Standard deviations, over training's unchanged images, of the distance to the nearest centre and of
    /// the entropy of answers, which make up how unlike an image is.
    pub(super) spreads: [f32; 2],
    pub(super) temperature: Temperature,
}

/// What a picture and its features are like, whatever the model answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    distances: Distances,
    /// How far the picture is from what is usual.
    poor: f32,
}

impl Measures {
    /// What is usual by images that the model was trained on, and the temperature by others.
    pub(super) fn fit(trained: &[Answered], fitting: &[Answered]) -> Result<Self> {
        let features: Vec<&[f32]> = trained.iter().map(|answer| &*answer.features).collect();
        let labels: Vec<usize> = trained.iter().map(|answer| answer.label).collect();
        let pictures: Vec<Statistics> = unchanged(trained).map(|answer| answer.statistics).collect();
        let distance = Distance::fit(&features, &labels, trained[0].raw.len())?;
        let own: Vec<&Answered> = unchanged(trained).collect();
        let spreads = [
            spread(&own.iter().map(|answer| distance.of(&answer.features).nearest).collect::<Vec<_>>()),
            spread(&own.iter().map(|answer| entropy(&answer.raw)).collect::<Vec<_>>()),
        ];
        let mut measures = Self {
            usual: Usual::of(&pictures),
            distance,
            spreads,
            temperature: Temperature::even(MARKS.len()),
        };
        measures.temperature = Temperature::fit(&measures.examples(fitting));
        Ok(measures)
    }

    pub(super) fn look(&self, statistics: &Statistics, features: &[f32]) -> Look {
        Look { distances: self.distance.of(features), poor: self.usual.distance(statistics) }
    }

    pub(super) fn temperature(&self, look: &Look) -> f32 {
        self.temperature.of(&marks(look.distances)) as f32
    }

    /// How unlike training's cells an image is, and how poor a picture, before they are scaled. The distance
    /// of features and the generalised entropy of the answer (Liu et al., 2023) count alike: the one knows
    /// what is no cell at all, the other cells between the classes.
    pub(super) fn unlike_and_poor(&self, look: &Look, raw: &[f32]) -> [f32; 2] {
        let [of_distance, of_entropy] = self.spreads;
        [look.distances.nearest / of_distance + entropy(raw) / of_entropy, look.poor]
    }

    /// Doubts about an answer, before they are scaled, and its temperature.
    pub(super) fn doubts(&self, answer: &Answered) -> (Doubts, f32) {
        let look = self.look(&answer.statistics, &answer.features);
        let temperature = self.temperature(&look);
        let probabilities = softmax(&answer.raw, temperature);
        let confidence = doubts::of_probability(probabilities[argmax(&probabilities)]);
        let [unlike, poor] = self.unlike_and_poor(&look, &answer.raw);
        ([confidence, unlike, poor], temperature)
    }

    /// What each mark adds to the logarithm of the temperature, by its name.
    pub(super) fn weights(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        MARKS.into_iter().zip(self.temperature.weights().iter().copied())
    }

    /// # Errors
    /// Numbers that do not fit together.
    pub(super) fn check(&self) -> Result<()> {
        self.usual.check()?;
        self.distance.check()?;
        self.temperature.check(MARKS.len())?;
        match self.spreads.iter().find(|spread| !(spread.is_finite() && **spread > 0.0)) {
            None => Ok(()),
            Some(spread) => Err(Error::new(format!("a spread of {spread} (expected a number above 0)"))),
        }
    }

    fn examples(&self, answers: &[Answered]) -> Vec<Example> {
        // unchanged images and damaged ones count alike in all, however many there are
        let clean = unchanged(answers).count() as f64;
        let damaged = (answers.len() as f64 - clean).max(1.0);
        let example = |answer: &Answered| Example {
            raw: answer.raw.clone(),
            label: answer.label,
            marks: marks(self.distance.of(&answer.features)).to_vec(),
            weight: 1.0 / if answer.severity == 0 { clean } else { damaged },
        };
        answers.iter().map(example).collect()
    }
}

/// What the temperature depends on.
const MARKS: [&str; 2] = ["distance of features", "features outside of training's directions"];

/// The marks of an image's features, each at least 0: of training's own in the middle they are 1.
fn marks(Distances { nearest, outside }: Distances) -> [f32; MARKS.len()] {
    [nearest, outside].map(|distance| (1.0 + distance).clamp(0.0, FURTHEST))
}

/// Exponent of the generalised entropy: how much classes of little probability count.
pub const POWER: f32 = 0.1;

/// The logarithm of the generalised entropy of an answer at the base temperature: the closer its
/// probabilities are to neither 0 nor 1, the larger.
fn entropy(raw: &[f32]) -> f32 {
    let sum: f32 = softmax(raw, 1.0).iter().map(|p| p.powf(POWER) * (1.0 - p).max(0.0).powf(POWER)).sum();
    sum.max(f32::MIN_POSITIVE).ln()
}

/// Standard deviation, above 0.
fn spread(numbers: &[f32]) -> f32 {
    let count = numbers.len().max(1) as f64;
    let mean = numbers.iter().map(|n| f64::from(*n)).sum::<f64>() / count;
    let variance = numbers.iter().map(|n| (f64::from(*n) - mean).powi(2)).sum::<f64>() / count;
    (variance.sqrt() as f32).max(1e-3)
}
