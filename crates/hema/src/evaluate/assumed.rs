//! What a model was told of the clean images: which classes can occur, and that it may weigh them by the
//! images. Keeps what each of the two changes, for the record.

use hema_core::error::Result;
use hema_core::metrics::{self, Excluded, Predictions};
use hema_core::record::Adaptation;

use crate::predict::Predictor;

/// Probabilities of the clean images, and what became of them by what the model was told.
pub(super) struct Assumed {
    /// Final probabilities, row after row.
    pub(super) probabilities: Vec<f32>,
    /// Images that look most like a class that cannot occur; `None` where all can.
    pub(super) excluded: Option<Excluded>,
    /// Weights of the classes, and the scores without them; `None` where none were estimated.
    pub(super) adaptation: Option<Adaptation>,
}

/// Takes the model's own probabilities of labelled images to the final ones.
///
/// # Errors
/// Probabilities that cannot be scored.
pub(super) fn assume(predictor: &Predictor, labels: &[usize], own: Vec<f32>) -> Result<Assumed> {
    let names = predictor.classes();
    let limited = predictor.possible().len() < names.len();
    let excluded = limited.then(|| {
        let found = own.chunks_exact(names.len()).map(|row| predictor.excluded(row));
        Excluded::count(found.map(|(probability, class)| (probability, class.map(|i| names[i].as_str()))))
    });
    let mut before = own;
    predictor.restrict(&mut before);
    let mut probabilities = before.clone();
    let Some(weights) = predictor.weigh(&mut probabilities) else {
        return Ok(Assumed { probabilities, excluded, adaptation: None });
    };
    let classes = predictor.class_weights(&before, &weights);
    let before = Predictions { classes: names.to_vec(), labels: labels.to_vec(), probabilities: before };
    let scores = metrics::with_intervals(metrics::score(&before)?, &before);
    let adaptation = Some(Adaptation { classes, before: scores });
    Ok(Assumed { probabilities, excluded, adaptation })
}
