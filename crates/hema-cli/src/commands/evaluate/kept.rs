//! The table of how many images can be left to the model, by the lowest probability that is believed.

use hema::metrics::Kept;

use crate::output::percent;

/// The thresholds that the terminal shows; the record and the page have more.
const SHOWN: [f64; 5] = [0.0, 0.8, 0.9, 0.95, 0.99];

/// Rows of the table, its head first.
pub(super) fn rows(kept: &[Kept]) -> Vec<Vec<String>> {
    let header = ["probability at least", "images kept", "", "right", "95 % interval", "errors left"];
    let row = |kept: &Kept| {
        let [low, high] = kept.accuracy_interval;
        let threshold =
            if kept.threshold > 0.0 { format!("{:.0} %", kept.threshold * 100.0) } else { "any".into() };
        vec![
            threshold,
            kept.images.to_string(),
            percent(kept.share),
            kept.accuracy.map_or("-".into(), percent),
            kept.accuracy.map_or("-".into(), |_| format!("{} to {}", percent(low), percent(high))),
            kept.errors.to_string(),
        ]
    };
    let shown = kept.iter().filter(|kept| SHOWN.contains(&kept.threshold)).map(row);
    std::iter::once(header.map(String::from).to_vec()).chain(shown).collect()
}
