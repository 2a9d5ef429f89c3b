//! What an evaluation found, as far as a card shows it.

use std::path::Path;

use hema_core::data::Notice;
use hema_core::error::counted;
use hema_core::metrics::{ECE, METRICS, calibration_error_by_chance, mean};
use hema_core::provenance::Provenance;
use hema_core::record::{ConditionScores, Evaluation, Speed, SuiteScores};
use hema_core::seen::Known;
use hema_core::trust::Outcome;
use serde::{Deserialize, Serialize};

use super::made::Made;
use crate::evaluate::accuracy_interval;

/// What an evaluation found. Shares run from 0 to 1, intervals are 95 % and run `[low, high]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Judged {
    /// Path of the model, as it was given to the evaluation.
    pub model: String,
    /// Path of the data.
    pub data: String,
    /// Part judged: `train`, `val`, `test` or `all`.
    pub part: String,
    /// SHA-256 of the images as the model sees them, and their labels.
    pub hash: String,
    /// Images judged.
    pub images: u64,
    /// How these images are related to those of training.
    pub of_training: OfTraining,
    /// How many of them the model is known to have seen; `None` where it does not know.
    pub known: Option<Known>,
    /// Sentences to read before any number is believed.
    pub cautions: Vec<String>,
    /// Views of each image that were averaged over.
    pub views: String,
    /// Classes that the model was told to choose among; empty for all.
    pub among: Vec<String>,
    /// Whether the classes were weighed by the images themselves.
    pub adapted: bool,
    /// Factor that the field of view of the images was rescaled by, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescale: Option<f64>,
    /// Every metric on the unchanged images.
    pub scores: Vec<Score>,
    /// The calibration error that a model with true probabilities stays below in 95 of 100 samples of as many
    /// images.
    pub ece_by_chance: Option<f64>,
    /// What the model's own thresholds refer to a person of the unchanged images; `None` where it carries
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referred: Option<Outcome>,
    /// Every class that has images.
    pub classes: Vec<JudgedClass>,
    /// Scores under degradation.
    pub suites: Vec<JudgedSuite>,
    /// How fast the unchanged images were predicted.
    pub speed: Option<Speed>,
    /// Who judged it, when, on what device.
    pub provenance: Provenance,
}

/// How the images of an evaluation are related to those that the model was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfTraining {
    /// Some of them are the very images that it was trained on.
    Trained,
    /// Some of them are images that it, or something of it, was chosen or fitted by.
    Chosen,
    /// Others of the same data set.
    SameData,
    /// Of a data set of another name, and none of them was seen.
    OtherData,
    /// No file tells.
    Unknown,
}

/// A metric on unchanged images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The metric, a name of [`METRICS`].
    pub metric: String,
    /// Its value; `None` where it is not defined.
    pub value: Option<f64>,
    /// Its interval, where it has one.
    pub interval: Option<[f64; 2]>,
}

/// How often a class is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgedClass {
    /// Its name.
    pub name: String,
    /// Its images.
    pub images: u64,
    /// Share of them that is found.
    pub recall: f64,
    /// Interval of that.
    pub recall_interval: [f64; 2],
    /// Share of the predictions of this class that is right; `None` where it is never predicted.
    pub precision: Option<f64>,
    /// Interval of that.
    pub precision_interval: Option<[f64; 2]>,
}

/// Means over the conditions of a suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgedSuite {
    /// Its name.
    pub name: String,
    /// Its conditions.
    pub conditions: usize,
    /// Mean accuracy.
    pub accuracy: f64,
    /// Interval of that, over the images.
    pub interval: [f64; 2],
    /// Mean accuracy less that on unchanged images.
    pub change: Option<f64>,
    /// Interval of that.
    pub change_interval: Option<[f64; 2]>,
    /// Mean expected calibration error.
    pub ece: f64,
    /// What the model's own thresholds refer to a person; `None` where it carries none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referred: Option<Outcome>,
    /// Mean accuracy under conditions with an operator that training did not use; `None` without any.
    pub unseen_accuracy: Option<f64>,
    /// Its corruptions, in the suite's order.
    pub corruptions: Vec<JudgedCorruption>,
}

/// A corruption at all its severities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgedCorruption {
    /// Its name.
    pub name: String,
    /// Severity and accuracy, by rising severity; severity 0 where there is no such scale.
    pub accuracies: Vec<(u8, f64)>,
    /// Mean accuracy over the severities.
    pub accuracy: f64,
    /// Interval of that, over the images; `None` in older records.
    pub interval: Option<[f64; 2]>,
    /// Mean expected calibration error over the severities.
    pub ece: f64,
    /// Whether training used all of its operators: it then says little of trouble nobody thought of.
    pub trained_on: bool,
}

impl Judged {
    /// What a record holds of a model whose networks were made so.
    pub(super) fn of(evaluation: &Evaluation, members: &[Made]) -> Self {
        let Evaluation { model, data, conditions, .. } = evaluation;
        let unchanged = conditions.iter().find(|condition| condition.corruption.is_none());
        let scores = unchanged.map(|condition| &condition.scores);
        let of_metric = |scores: &hema_core::record::Scores| {
            METRICS
                .iter()
                .map(|metric| Score {
                    metric: metric.name.to_owned(),
                    value: scores.value(metric),
                    interval: scores.metrics.interval(metric),
                })
                .collect()
        };
        Self {
            model: model.path.clone(),
            data: data.path.clone(),
            part: data.part.clone(),
            hash: data.hash.clone(),
            images: data.counts.iter().sum(),
            of_training: of_training(evaluation, members),
            known: data.known,
            cautions: cautions(evaluation),
            views: model.tta.clone(),
            among: model.among.clone(),
            adapted: model.adapted,
            rescale: model.rescale.as_ref().map(|rescaling| rescaling.factor),
            scores: scores.map(of_metric).unwrap_or_default(),
            ece_by_chance: scores
                .map(|scores| calibration_error_by_chance(&scores.reliability))
                .filter(|chance| chance.is_finite()),
            referred: unchanged.and_then(|condition| condition.referred),
            classes: scores.map(classes).unwrap_or_default(),
            suites: evaluation.suites.iter().map(|suite| judged_suite(suite, conditions)).collect(),
            speed: evaluation.speed.clone(),
            provenance: evaluation.provenance.clone(),
        }
    }

    /// Whether it says everything that another one does: the same scores on the same images, under its suites
    /// too.
    pub(super) fn says_all_of(&self, other: &Self) -> bool {
        let asked =
            |judged: &Self| (judged.hash.clone(), judged.views.clone(), judged.among.clone(), judged.adapted);
        asked(self) == asked(other)
            && self.scores == other.scores
            && other.suites.iter().all(|suite| self.suites.contains(suite))
    }

    /// The value of a metric on the unchanged images.
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.scores.iter().find(|score| score.metric == metric)?.value
    }
}

/// How the images of an evaluation are related to those of training.
fn of_training(evaluation: &Evaluation, members: &[Made]) -> OfTraining {
    let data = &evaluation.data;
    let known = data.known.unwrap_or_default();
    let was_fitted_here = evaluation.model.fitted_here.as_ref().is_some_and(|fitted| !fitted.is_empty());
    let trained_on = || members.iter().map(|member| member.trained.as_ref().map(|trained| &trained.data));
    // a name is taken for the same data set wherever it lies: to claim another one takes another name
    let name = |path: &str| Path::new(path).file_name().map(std::ffi::OsStr::to_owned);
    if known.trained > 0 {
        OfTraining::Trained
    } else if known.chosen > 0 || was_fitted_here {
        OfTraining::Chosen
    } else if trained_on().flatten().any(|path| name(path) == name(&data.path)) {
        OfTraining::SameData
    } else if data.known.is_some() && trained_on().all(|path| path.is_some()) {
        OfTraining::OtherData
    } else {
        OfTraining::Unknown
    }
}

/// Sentences to read before any number is believed.
fn cautions(evaluation: &Evaluation) -> Vec<String> {
    let data = &evaluation.data;
    let synthetic = data.synthetic.then(|| {
        "The cells are drawn by a program, or the model was trained on such: the scores say nothing about real blood."
            .to_owned()
    });
    let skipped = (data.skipped > 0)
        .then(|| format!("{} could not be read and were not scored.", counted(data.skipped, "image")));
    let sentences = [
        synthetic,
        evaluation.flattered(),
        evaluation.perhaps_trained_on(),
        evaluation.unfinished(),
        skipped,
    ];
    let notices = evaluation.notices.iter().map(|notice: &Notice| format!("{notice}."));
    sentences.into_iter().flatten().chain(notices).collect()
}

fn classes(scores: &hema_core::record::Scores) -> Vec<JudgedClass> {
    let judged = scores.per_class.iter().enumerate().filter(|(_, class)| class.has_images());
    judged
        .map(|(label, class)| {
            let is_named = scores.named(label) > 0;
            JudgedClass {
                name: class.name.clone(),
                images: class.support,
                recall: class.recall,
                recall_interval: class.recall_interval,
                precision: is_named.then_some(class.precision),
                precision_interval: is_named.then_some(class.precision_interval),
            }
        })
        .collect()
}

fn judged_suite(suite: &SuiteScores, conditions: &[ConditionScores]) -> JudgedSuite {
    let of_suite: Vec<&ConditionScores> = conditions
        .iter()
        .filter(|condition| condition.corruption.is_some() && condition.suite == suite.name)
        .collect();
    let corruptions = of_suite.chunk_by(|a, b| a.corruption == b.corruption);
    JudgedSuite {
        name: suite.name.clone(),
        conditions: suite.conditions,
        accuracy: suite.accuracy,
        interval: suite.accuracy_interval,
        change: suite.change,
        change_interval: suite.change_interval,
        ece: suite.ece,
        referred: Outcome::together(of_suite.iter().map(|condition| condition.referred)),
        unseen_accuracy: suite.unseen_accuracy,
        corruptions: corruptions.filter_map(judged_corruption).collect(),
    }
}

fn judged_corruption(conditions: &[&ConditionScores]) -> Option<JudgedCorruption> {
    let first = conditions.first()?;
    let mut accuracies: Vec<(u8, f64)> =
        conditions.iter().map(|condition| (condition.severity, condition.scores.accuracy())).collect();
    accuracies.sort_by_key(|(severity, _)| *severity);
    let keep_outcomes =
        conditions.len() == 1 || conditions.iter().all(|condition| !condition.right.is_empty());
    Some(JudgedCorruption {
        name: first.corruption.clone()?,
        accuracy: mean(accuracies.iter().map(|(_, accuracy)| *accuracy))?,
        interval: keep_outcomes.then(|| accuracy_interval(conditions)),
        ece: mean(conditions.iter().map(|condition| condition.scores.number(&ECE)))?,
        trained_on: first.is_trained_on(),
        accuracies,
    })
}
