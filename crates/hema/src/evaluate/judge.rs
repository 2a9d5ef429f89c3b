//! The scores of a model on labelled images, unchanged and under every condition of the suites asked for.

use std::collections::BTreeMap;
use std::time::Instant;

use hema_core::Image;
use hema_core::data::{Dataset, Notice, Skipped};
use hema_core::error::{Error, Result};
use hema_core::metrics::{self, Outcomes, Predictions, Selective, argmax};
use hema_core::provenance::Provenance;
use hema_core::record::{
    ConditionScores, DataSummary, EVALUATION_FORMAT, Evaluation, Mistake, ModelSummary, Speed, SuiteScores,
};
use hema_core::report;
use hema_core::seen::Known;
use hema_core::suite::{self, Suite};
use hema_core::trust::{Conformal, Covered, Marks, Outcome, SETS_BY, USUAL_SHARE, undivided};

use super::assumed::{Assumed, assume};
use super::journal::{Journal, Judged};
use super::suites::{self, SEED};
use crate::predict::{Answers, Edit, Images, Predictor};

/// Most mistakes kept with their picture.
const MISTAKES: usize = 24;

/// Level of the sets of classes that are judged.
const SETS_LEVEL: f64 = 0.99;

/// The subject of an evaluation, as the record states it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// The model.
    pub(super) model: ModelSummary,
    /// Path of the data, as given.
    pub(super) data: String,
    /// Part judged.
    pub(super) part: String,
    /// Hash of the images, see [`Dataset::hash`].
    pub(super) hash: String,
    /// The cells are drawn.
    pub(super) synthetic: bool,
    /// How many of the images the model is known to have seen.
    pub(super) known: Option<Known>,
    /// What of the data was not used, and what was assumed of it.
    pub(super) notices: Vec<Notice>,
    /// Images beside those judged that could not be read, as of training.
    pub(super) unreadable: Vec<Skipped>,
    /// Who evaluates.
    pub(super) provenance: Provenance,
}

/// A suite, and the images that it damages: loaded at its own size where it has one.
pub(super) struct Trial<'a> {
    /// The conditions.
    pub(super) suite: &'a Suite,
    /// The images.
    pub(super) images: &'a Images,
    /// Hash of the images, see [`Images::hash`].
    pub(super) hash: String,
}

/// Judges a model on labelled images. The unchanged images always come first, whatever the trials. Conditions
/// that the journal knows are not judged again; `progress` hears a condition's name and how many images of it
/// are done.
///
/// # Errors
/// Images without labels, or whatever prediction or the journal returns.
pub(super) fn judge(
    predictor: &Predictor,
    images: &Images,
    trials: &[Trial],
    subject: Subject,
    journal: Option<&mut Journal>,
    progress: &mut dyn FnMut(&str, usize),
) -> Result<Evaluation> {
    let data = images.first();
    let labels = labels(data)?;
    check_possible(predictor, data, &labels)?;
    let started = Instant::now();
    let Answers { rows: own, marks, .. } =
        predictor.answers(images, None, &mut |done| progress("unchanged images", done))?;
    let speed = Speed {
        images: data.len() as u64,
        seconds: started.elapsed().as_secs_f64(),
        precision: predictor.precision().name().to_owned(),
    };
    let Assumed { probabilities: clean, excluded, adaptation } = assume(predictor, &labels, own)?;
    let referred = referred(predictor, &labels, &clean, &marks);
    let mistakes = mistakes(data, &labels, &clean)?;
    let training = &subject.model.augmentations;
    let predictions =
        Predictions { classes: predictor.classes().to_vec(), labels: labels.clone(), probabilities: clean };
    let sets = sets(predictor)?;
    let of_clean = sets.as_ref().map(|sets| covered(sets, &labels, &predictions.probabilities, &marks));
    let mut judge = Judge { predictor, sets, labels, training, journal, progress };
    let clean = ConditionScores {
        suite: "clean".into(),
        corruption: None,
        severity: 0,
        operators: 0,
        trained_on: Vec::new(),
        is_drawn: false,
        thumbnail: String::new(),
        scores: metrics::with_intervals(metrics::score(&predictions)?, &predictions),
        if_calibrated: metrics::ranges_if_calibrated(&predictions),
        referred,
        right: Outcomes::new(&predictions.labels, &predictions.predicted()),
        kept: Vec::new(),
        selective: Some(Selective::new(&predictions)),
        sets: of_clean,
    };
    let mut suites = Vec::new();
    let mut conditions = Vec::new();
    for trial in trials {
        let judged = judge.trial(trial)?;
        let size = trial.images.first().image(0)?.width();
        suites.extend::<Option<SuiteScores>>(suites::sum_up(trial.suite, size, &clean, &judged));
        conditions.extend(judged.into_iter().map(|judged| judged.condition));
    }
    conditions.insert(0, clean);
    Ok(Evaluation {
        format: EVALUATION_FORMAT,
        provenance: subject.provenance,
        model: subject.model,
        data: DataSummary {
            path: subject.data,
            part: subject.part,
            hash: subject.hash,
            listing: data.listing_hash(),
            classes: predictor.classes().to_vec(),
            counts: data.counts(),
            skipped: data.skipped().len() as u64,
            synthetic: subject.synthetic,
            known: subject.known,
        },
        conditions,
        suites,
        mistakes,
        notices: subject.notices,
        kept: metrics::kept_by_threshold(&predictions),
        excluded,
        adaptation,
        unreadable: [subject.unreadable, data.skipped().to_vec()].concat(),
        speed: Some(speed),
    })
}

/// Judges one condition after the other.
struct Judge<'a> {
    predictor: &'a Predictor,
    /// Sets of classes, where the model certifies them.
    sets: Option<Conformal>,
    labels: Vec<usize>,
    /// Operators of the training recipe.
    training: &'a [String],
    journal: Option<&'a mut Journal>,
    progress: &'a mut dyn FnMut(&str, usize),
}

impl Judge<'_> {
    /// Every condition of a suite.
    fn trial(&mut self, trial: &Trial) -> Result<Vec<Judged>> {
        trial.suite.conditions.iter().map(|condition| self.condition(trial, condition)).collect()
    }

    fn condition(&mut self, trial: &Trial, condition: &suite::Condition) -> Result<Judged> {
        let suite = trial.suite;
        let identity = format!("{} {:?} {} {condition:?}", suite.name, suite.size, trial.hash);
        let name = match condition.severity() {
            Some(severity) => format!("{} {severity}", condition.name()),
            None => condition.name().to_owned(),
        };
        let known = self.journal.as_ref().and_then(|journal| journal.find(&identity));
        if let Some(known) = known.filter(|known| known.condition.right.of(self.labels.len()).is_some()) {
            (self.progress)(&name, self.labels.len());
            return Ok(known.clone());
        }
        let edit: Edit = &|index, image: &mut Image| condition.apply(image, SEED, index as u64);
        let Answers { rows: mut probabilities, marks, .. } =
            self.predictor.answers(trial.images, Some(edit), &mut |done| (self.progress)(&name, done))?;
        self.predictor.restrict(&mut probabilities);
        self.predictor.weigh(&mut probabilities);
        let sets = self.sets.as_ref().map(|sets| covered(sets, &self.labels, &probabilities, &marks));
        let referred = referred(self.predictor, &self.labels, &probabilities, &marks);
        let classes = self.predictor.classes().to_vec();
        let predictions = Predictions { classes, labels: self.labels.clone(), probabilities };
        let mut example = trial.images.first().image(0)?;
        condition.apply(&mut example, SEED, 0);
        let operators = condition.operators();
        let condition = ConditionScores {
            suite: suite.name.clone(),
            corruption: Some(condition.name().into()),
            severity: condition.severity().unwrap_or(0),
            operators: operators.len(),
            trained_on: operators.into_iter().filter(|op| suite::trained_on(op, self.training)).collect(),
            is_drawn: condition.is_drawn(),
            thumbnail: report::thumbnail_png_base64(&example)?,
            scores: metrics::score(&predictions)?,
            if_calibrated: BTreeMap::new(),
            referred,
            right: Outcomes::new(&predictions.labels, &predictions.predicted()),
            kept: metrics::kept_by_threshold(&predictions),
            selective: Some(Selective::new(&predictions)),
            sets,
        };
        let judged = Judged { identity, condition };
        if let Some(journal) = &mut self.journal {
            journal.add(&judged)?;
        }
        Ok(judged)
    }
}

/// Sets of classes at the level that is judged, the usual way; nothing of a model that certifies none, or
/// too few cells to leave any class out.
fn sets(predictor: &Predictor) -> Result<Option<Conformal>> {
    let Ok(trust) = predictor.trust() else { return Ok(None) };
    let sets = Conformal::fit(&trust.certifying, &SETS_BY[0], SETS_LEVEL)?;
    Ok((!sets.is_void()).then_some(sets))
}

/// How often the sets of answers hold the right class.
fn covered(sets: &Conformal, labels: &[usize], probabilities: &[f32], marks: &[Marks]) -> Covered {
    let classes = probabilities.len() / labels.len();
    let images = labels.iter().zip(probabilities.chunks_exact(classes)).zip(marks);
    Covered::count(
        sets,
        classes,
        images.map(|((label, row), marks)| (*label, undivided(row, marks.temperature), marks.poor)),
    )
}

/// What the model's own thresholds refer by default; `None` where it carries none for how it is asked.
fn referred(
    predictor: &Predictor,
    labels: &[usize],
    probabilities: &[f32],
    marks: &[Marks],
) -> Option<Outcome> {
    let trust = predictor.trust().ok()?;
    let thresholds = trust.thresholds(USUAL_SHARE);
    let rows = probabilities.chunks_exact(predictor.classes().len());
    let mut outcome = Outcome::default();
    for ((row, label), marks) in rows.zip(labels).zip(marks) {
        let named = argmax(row);
        outcome.add(thresholds.question(&trust.doubts(row[named], marks)), named == *label);
    }
    Some(outcome)
}

/// The label of every image.
///
/// # Errors
/// The first image without one.
pub fn labels(data: &Dataset) -> Result<Vec<usize>> {
    (0..data.len())
        .map(|i| {
            data.label(i).ok_or_else(|| {
                Error::new("has no label, expected every image to have one")
                    .at(data.entry(i).path)
                    .hint("put images into one folder a class, or give labels in a manifest; `hema predict` needs none")
            })
        })
        .collect()
}

/// # Errors
/// The first image of a class that the predictor takes for impossible.
fn check_possible(predictor: &Predictor, data: &Dataset, labels: &[usize]) -> Result<()> {
    let possible = predictor.possible();
    let classes = predictor.classes();
    match labels.iter().position(|label| !possible.contains(&classes[*label])) {
        None => Ok(()),
        Some(image) => Err(Error::new(format!(
            "is of the class `{}`, expected only {}",
            classes[labels[image]],
            possible.join(", ")
        ))
        .at(data.entry(image).path)),
    }
}

/// The most confident mistakes, most confident first.
fn mistakes(data: &Dataset, labels: &[usize], probabilities: &[f32]) -> Result<Vec<Mistake>> {
    let k = probabilities.len() / labels.len();
    let mut wrong: Vec<(usize, usize, f32)> = probabilities
        .chunks_exact(k)
        .enumerate()
        .map(|(i, row)| (i, argmax(row), row[argmax(row)]))
        .filter(|&(i, predicted, _)| predicted != labels[i])
        .collect();
    wrong.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
    wrong.truncate(MISTAKES);
    wrong
        .into_iter()
        .map(|(i, predicted, probability)| {
            Ok(Mistake {
                path: data.entry(i).path.to_owned(),
                truth: labels[i],
                predicted,
                probability: f64::from(probability),
                thumbnail: report::thumbnail_png_base64(&data.image(i)?)?,
            })
        })
        .collect()
}
