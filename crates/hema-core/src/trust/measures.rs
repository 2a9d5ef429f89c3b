//! What is measured of every image: its temperature, how far its features are from training's, how poor the
//! picture is.

use serde::{Deserialize, Serialize};

use super::answered::{Answered, unchanged};
use super::certifying::softmax;
use super::distance::Distance;
use super::doubts::{self, Doubts};
use super::quality::{DEPARTURES, STATISTICS, Statistics, Usual};
use super::temperature::{Example, Temperature};
use crate::error::Result;
use crate::metrics::argmax;

/// What is usual of pictures and features, and the temperature that depends on both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measures {
    usual: Usual,
    pub(super) distance: Distance,
    temperature: Temperature,
}

/// What was measured of an image, before it is scaled.
#[derive(Clone, Copy)]
pub(super) struct Measured {
    pub(super) temperature: f32,
    pub(super) distance: f32,
    /// How far the picture is from what is usual.
    pub(super) poor: f32,
}

impl Measures {
    /// What is usual by images that the model was trained on, and the temperature by others.
    pub(super) fn fit(trained: &[Answered], fitting: &[Answered]) -> Result<Self> {
        let features: Vec<&[f32]> = trained.iter().map(|answer| &*answer.features).collect();
        let labels: Vec<usize> = trained.iter().map(|answer| answer.label).collect();
        let pictures: Vec<Statistics> = unchanged(trained).map(|answer| answer.statistics).collect();
        let mut measures = Self {
            usual: Usual::of(&pictures),
            distance: Distance::fit(&features, &labels, trained[0].raw.len())?,
            temperature: Temperature::even(DEPARTURES + 1),
        };
        measures.temperature = Temperature::fit(&measures.examples(fitting));
        Ok(measures)
    }

    pub(super) fn of(&self, statistics: &Statistics, features: &[f32]) -> Measured {
        let distance = self.distance.of(features);
        let marks = self.marks(statistics, distance);
        Measured {
            temperature: self.temperature.of(&marks) as f32,
            distance,
            poor: self.usual.distance(statistics),
        }
    }

    /// Doubts about an answer, before they are scaled, and its temperature.
    pub(super) fn doubts(&self, answer: &Answered) -> (Doubts, f32) {
        let Measured { temperature, distance, poor } = self.of(&answer.statistics, &answer.features);
        let probabilities = softmax(&answer.raw, temperature);
        let confidence = doubts::of_probability(probabilities[argmax(&probabilities)]);
        ([confidence, distance, poor], temperature)
    }

    /// What each mark adds to the logarithm of the temperature, by its name: statistics beyond what is usual,
    /// for each standard deviation, and the distance of the features.
    pub(super) fn weights(&self) -> impl Iterator<Item = (String, f64)> + '_ {
        let sides = STATISTICS.iter().flat_map(|name| [format!("more {name}"), format!("less {name}")]);
        let names = sides.chain(std::iter::once("distance of features".to_owned()));
        names.zip(self.temperature.weights().iter().copied())
    }

    /// # Errors
    /// Numbers that do not fit together.
    pub(super) fn check(&self) -> Result<()> {
        self.usual.check()?;
        self.distance.check()?;
        self.temperature.check(DEPARTURES + 1)
    }

    fn examples(&self, answers: &[Answered]) -> Vec<Example> {
        // unchanged images and damaged ones count alike in all, however many there are
        let clean = unchanged(answers).count() as f64;
        let damaged = (answers.len() as f64 - clean).max(1.0);
        let example = |answer: &Answered| Example {
            raw: answer.raw.clone(),
            label: answer.label,
            marks: self.marks(&answer.statistics, self.distance.of(&answer.features)),
            weight: 1.0 / if answer.severity == 0 { clean } else { damaged },
        };
        answers.iter().map(example).collect()
    }

    /// What the temperature depends on, each at least 0.
    fn marks(&self, statistics: &Statistics, distance: f32) -> Vec<f32> {
        self.usual.departures(statistics).into_iter().chain([distance.max(0.0)]).collect()
    }
}
