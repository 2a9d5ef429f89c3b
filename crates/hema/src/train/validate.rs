//! Scores of a network on the validation images after an epoch, as they are and corrupted.

use std::collections::BTreeMap;

use burn::tensor::Device;
use hema_core::Image;
use hema_core::augment::Augment;
use hema_core::calibrate;
use hema_core::data::Dataset;
use hema_core::error::Result;
use hema_core::metrics::{self, Metric, NLL, Predictions};
use hema_core::preprocess::Preprocess;
use hema_core::record::Scores;
use hema_core::rng::{Purpose, stream};
use hema_core::trust::Halves;

use crate::model::Network;
use crate::model_file::FittedOn;
use crate::predict::{Edit, Predictor};
use crate::recipe::{On, Recipe};

/// Judges networks, always on the same images.
pub(super) struct Judge {
    /// The fitting half of the validation images, or all where they are few.
    data: Dataset,
    /// Hash of all validation images.
    hash: String,
    seed: u64,
    metric: &'static Metric,
    on: On,
    corruption: Option<Augment>,
}

/// Scores of a network on the validation images.
pub(super) struct Validated {
    /// Scores of the probabilities as the network gives them.
    pub(super) clean: Scores,
    /// Scores on the corrupted images.
    pub(super) corrupted: Option<Scores>,
    /// The temperature that calibrates the probabilities of the clean images.
    pub(super) temperature: f64,
}

impl Judge {
    /// The judge that a recipe asks for. Where there are validation images enough, it sees one half of them:
    /// the other half, by which nothing is chosen, certifies the model.
    ///
    /// # Errors
    /// An unknown metric or operator, or a temporary file that cannot be read.
    pub(super) fn new(recipe: &Recipe, val: &Dataset) -> Result<Self> {
        let halves = Halves::of(val)?;
        Ok(Self {
            data: if halves.suffice() { val.subset(&halves.fitting) } else { val.clone() },
            hash: val.hash()?,
            seed: recipe.seed,
            metric: recipe.select.metric.row(),
            on: recipe.select.on,
            corruption: recipe.select.corruption()?,
        })
    }

    /// What is chosen and fitted on the validation images.
    pub(super) fn fitted_on(&self) -> FittedOn {
        FittedOn::new(&self.hash, &["epoch", "temperature"])
    }

    /// Judges a network.
    pub(super) fn judge(
        &self,
        network: &Network,
        preprocess: &Preprocess,
        device: &Device,
    ) -> Result<Validated> {
        let classes = self.data.classes();
        let predictor = Predictor::of_network(network, preprocess, classes, device);
        let images = predictor.view_cropped(&self.data);
        let labels: Vec<usize> = (0..self.data.len()).filter_map(|i| self.data.label(i)).collect();
        let predict = |edit: Option<Edit>| {
            let probabilities = predictor.predict(&images, edit, &mut |_| {})?;
            Ok(Predictions { classes: classes.to_vec(), labels: labels.clone(), probabilities })
        };
        let clean = predict(None)?;
        let corrupted = self.corruption.as_ref().map(|corruption| {
            // the same damage every epoch: what moves the metric is the network
            let edit = |index: usize, image: &mut Image| {
                corruption.apply(image, &mut stream(self.seed, Purpose::Judge, 0, index as u64));
            };
            metrics::score(&predict(Some(&edit))?)
        });
        Ok(Validated {
            clean: metrics::score(&clean)?,
            corrupted: corrupted.transpose()?,
            temperature: calibrate::temperature(&clean),
        })
    }

    /// The number that decides which epoch is kept; NaN where the metric has no value.
    pub(super) fn value(&self, validated: &Validated) -> f64 {
        self.number(validated, self.metric)
    }

    /// The loss, which decides between epochs whose numbers are equal.
    pub(super) fn loss(&self, validated: &Validated) -> f64 {
        self.number(validated, &NLL)
    }

    /// A metric on the images that decide.
    fn number(&self, validated: &Validated, metric: &Metric) -> f64 {
        let of = |scores: Option<&Scores>| scores.map_or(f64::NAN, |scores| scores.number(metric));
        let (clean, corrupted) = (of(Some(&validated.clean)), of(validated.corrupted.as_ref()));
        match self.on {
            On::Clean => clean,
            On::Corrupted => corrupted,
            On::Both => f64::midpoint(clean, corrupted),
        }
    }

    /// Whether the first of two values is the better one.
    pub(super) fn improves(&self, value: f64, best: f64) -> bool {
        best.is_nan() || self.metric.improves(value, best)
    }
}

impl Validated {
    /// Every metric by name, those of corrupted images with `corrupted_` before it.
    pub(super) fn metrics(&self) -> BTreeMap<String, f64> {
        let mut all = metrics::by_name(&self.clean, "");
        all.extend(self.corrupted.iter().flat_map(|scores| metrics::by_name(scores, "corrupted_")));
        all
    }
}
