//! The table of how many images can be left to the model, by the lowest probability that is believed.

use hema::metrics::Kept;
use hema::record::Evaluation;

use crate::output::percent;

/// The thresholds that the terminal shows; the record and the page have more.
const SHOWN: [f64; 5] = [0.0, 0.8, 0.9, 0.95, 0.99];

/// Rows of the table, its head first: the unchanged images, then those of each suite.
pub(super) fn rows(evaluation: &Evaluation) -> Vec<Vec<String>> {
    let header = ["images", "probability at least", "kept", "right of these", "95 % interval", "errors left"];
    let mut rows = vec![header.map(String::from).to_vec()];
    rows.extend(of("unchanged", &evaluation.kept));
    for suite in &evaluation.suites {
        rows.extend(of(&format!("suite {}", suite.name), &evaluation.kept_under(&suite.name)));
    }
    rows
}

/// The rows of some images, under their name.
fn of(images: &str, kept: &[Kept]) -> Vec<Vec<String>> {
    let row = |kept: &Kept| {
        let [low, high] = kept.accuracy_interval;
        let threshold =
            if kept.threshold > 0.0 { format!("{:.0} %", kept.threshold * 100.0) } else { "any".into() };
        vec![
            images.to_owned(),
            threshold,
            format!("{} ({})", percent(kept.share), kept.images),
            kept.accuracy.map_or("-".into(), percent),
            kept.accuracy.map_or("-".into(), |_| format!("{} to {}", percent(low), percent(high))),
            kept.errors.to_string(),
        ]
    };
    kept.iter().filter(|kept| SHOWN.contains(&kept.threshold)).map(row).collect()
}
