//! The page of predictions for people who look at them.

use std::path::Path;

use hema::provenance::Provenance;
use hema::referral::Doubt;
use hema::report::{Answer, Gallery, render_gallery};
use hema::run_folder::title;
use hema::{Classifier, Prediction, Referral, Result, command_line, device, file};

use super::rows::{Classified, Row};

/// Subject of the page, beside the answers.
pub(super) struct Subject<'a> {
    pub(super) model: &'a Classifier,
    /// What the console warns of.
    pub(super) warnings: Vec<String>,
    /// By what answers are referred.
    pub(super) referral: &'a Referral<'a>,
    /// The table with all predictions.
    pub(super) table: Option<&'a Path>,
}

/// Writes the page.
pub(super) fn write(path: &Path, subject: Subject, classified: &Classified) -> Result<()> {
    let model = subject.model;
    let answers: Vec<Answer> =
        classified.rows.iter().filter_map(|row| Some(answer(row, row.answer.as_ref()?))).collect();
    let gallery = Gallery {
        title: format!("Predictions for {}", title(classified.source.path())),
        source: &classified.source,
        model: model.summary().called(),
        classes: model.classes(),
        answers: &answers,
        unreadable: &classified.skipped,
        sure: subject.referral.criterion(),
        warnings: subject.warnings,
        weights: classified.weights.clone(),
        rescaling: classified.rescaling.as_ref(),
        table: subject.table.map(|table| table.display().to_string()),
        provenance: Provenance::now(command_line(), device::name(model.predictor().device())),
    };
    let page = render_gallery(&gallery)?;
    file::write_atomic(path, |w| w.write_all(page.as_bytes()))
}

fn answer(row: &Row, prediction: &Prediction) -> Answer {
    let second = prediction.runner_up();
    Answer {
        image: row.image,
        class: prediction.class(),
        probability: prediction.probability().into(),
        second: (second, prediction.probabilities()[second].into()),
        excluded: prediction.excluded().into(),
        looks_like: prediction.excluded_label().map(str::to_owned),
        doubt: row.doubt.as_ref().map(Doubt::words),
    }
}
