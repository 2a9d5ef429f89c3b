//! The page of predictions for people who look at them.

use std::path::Path;

use hema::data::{Skipped, Source};
use hema::provenance::Provenance;
use hema::report::{Answer, Gallery, render_gallery};
use hema::run_folder::title;
use hema::{Classifier, Prediction, Result, command_line, device, file};

use super::rows::{Doubt, Row};

/// Subject of the page, beside its rows.
pub(super) struct Subject<'a> {
    pub(super) model: &'a Classifier,
    pub(super) source: &'a Source,
    pub(super) skipped: &'a [Skipped],
    /// Lowest probability that is believed.
    pub(super) sure: Option<f64>,
    /// The table with all predictions.
    pub(super) table: Option<&'a Path>,
}

/// Writes the page.
pub(super) fn write(path: &Path, subject: &Subject, rows: &[Row]) -> Result<()> {
    let model = subject.model;
    let answers: Vec<Answer> =
        rows.iter().filter_map(|row| Some(answer(row, row.answer.as_ref()?))).collect();
    let gallery = Gallery {
        title: format!("Predictions for {}", title(subject.source.path())),
        source: subject.source,
        model: model.summary().path,
        classes: model.classes(),
        answers: &answers,
        unreadable: subject.skipped,
        sure: subject.sure,
        table: subject.table.map(|table| table.display().to_string()),
        provenance: Provenance::now(command_line(), device::name(model.predictor().device())),
    };
    let page = render_gallery(&gallery)?;
    file::write_atomic(path, |w| w.write_all(page.as_bytes()))
}

fn answer(row: &Row, prediction: &Prediction) -> Answer {
    let others = prediction.probabilities().iter().enumerate().filter(|(i, _)| *i != prediction.class());
    let second = others.max_by(|a, b| a.1.total_cmp(b.1)).map(|(class, p)| (class, f64::from(*p)));
    Answer {
        image: row.image,
        class: prediction.class(),
        probability: prediction.probability().into(),
        second: second.unwrap_or_default(),
        excluded: prediction.excluded().into(),
        doubt: row.doubt.as_ref().map(Doubt::words),
    }
}
