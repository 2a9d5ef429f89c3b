//! The record of an evaluation, which `evaluate` writes, `report` draws and people compare.
//!
//! Everything here is plain data that serialises to JSON. How the numbers are computed is in
//! [`crate::metrics`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::{Notice, Skipped};
use crate::metrics::{Selective, kept_under_all, mean};
use crate::prevalence::ClassWeight;
use crate::provenance::Provenance;
use crate::rescale::Rescaling;
use crate::seen::Known;
use crate::suite::RelativeErrors;
use crate::trust::{Covered, Outcome};
use crate::tta;

pub use crate::metrics::{ClassScores, Excluded, Kept, Outcomes, ReliabilityBin, Scores};

/// Format number of [`Evaluation`]; raised when a field changes its meaning. Up to format 1, macro F1 counted
/// a class without images as 0 where something was predicted to be of it; up to format 2, a condition of many
/// operators was taken for trained on where training had used one of them.
pub const EVALUATION_FORMAT: u32 = 3;

/// One model judged on one part of one data set, clean and under every degradation asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evaluation {
    /// Format number, see [`EVALUATION_FORMAT`].
    pub format: u32,
    /// Version, command line, device and time that made this record.
    pub provenance: Provenance,
    /// The model that was judged.
    pub model: ModelSummary,
    /// The images it was judged on.
    pub data: DataSummary,
    /// Scores, the unchanged images first, then one row per corruption and severity.
    pub conditions: Vec<ConditionScores>,
    /// Means over the conditions of each suite.
    #[serde(default)]
    pub suites: Vec<SuiteScores>,
    /// The most confident mistakes on the unchanged images, most confident first.
    pub mistakes: Vec<Mistake>,
    /// What of the data was not used, and what was assumed of it.
    #[serde(default)]
    pub notices: Vec<Notice>,
    /// The clean images of at least some probability, and how often they are named rightly, by rising
    /// thresholds.
    #[serde(default)]
    pub kept: Vec<Kept>,
    /// Clean images that look most like a class that the model was told not to choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<Excluded>,
    /// What weighing the classes changed on the clean images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptation: Option<Adaptation>,
    /// Images that could not be read and were left out, with the reason; for a run those of training too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Skipped>,
    /// How fast the unchanged images were predicted; `None` in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<Speed>,
}

/// How fast decoded images were predicted, on the device that the record's provenance names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Images predicted, each over all views.
    pub images: u64,
    /// Seconds that they took, one batch after the other, reading and decoding left out.
    pub seconds: f64,
    /// What feature maps were stored in: `fp32` or `bf16`.
    pub precision: String,
}

impl Speed {
    /// Images a second.
    pub fn rate(&self) -> f64 {
        self.images as f64 / self.seconds
    }
}

/// The weights of classes that a model estimated from the images (see [`crate::prevalence`]), and its scores
/// without them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adaptation {
    /// Weight of every class, in class order.
    pub classes: Vec<ClassWeight>,
    /// Scores on the clean images without the weights.
    pub before: Scores,
}

impl Evaluation {
    /// A record of any older format as one of this.
    pub fn upgraded(mut self) -> Self {
        if self.format < 2 {
            self.conditions.iter_mut().for_each(|condition| condition.scores.average_f1_anew());
        }
        if self.format < EVALUATION_FORMAT {
            let conditions = &self.conditions;
            let of =
                |suite: &SuiteScores| unseen_accuracy(conditions.iter().filter(|c| c.is_of(&suite.name)));
            self.suites.iter_mut().for_each(|suite| suite.unseen_accuracy = of(suite));
            // the one suite of such records whose conditions were drawn
            let drawn = self.conditions.iter_mut().filter(|condition| condition.is_of("challenge"));
            drawn.for_each(|condition| condition.is_drawn = true);
        }
        Self { format: EVALUATION_FORMAT, ..self }
    }

    /// The images that are left to the model by each threshold under all conditions of a suite together;
    /// empty where the record does not say.
    pub fn kept_under(&self, suite: &str) -> Vec<Kept> {
        let of_suite = self.conditions.iter().filter(|condition| condition.is_of(suite));
        let mut kept =
            kept_under_all(&of_suite.map(|condition| condition.kept.as_slice()).collect::<Vec<_>>());
        // of all images it is the accuracy, which has its interval
        let all = kept.iter_mut().filter(|kept| kept.threshold <= 0.0);
        for (kept, suite) in all.zip(self.suites.iter().find(|scores| scores.name == suite)) {
            kept.accuracy_interval = suite.accuracy_interval;
        }
        kept
    }

    /// How well probabilities tell right answers from wrong ones: on the unchanged images, and under each
    /// suite in the mean over its conditions, each with the name of the images. Empty where the record does
    /// not say.
    pub fn selective(&self) -> Vec<(&str, Selective)> {
        let unchanged = self.conditions.iter().filter(|condition| condition.corruption.is_none());
        let unchanged = unchanged.filter_map(|condition| condition.selective).map(|own| ("unchanged", own));
        let of_suite = |suite: &'_ SuiteScores| {
            let of_suite = self.conditions.iter().filter(|condition| condition.is_of(&suite.name));
            Selective::mean(&of_suite.filter_map(|condition| condition.selective).collect::<Vec<_>>())
        };
        let suites = self.suites.iter().filter_map(|suite| Some((&*suite.name, of_suite(suite)?)));
        unchanged.chain(suites).collect()
    }

    /// How often sets of classes hold the right one: of the unchanged images, and of the conditions of each
    /// suite together, each with the name of the images.
    pub fn sets(&self) -> Vec<(&str, Covered)> {
        let unchanged = self.conditions.iter().filter(|condition| condition.corruption.is_none());
        let unchanged = unchanged.filter_map(|condition| Some(("unchanged", condition.sets.clone()?)));
        let of_suite = |suite: &'_ SuiteScores| {
            let of_suite = self.conditions.iter().filter(|condition| condition.is_of(&suite.name));
            Covered::together(&of_suite.filter_map(|condition| condition.sets.as_ref()).collect::<Vec<_>>())
        };
        let suites = self.suites.iter().filter_map(|suite| Some((&*suite.name, of_suite(suite)?)));
        unchanged.chain(suites).collect()
    }

    /// How many operators training shares with a condition of a suite, and how many that condition has, where
    /// it shares some and not all of them; of several such conditions the one that shares most.
    pub fn shared_operators(&self, suite: &str) -> Option<[usize; 2]> {
        let of_suite = self.conditions.iter().filter(|condition| condition.is_of(suite));
        let shared =
            of_suite.map(|c| [c.trained_on.len(), c.operators]).filter(|[some, all]| 0 < *some && some < all);
        shared.max()
    }

    /// Sentences that say that the scores flatter the model, where it was trained on some of the very images
    /// that it is judged on, or something of it was, or may have been, chosen or fitted on them.
    pub fn flattered(&self) -> Option<String> {
        let sentences: Vec<String> = self.trained_here().into_iter().chain(self.chosen_here()).collect();
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }

    fn trained_here(&self) -> Option<String> {
        let Known { images, trained, .. } = self.data.known.filter(|known| known.trained > 0)?;
        let which = if trained == images { "these very images" } else { "some of these images" };
        Some(format!(
            "The model was trained on {which}, {trained} of {images} by their prints: this is no test of it."
        ))
    }

    fn chosen_here(&self) -> Option<String> {
        match (self.model.fitted_here.as_deref(), self.data.known) {
            (Some([only]), _) => Some(format!(
                "The {only} of this model was chosen on these very images: the scores flatter it."
            )),
            (Some([first @ .., last]), _) => Some(format!(
                "The {} and {last} of this model were chosen on these very images: the scores flatter it.",
                first.join(", ")
            )),
            (_, Some(Known { images, chosen, .. })) if chosen > 0 => Some(format!(
                "{chosen} of these {images} images are among those that the model was chosen or calibrated by: the scores \
                 flatter it."
            )),
            (None, None) if self.data.part == "val" => Some(
                "If these are the images that the model was chosen or calibrated by, the scores flatter it."
                    .into(),
            ),
            _ => None,
        }
    }

    /// A sentence that says that the images may be those of training, where neither the model nor their part
    /// tells.
    pub fn perhaps_trained_on(&self) -> Option<String> {
        match self.data.part.as_str() {
            _ if self.data.known.is_some() => None,
            "train" => Some(
                "Scored on the part train: if the model was trained on these images, the scores flatter it."
                    .into(),
            ),
            "all" => Some(
                "Scored on all images: if the model was trained on some of them, the scores flatter it."
                    .into(),
            ),
            _ => None,
        }
    }

    /// A sentence that says that the model is that of a run which is not finished, where it is.
    pub fn unfinished(&self) -> Option<String> {
        let [epochs, planned] = self.model.unfinished?;
        Some(format!("The run of this model is not finished: {epochs} of {planned} epochs are done."))
    }
}

/// Mean accuracy over the conditions that have an operator which training did not use; `None` without any.
pub fn unseen_accuracy<'a>(conditions: impl IntoIterator<Item = &'a ConditionScores>) -> Option<f64> {
    let unseen = conditions.into_iter().filter(|condition| !condition.is_trained_on());
    mean(unseen.map(|condition| condition.scores.accuracy()))
}

/// Model that was judged, as a report describes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelSummary {
    /// Path or paths of the model, as given; the name and version of the model in the box.
    pub path: String,
    /// CRC-32C of the contents of each member's file, by which a model is known again wherever it lies; empty
    /// in older records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<u32>,
    /// Architecture name, for example `tf_efficientnetv2_b0`.
    pub architecture: String,
    /// Trainable parameters.
    pub parameters: u64,
    /// Side of the images in pixels.
    pub size: usize,
    /// Side in pixels that they were enlarged to for the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enlarged: Option<usize>,
    /// Operators that the training recipe's augmentation used.
    pub augmentations: Vec<String>,
    /// Views of each image that were averaged over, see [`crate::tta`].
    #[serde(default = "no_tta")]
    pub tta: String,
    /// Whether the model weighed its classes by the images themselves, see [`crate::prevalence`].
    #[serde(default)]
    pub adapted: bool,
    /// The classes that the model was told to choose among; empty where these are all it knows.
    #[serde(default)]
    pub among: Vec<String>,
    /// How far the field of view of the images was changed for the model; `None` where nobody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescale: Option<Rescaling>,
    /// What of the model was chosen or fitted on the very images that it is judged on: `epoch`,
    /// `temperature`, `weights`, `members`. The scores flatter it then. `None` in a record that does not
    /// know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted_here: Option<Vec<String>>,
    /// Epochs that were done of those planned, where the model is that of a run which is not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<[u64; 2]>,
}

impl ModelSummary {
    /// Path and checksums together, see [`called`].
    pub fn called(&self) -> String {
        called(&self.path, &self.checksums)
    }
}

/// What results say of the model that made them: its path, or the name of the model in the box, and the
/// checksums of its members, as `builtin@1 (crc32c:1c2d3e4f)`.
pub fn called(path: &str, checksums: &[u32]) -> String {
    let checksums: Vec<String> = checksums.iter().map(|sum| format!("crc32c:{sum:08x}")).collect();
    if checksums.is_empty() { path.to_owned() } else { format!("{path} ({})", checksums.join(", ")) }
}

/// The views of records from before there were any.
fn no_tta() -> String {
    tta::NONE.name.to_owned()
}

/// Images that a model was judged on, as a report describes them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataSummary {
    /// Path of the data set, as given.
    pub path: String,
    /// Part judged: `train`, `val`, `test` or `all`.
    pub part: String,
    /// SHA-256 over the decoded, resized pixels and labels, in order; hexadecimal.
    pub hash: String,
    /// SHA-256 over the paths and labels of the images, in order; hexadecimal. It tells that two models were
    /// judged on the same images where they see them at different sizes; empty in older records.
    #[serde(default)]
    pub listing: String,
    /// Class names in label order.
    pub classes: Vec<String>,
    /// Images per class.
    pub counts: Vec<u64>,
    /// Images that could not be read and were skipped.
    pub skipped: u64,
    /// Whether the cells are drawn by a program, not photographed.
    pub synthetic: bool,
    /// How many of the images the model is known to have seen; `None` where it does not know which it saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
}

/// Scores under one condition of the images.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConditionScores {
    /// Suite the condition belongs to, for example `clean` or `degraded`.
    pub suite: String,
    /// Corruption applied, or the condition's own name; `None` for clean images.
    pub corruption: Option<String>,
    /// Severity 1 to 5; 0 for clean images and for conditions without such a scale.
    pub severity: u8,
    /// Number of operators that the condition is made of.
    #[serde(default)]
    pub operators: usize,
    /// Operators of the condition that the training recipe also used.
    #[serde(default)]
    pub trained_on: Vec<String>,
    /// Whether it draws its operators anew for every image, so that no kind of damage is known by its name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_drawn: bool,
    /// One of the images under this condition: a PNG, base64; empty for clean images.
    #[serde(default)]
    pub thumbnail: String,
    /// The scores.
    pub scores: Scores,
    /// The range in which 95 of 100 perfectly calibrated models would score on as many images, of the metrics
    /// of calibration by their names; none under corruptions and in older records.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub if_calibrated: BTreeMap<String, [f64; 2]>,
    /// What the model's own thresholds refer to a person by default; `None` of a model that carries none for
    /// how it was asked, and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referred: Option<Outcome>,
    /// Which images are named rightly; none in older records.
    #[serde(default, skip_serializing_if = "Outcomes::is_empty")]
    pub right: Outcomes,
    /// The images of at least some probability, and how often they are named rightly, by rising thresholds;
    /// empty for clean images, whose rows stand in the record itself, and in older records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Kept>,
    /// How well the probabilities tell right answers from wrong ones; `None` in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selective: Option<Selective>,
    /// How often the model's sets of classes hold the right one; `None` of a model that certifies nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sets: Option<Covered>,
}

impl ConditionScores {
    /// Whether training used every operator of the condition: it says little of trouble nobody thought of.
    pub fn is_trained_on(&self) -> bool {
        !self.trained_on.is_empty() && self.trained_on.len() >= self.operators
    }

    /// Whether it is a condition of a suite of this name; clean images are of none.
    fn is_of(&self, suite: &str) -> bool {
        self.corruption.is_some() && self.suite == suite
    }
}

/// Means over the conditions of one suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuiteScores {
    /// The suite's name.
    pub name: String,
    /// Side in pixels at which the images were damaged.
    pub size: usize,
    /// Number of conditions.
    pub conditions: usize,
    /// Mean accuracy over the conditions.
    pub accuracy: f64,
    /// 95 % interval of the mean accuracy over the images, each with all its conditions (Agresti and Coull,
    /// 1998).
    pub accuracy_interval: [f64; 2],
    /// Mean accuracy less that on the clean images, 0 to 1 below or above 0; `None` in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    /// 95 % interval of the change over the images, each compared with itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_interval: Option<[f64; 2]>,
    /// Mean balanced accuracy over the conditions.
    pub balanced_accuracy: f64,
    /// Mean expected calibration error over the conditions.
    pub ece: f64,
    /// The corruption with the lowest mean accuracy over its severities.
    pub worst: String,
    /// Mean accuracy under the worst corruption.
    pub worst_accuracy: f64,
    /// 95 % interval of that, over the images; `None` in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_interval: Option<[f64; 2]>,
    /// Mean accuracy over the conditions that have an operator which the training recipe does not use; `None`
    /// when there is no such condition.
    pub unseen_accuracy: Option<f64>,
    /// Errors relative to a published baseline, for a suite that has one.
    pub relative: Option<RelativeErrors>,
}

/// One image the model got wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mistake {
    /// Path of the image under the data set.
    pub path: String,
    /// True class.
    pub truth: usize,
    /// Predicted class.
    pub predicted: usize,
    /// Probability given to the predicted class.
    pub probability: f64,
    /// The image as the model saw it before normalisation: a PNG, base64.
    pub thumbnail: String,
}
