//! How good a model is: clean, and under every degradation of the suites asked for.

use hema_core::corrupt::{self, Suite};
use hema_core::data::Dataset;
use hema_core::error::{Error, Result};
use hema_core::metrics::{self, Predictions, argmax};
use hema_core::provenance::Provenance;
use hema_core::record::{Condition, DataSummary, EVALUATION_FORMAT, Evaluation, Mistake, ModelSummary};
use hema_core::report;

use crate::predict::{Predictor, Views};

/// Seed of every corruption and bootstrap: an evaluation of the same model and images always gives the same numbers.
const SEED: u64 = 0;

/// Most mistakes kept with their picture.
const MISTAKES: usize = 24;

/// What an evaluation is about, as the record states it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The model.
    pub model: ModelSummary,
    /// Path of the data, as given.
    pub data: String,
    /// Part judged.
    pub part: String,
    /// The cells are drawn.
    pub synthetic: bool,
    /// Who evaluates.
    pub provenance: Provenance,
}

/// Judges a model on labelled images. The clean images always come first, whatever the suites; `progress` hears the
/// condition's name and how many images of it are done.
///
/// # Errors
/// Images without labels, or whatever prediction returns.
pub fn evaluate(
    predictor: &Predictor,
    views: &Views,
    suites: &[&Suite],
    subject: Subject,
    progress: &mut dyn FnMut(&str, usize),
) -> Result<Evaluation> {
    let data = views.first();
    let labels = labels(data)?;
    let score = |probabilities: Vec<f32>| {
        let classes = predictor.classes().to_vec();
        metrics::score(&Predictions { classes, labels: labels.clone(), probabilities }, SEED)
    };

    let clean = predictor.predict(views, None, &mut |done| progress("clean", done))?;
    let mistakes = mistakes(data, &labels, &clean)?;
    let mut conditions =
        vec![Condition { suite: "clean".into(), corruption: None, severity: 0, scores: score(clean)? }];
    for suite in suites {
        for condition in suite.conditions() {
            let (corruption, severity) = (condition.corruption, condition.severity);
            let name = format!("{} {severity}", corruption.name());
            let edit = |index: usize, image: &mut hema_core::Image| {
                corrupt::corrupt(image, corruption, severity, SEED, index as u64);
            };
            let probabilities = predictor.predict(views, Some(&edit), &mut |done| progress(&name, done))?;
            conditions.push(Condition {
                suite: suite.name.into(),
                corruption: Some(corruption.name().into()),
                severity,
                scores: score(probabilities)?,
            });
        }
    }
    Ok(Evaluation {
        format: EVALUATION_FORMAT,
        provenance: subject.provenance,
        model: subject.model,
        data: DataSummary {
            path: subject.data,
            part: subject.part,
            hash: data.hash()?,
            classes: predictor.classes().to_vec(),
            counts: data.counts(),
            skipped: data.skipped().len() as u64,
            synthetic: subject.synthetic,
        },
        conditions,
        mistakes,
    })
}

/// The label of every image.
fn labels(data: &Dataset) -> Result<Vec<usize>> {
    (0..data.len())
        .map(|i| {
            data.label(i).ok_or_else(|| {
                Error::new("has no label, expected every image to have one")
                    .at(&data.entry(i).path)
                    .hint("put images into one folder a class, or give labels in a manifest; `hema predict` needs none")
            })
        })
        .collect()
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
                path: data.entry(i).path.clone(),
                truth: labels[i],
                predicted,
                probability: f64::from(probability),
                thumbnail: report::thumbnail_png_base64(&data.image(i)?)?,
            })
        })
        .collect()
}
