//! The table of how many images can be left to the model, by the lowest probability that is believed.

use hema::metrics::{Kept, REFERRED, RISK, Selective};
use hema::record::Evaluation;
use hema::trust::{Covered, Held};

use crate::output::{percent, range};

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

/// Rows of the table of what low probabilities find, its head first: the unchanged images, then those of each
/// suite.
pub(super) fn selective_rows(evaluation: &Evaluation) -> Vec<Vec<String>> {
    let whole = |share: f64| format!("{:.0} %", share * 100.0);
    let header = ["images".into(), "AUGRC".into(), "AURC".into(), format!("kept at {} risk", whole(RISK))];
    let caught = REFERRED.map(|share| format!("caught by referring {}", whole(share)));
    let row = |(images, found): (&str, Selective)| {
        let areas = [found.augrc, found.aurc].map(|area| format!("{:.2} %", area * 100.0));
        let caught = found.caught.map_or(["-"; 3].map(String::from), |caught| caught.map(percent));
        [vec![named(images)], areas.to_vec(), vec![percent(found.coverage_at_risk)], caught.to_vec()].concat()
    };
    let rows = evaluation.selective().into_iter().map(row);
    std::iter::once([header.to_vec(), caught.to_vec()].concat()).chain(rows).collect()
}

/// Rows of the table of sets of classes, its head first; the head alone of a model that certifies none.
pub(super) fn set_rows(evaluation: &Evaluation) -> Vec<Vec<String>> {
    let header =
        ["images", "hold the right class", "95 % interval", "least of a class", "classes", "one alone"];
    let row = |(images, covered): (&str, Covered)| {
        let least = covered.by_class.iter().filter_map(Held::share).reduce(f64::min);
        vec![
            named(images),
            covered.all.share().map_or("-".into(), percent),
            range(covered.all.interval()),
            least.map_or("-".into(), percent),
            format!("{:.2}", covered.mean_size()),
            percent(covered.single()),
        ]
    };
    let rows = evaluation.sets().into_iter().map(row);
    std::iter::once(header.map(String::from).to_vec()).chain(rows).collect()
}

/// The name of images in a table, of which all but the unchanged ones are a suite's.
fn named(images: &str) -> String {
    if images == "unchanged" { images.to_owned() } else { format!("suite {images}") }
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
