//! Sets of classes in words, as the table and the terminal have them.

use std::collections::BTreeMap;

use hema::Prediction;
use hema::referral::Sets;
use hema::trust::Basis;

use super::rows::Row;
use crate::output::percent;

/// Between the classes of a set in a cell of the table.
const BETWEEN: &str = "|";

/// Names of the classes of an answer's set.
pub(super) fn names<'a>(sets: &Sets, answer: &Prediction, classes: &'a [String]) -> Vec<&'a str> {
    sets.of(answer).into_iter().map(|class| &*classes[class]).collect()
}

/// An answer's set as a cell of the table.
pub(super) fn text(sets: &Sets, answer: &Prediction, classes: &[String]) -> String {
    names(sets, answer, classes).join(BETWEEN)
}

/// How large the sets are, and what they rest on.
pub(super) fn in_words(sets: &Sets, rows: &[Row], classes: &[String]) -> String {
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for answer in rows.iter().filter_map(|row| row.answer.as_ref()) {
        *sizes.entry(sets.of(answer).len()).or_default() += 1;
    }
    let sizes: Vec<String> = sizes
        .iter()
        .map(|(size, count)| format!("{count} of {size} class{}", if *size == 1 { "" } else { "es" }))
        .collect();
    let always: Vec<&str> = sets.conformal().always_in().iter().map(|class| &*classes[*class]).collect();
    let always = match &always[..] {
        [] => String::new(),
        always => format!("; with too few cells of their own, in every set: {}", always.join(", ")),
    };
    format!(
        "sets by {}, which hold the right class of {} of cells like the {} certifying ones{}: {}{always}",
        sets.conformal().by().name,
        percent(sets.conformal().level()),
        sets.images(),
        quality(sets),
        sizes.join(", ")
    )
}

/// What sets rest on where that is not all as it should be.
fn quality(sets: &Sets) -> &'static str {
    let rests_on = |basis: Basis| sets.conformal().basis().contains(&basis);
    match () {
        () if rests_on(Basis::Classes) => " of every class",
        () if rests_on(Basis::All) => " together",
        () if rests_on(Basis::WorstStratum) => {
            " of about the same picture quality, of the worst where there are too few"
        }
        () => " of about the same picture quality",
    }
}
