//! Labels that a model which did not see the image contradicts with confidence.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::finding::{Finding, worst_first};
use crate::audit::statistics::confident::{Suspicion, judge};
use crate::error::Result;
use crate::metrics::probability_in_percent;

pub(crate) const CHECK: Check = Check {
    name: "label_error",
    about: "labels that a classifier which was fitted to other images contradicts with confidence",
    advice: "Look at them: correct the label, or leave images out that cannot be told.",
    needs: Need::Model,
    // the model must find another class at least as probable
    threshold: 0.5,
    run,
};

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let Some(model) = evidence.model else { return Ok(Vec::new()) };
    let classes = evidence.source.classes();
    let mut images = Vec::new();
    let mut labels = Vec::new();
    let mut rows: Vec<&[f32]> = Vec::new();
    for (image, (entry, row)) in evidence.source.entries().iter().zip(&model.probabilities).enumerate() {
        if let (Some(label), Some(row)) = (entry.label, row)
            && row.len() == classes.len()
        {
            images.push(image);
            labels.push(label);
            rows.push(row);
        }
    }
    let suspicions = judge(&labels, &rows);
    let finding = |i: usize| {
        let (label, row) = (labels[i], rows[i]);
        let predicted =
            (0..row.len()).filter(|class| *class != label).max_by(|a, b| row[*a].total_cmp(&row[*b]))?;
        // the label's share of what the two have together: ranks better than their difference, which is near
        // -1 for all that the model is sure of
        let (own, other) = (f64::from(row[label]), f64::from(row[predicted]));
        let score = own / (own + other).max(f64::MIN_POSITIVE);
        let seen = match (model.out_of_fold, model.trained_on) {
            (false, _) => ", though it may have been trained on it",
            (true, 1..) => ", though its features were learnt from such labels",
            (true, 0) => "",
        };
        let percent = |p| probability_in_percent(p).unwrap_or_default();
        let detail = format!(
            "labelled `{}` ({} %), but the model sees `{}` ({} %){seen}",
            classes[label],
            percent(own),
            classes[predicted],
            percent(other),
        );
        (suspicions[i] == Suspicion::ByBoth && score < threshold)
            .then(|| check.image(images[i], score, detail))
    };
    Ok(worst_first((0..images.len()).filter_map(finding).collect()))
}
