//! Several models that predict together, over one or several views of each image, as one file.
//!
//! The file is a bundle of format 4 (older ones of format 2): the members' tensors stand under `members.0.`,
//! `members.1.`, ...; the `hema` document holds every member's own manifest, its weights (one a view) and the
//! temperature of the mixture. A single model is an ensemble of one.
//!
//! Left out on purpose: ensembles within ensembles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hema_core::calibrate;
use hema_core::data::are_same_classes;
use hema_core::error::{Error, Result};
use hema_core::metrics::{self, Predictions};
use hema_core::provenance::Provenance;
use hema_core::record::Scores;
use hema_core::tta::{self, ViewSet};
use serde::{Deserialize, Serialize};

use super::bundle::{self, Bundle, ENSEMBLE_FORMAT, FittedOn, Manifest};
use crate::weights::{Shapes, StateDict, TensorFile};

/// How far from 1 the weights may sum.
const SUM_TOLERANCE: f64 = 1e-4;

/// Models for the same classes, how much each view of each counts, and a temperature.
#[derive(Clone, Debug)]
pub struct Ensemble {
    /// The members, at least one.
    pub members: Vec<Member>,
    /// The views of an image that are averaged over.
    pub tta: &'static ViewSet,
    /// The logits behind the averaged probabilities are divided by this.
    pub temperature: f64,
    /// What of the mixture was fitted on labelled images; `None` where nothing was, or it is not known.
    pub fitted_on: Option<FittedOn>,
}

/// One model of an ensemble.
#[derive(Clone, Debug)]
pub struct Member {
    /// The file it was read from, for messages.
    pub path: PathBuf,
    /// One a view, none negative; those of all members sum to 1.
    pub weights: Vec<f64>,
    /// The model.
    pub model: Bundle,
    /// Checksum of the file's contents, to tell models apart; nothing for a model that was not read.
    pub checksum: Option<u32>,
}

/// How members and views are weighted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighting {
    /// All alike.
    Equal,
    /// By the likelihood of the validation labels, see [`calibrate::mixture_weights`].
    Fit,
}

/// Scores of a fitted ensemble on the validation images.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fitted {
    /// Scores of each member alone, over its views.
    pub members: Vec<Scores>,
    /// Scores of all together, before the temperature.
    pub ensemble: Scores,
}

/// The `hema` document in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    tta: String,
    temperature: f64,
    members: Vec<MemberDocument>,
    /// Validation metrics of the mixture, before the temperature.
    metrics: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fitted_on: Option<FittedOn>,
    provenance: Provenance,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberDocument {
    weights: Vec<f64>,
    /// The manifest of the model's own bundle.
    model: serde_json::Value,
}

impl Ensemble {
    /// A model alone, with its own views.
    ///
    /// # Errors
    /// Views that there are none of.
    pub fn of_one(path: &Path, model: Bundle) -> Result<Self> {
        let tta = tta::find(&model.manifest.tta).map_err(|e| e.at(path))?;
        let weights = vec![1.0 / tta.len() as f64; tta.len()];
        let member = Member { path: path.to_owned(), weights, model, checksum: None };
        Ok(Self { members: vec![member], tta, temperature: 1.0, fitted_on: None })
    }

    /// Class names in label order.
    pub fn classes(&self) -> &[String] {
        &self.members[0].model.manifest.classes
    }

    /// What was chosen or fitted on labelled images, of the mixture and of its members.
    pub(crate) fn fitted_on(&self) -> Vec<FittedOn> {
        let of_member = |member: &Member| {
            let Manifest { fitted_on, trust, .. } = &member.model.manifest;
            let thresholds = trust.as_ref().map(|trust| FittedOn::new(trust.images(), &["thresholds"]));
            fitted_on.clone().into_iter().chain(thresholds)
        };
        self.fitted_on.clone().into_iter().chain(self.members.iter().flat_map(of_member)).collect()
    }

    /// Weighs members and views, and fits the temperature, by the probabilities that
    /// [`Predictor::components`] gives for labelled images, whose [hash](hema_core::data::Dataset::hash) is
    /// `images`.
    ///
    /// [`Predictor::components`]: crate::predict::Predictor::components
    ///
    /// # Errors
    /// Probabilities that are none.
    pub fn fit(
        &mut self,
        tta: &'static ViewSet,
        weighting: Weighting,
        images: &str,
        labels: &[usize],
        components: &[Vec<f32>],
    ) -> Result<Fitted> {
        let classes = self.classes().to_vec();
        let weights = match weighting {
            Weighting::Equal => vec![1.0 / components.len() as f64; components.len()],
            Weighting::Fit => {
                let of_truth = |rows: &Vec<f32>| -> Vec<f32> {
                    let rows = rows.chunks_exact(classes.len());
                    rows.zip(labels).map(|(row, label)| row[*label]).collect()
                };
                calibrate::mixture_weights(&components.iter().map(of_truth).collect::<Vec<_>>())
            }
        };
        let mixed = |components: &[Vec<f32>], weights: &[f64]| {
            let probabilities = mixture(components, weights);
            Predictions { classes: classes.clone(), labels: labels.to_vec(), probabilities }
        };
        let even = vec![1.0 / tta.len() as f64; tta.len()];
        let members = components
            .chunks(tta.len())
            .map(|views| metrics::score(&mixed(views, &even)))
            .collect::<Result<_>>()?;
        let together = mixed(components, &weights);
        let ensemble = metrics::score(&together)?;
        for (member, weights) in self.members.iter_mut().zip(weights.chunks(tta.len())) {
            member.weights = weights.to_vec();
        }
        self.tta = tta;
        self.temperature = calibrate::temperature(&together);
        self.fitted_on = Some(match weighting {
            Weighting::Equal => FittedOn::new(images, &["temperature"]),
            Weighting::Fit => FittedOn::new(images, &["weights", "temperature"]),
        });
        Ok(Fitted { members, ensemble })
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// The path and the system's reason.
    pub fn write(&self, path: &Path, scores: &Scores, provenance: Provenance) -> Result<()> {
        let unwritable = |e: serde_json::Error| Error::new(format!("cannot be described: {e}")).at(path);
        let member = |member: &Member| {
            let model = serde_json::to_value(&member.model.manifest)?;
            Ok(MemberDocument { weights: member.weights.clone(), model })
        };
        let document = Document {
            format: ENSEMBLE_FORMAT,
            tta: self.tta.name.to_owned(),
            temperature: self.temperature,
            members: self
                .members
                .iter()
                .map(member)
                .collect::<std::result::Result<_, _>>()
                .map_err(unwritable)?,
            metrics: metrics::by_name(scores, ""),
            fitted_on: self.fitted_on.clone(),
            provenance,
        };
        let mut tensors = StateDict::new();
        for (number, member) in self.members.iter().enumerate() {
            let of_member = member.model.tensors.iter();
            tensors
                .extend(of_member.map(|(name, array)| (format!("{}{name}", prefix(number)), array.clone())));
        }
        bundle::write(path, &serde_json::to_string(&document).map_err(unwritable)?, &tensors)
    }
}

/// The beginning of the names of a member's tensors.
fn prefix(number: usize) -> String {
    format!("members.{number}.")
}

/// The weighted mean of rows.
fn mixture(components: &[Vec<f32>], weights: &[f64]) -> Vec<f32> {
    let mut mean = vec![0.0; components.first().map_or(0, Vec::len)];
    for (rows, weight) in components.iter().zip(weights) {
        mean.iter_mut().zip(rows).for_each(|(sum, p)| *sum += *weight as f32 * p);
    }
    mean
}

/// Reads the document of an ensemble, whose members have no tensors yet.
pub(super) fn parse(document: &str, path: &Path) -> Result<Ensemble> {
    let document: Document = serde_json::from_str(document)
        .map_err(|e| Error::new(format!("its description of an ensemble cannot be read: {e}")))?;
    let tta = tta::find(&document.tta)?;
    bundle::check_temperature(document.temperature)?;
    check_weights(&document.members, tta)?;
    let mut members = Vec::new();
    for (number, member) in document.members.into_iter().enumerate() {
        let manifest = bundle::parse(member.model).map_err(|e| of_member(number, &e))?;
        members.push(Member {
            path: path.to_owned(),
            weights: member.weights,
            model: Bundle { manifest, tensors: StateDict::new() },
            checksum: None,
        });
    }
    check_classes(&members)?;
    Ok(Ensemble { members, tta, temperature: document.temperature, fitted_on: document.fitted_on })
}

impl Ensemble {
    /// Checks that tensors of these shapes are those of the members' networks.
    pub(super) fn check_shapes(&self, mut shapes: Shapes) -> Result<()> {
        for (number, member) in self.members.iter().enumerate() {
            let own = take(&mut shapes, number);
            bundle::check_shapes(&member.model.manifest, &own).map_err(|e| of_member(number, &e))?;
        }
        match shapes.keys().next() {
            None => Ok(()),
            Some(name) => {
                let members = self.members.len();
                Err(Error::new(format!("its tensor `{name}` belongs to none of its {members} members")))
            }
        }
    }

    /// Gives each member its own of a file's tensors.
    pub(super) fn fill(&mut self, mut file: TensorFile) {
        for (number, member) in self.members.iter_mut().enumerate() {
            member.model.tensors = take(&mut file.tensors, number);
            member.checksum = Some(file.checksum);
        }
    }
}

/// Takes a member's own out of what is named by tensors; its names lose their prefix.
fn take<T>(all: &mut BTreeMap<String, T>, number: usize) -> BTreeMap<String, T> {
    let prefix = prefix(number);
    let own = all.extract_if(.., |name, _| name.starts_with(&prefix));
    own.map(|(name, thing)| (name[prefix.len()..].to_owned(), thing)).collect()
}

fn of_member(number: usize, error: &Error) -> Error {
    Error::new(format!("member {number}: {}", error.message())).with_kind(error.kind())
}

fn check_weights(members: &[MemberDocument], tta: &ViewSet) -> Result<()> {
    if members.is_empty() {
        return Err(Error::new("an ensemble without members"));
    }
    for (number, member) in members.iter().enumerate() {
        let count = member.weights.len();
        if count != tta.len() {
            let expected = format!("one for each of the {} views `{}`", tta.len(), tta.name);
            return Err(Error::new(format!("member {number} has {count} weights, expected {expected}")));
        }
        if let Some(bad) = member.weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
            return Err(Error::new(format!("member {number} has the weight {bad}, expected 0 to 1")));
        }
    }
    let sum: f64 = members.iter().flat_map(|member| &member.weights).sum();
    if (sum - 1.0).abs() > SUM_TOLERANCE {
        return Err(Error::new(format!("the weights of its members sum to {sum}, expected 1")));
    }
    Ok(())
}

pub(super) fn check_classes(members: &[Member]) -> Result<()> {
    let Some((first, others)) = members.split_first() else {
        return Err(Error::new("no model was given"));
    };
    let expected = &first.model.manifest.classes;
    for member in others {
        let found = &member.model.manifest.classes;
        if !are_same_classes(found, expected) {
            let (found, expected) = (found.join(", "), expected.join(", "));
            return Err(Error::new(format!(
                "a model for the classes {found}; the first one knows {expected}"
            ))
            .at(&member.path)
            .hint("the members of an ensemble must agree on the classes and their order"));
        }
    }
    Ok(())
}
