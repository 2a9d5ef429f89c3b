//! What weighing the classes has changed: a table of recall before and after, and warnings.

use hema::metrics::{ACCURACY, ECE};
use hema::prevalence::ClassWeight;
use hema::record::{Adaptation, Scores};

use crate::output::percent;

/// Loss of recall from which a class is named in the warning.
const WORTH_A_WORD: f64 = 0.005;

/// Recall of a class; `None` where it does not occur.
fn recall(scores: &Scores, class: usize) -> Option<f64> {
    scores.per_class.get(class).filter(|class| class.support > 0).map(|class| class.recall)
}

/// Rows of the table, its head first: every class that can occur, of `among` where that says which, then
/// accuracy and calibration over all.
pub(super) fn rows(adaptation: &Adaptation, after: &Scores, among: &[String]) -> Vec<Vec<String>> {
    let before = &adaptation.before;
    let header = ["class", "weight", "95 % interval", "in training", "recall before", "after"];
    let of_class = |(class, weight): (usize, &ClassWeight)| {
        let [low, high] = weight.interval;
        let recall = |scores: &Scores| recall(scores, class).map_or("-".into(), percent);
        vec![
            weight.name.clone(),
            percent(weight.weight),
            format!("{} to {}", percent(low), percent(high)),
            percent(weight.training),
            recall(before),
            recall(after),
        ]
    };
    let of_all = [ACCURACY, ECE].map(|metric| {
        let [before, after] = [before, after].map(|scores| percent(scores.number(&metric)));
        let empty = || String::new();
        vec![metric.label.to_owned(), empty(), empty(), empty(), before, after]
    });
    let is_possible = |weight: &ClassWeight| among.is_empty() || among.contains(&weight.name);
    let classes = adaptation.classes.iter().enumerate();
    let classes = classes.filter(|(_, weight)| is_possible(weight)).map(of_class);
    std::iter::once(header.map(String::from).to_vec()).chain(classes).chain(of_all).collect()
}

/// What has become worse, in words; `None` where nothing has.
pub(super) fn losses(adaptation: &Adaptation, after: &Scores) -> Option<String> {
    let before = &adaptation.before;
    let lost = |(class, weight): (usize, &ClassWeight)| {
        let (before, after) = (recall(before, class)?, recall(after, class)?);
        let fall =
            format!("the recall of {} falls from {} to {}", weight.name, percent(before), percent(after));
        (after < before - WORTH_A_WORD).then_some(fall)
    };
    let mut losses: Vec<String> = adaptation.classes.iter().enumerate().filter_map(lost).collect();
    let [error_before, error_after] = [before, after].map(|scores| scores.number(&ECE));
    if error_after > error_before + WORTH_A_WORD {
        losses.push(format!(
            "the calibration error rises from {} to {}",
            percent(error_before),
            percent(error_after)
        ));
    }
    (!losses.is_empty()).then(|| format!("by --adapt-prevalence {}", losses.join("; ")))
}
