//! A row of the table of predictions for every image of the inputs: an answer, or why there is none; and
//! which of them a person should look at.

use std::collections::HashMap;

use hema::data::{Notice, Skipped, Source};
use hema::likeness::Unlike;
use hema::metrics::Excluded;
use hema::prevalence::ClassWeight;
use hema::referral::{Doubt, REASONS};
use hema::rescale::Rescaling;
use hema::{Prediction, Referral, Result};

/// The answers for the inputs, and what of them is not used.
pub(super) struct Classified {
    pub(super) source: Source,
    pub(super) rows: Vec<Row>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) notices: Vec<Notice>,
    /// Weights of the classes, where they were adapted.
    pub(super) weights: Vec<ClassWeight>,
    /// How far the field of view was changed, where that was asked for.
    pub(super) rescaling: Option<Rescaling>,
}

/// One image of the inputs.
pub(super) struct Row {
    /// Position of the image in the inputs.
    pub(super) image: usize,
    /// Its path.
    pub(super) path: String,
    /// The model's answer; `None` for an image that could not be read.
    pub(super) answer: Option<Prediction>,
    /// Why a person should look at it.
    pub(super) doubt: Option<Doubt>,
}

/// The rows of all images, in the order of the inputs: `predictions` of those that could be read, in that
/// order, and `skipped` ones. Those are doubted that are plainly `unlike` what the model was trained on, a
/// list for each prediction, and those that the referral asks a person about.
///
/// # Errors
/// The first prediction that failed.
pub(super) fn rows(
    source: &Source,
    skipped: &[Skipped],
    referral: &Referral,
    unlike: Vec<Vec<Unlike>>,
    mut predictions: impl Iterator<Item = Result<Prediction>>,
) -> Result<Vec<Row>> {
    let reasons: HashMap<usize, &str> = skipped.iter().map(|image| (image.index, &*image.reason)).collect();
    let mut unlike = unlike.into_iter();
    let mut rows = Vec::with_capacity(source.len());
    for (image, entry) in source.entries().iter().enumerate() {
        let (answer, doubt) = if let Some(reason) = reasons.get(&image) {
            (None, Some(Doubt::Unreadable((*reason).to_owned())))
        } else {
            let Some(prediction) = predictions.next().transpose()? else { break };
            let doubt = referral.doubt(&prediction, unlike.next().unwrap_or_default());
            (Some(prediction), doubt)
        };
        rows.push(Row { image, path: entry.path.to_owned(), answer, doubt });
    }
    Ok(rows)
}

/// How many images look most like a class that the model was told not to choose.
pub(super) fn excluded(rows: &[Row]) -> Excluded {
    let answers = rows.iter().filter_map(|row| row.answer.as_ref());
    Excluded::count(answers.map(|answer| (answer.excluded(), answer.excluded_label())))
}

/// How many images the model is sure of by a criterion, and how many a person should look at, by reason, in
/// words.
pub(super) fn split_in_words(rows: &[Row], criterion: &str) -> String {
    let doubtful: Vec<&Doubt> = rows.iter().filter_map(|row| row.doubt.as_ref()).collect();
    let of = |words: &str| doubtful.iter().filter(|doubt| doubt.words() == words).count();
    let reasons: Vec<String> = REASONS
        .into_iter()
        .filter(|words| of(words) > 0)
        .map(|words| format!("{words} {}", of(words)))
        .collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    format!(
        "sure, {criterion}: {} of {} images; to look at: {}{reasons} (how often a sure one is right, `hema evaluate` has measured on \
         images like the model's own alone)",
        rows.len() - doubtful.len(),
        rows.len(),
        doubtful.len()
    )
}
