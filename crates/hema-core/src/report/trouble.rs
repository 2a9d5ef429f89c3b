//! Which kind of degradation costs a model most, as far as its images can tell.

use super::findings::{Corruption, Findings};
use super::html::{capital, counted, listed, percent, words};
use super::paired::{self, Right};

/// More kinds than this that cannot be told apart are counted, not named.
const NAMED: usize = 3;

/// A kind of degradation, or the unchanged images: how often each image is named rightly, of so many times.
struct Kind {
    right: Right,
    times: i64,
}

impl Kind {
    fn of(corruption: &Corruption) -> Option<Self> {
        let right = paired::right(corruption.conditions.iter().copied())?;
        Some(Self { right, times: corruption.conditions.len() as i64 })
    }

    /// Whether the same images are named rightly more often in one than in the other, by more than chance.
    fn differs(&self, other: &Self, comparisons: usize) -> bool {
        let scaled = |kind: &Self, by: i64| -> Right { kind.right.iter().map(|right| right * by).collect() };
        let p = if self.times == other.times {
            paired::p_value(&self.right, &other.right)
        } else {
            paired::p_value(&scaled(self, other.times), &scaled(other, self.times))
        };
        p.is_some_and(|p| paired::is_significant(p, comparisons))
    }
}

/// A sentence on the kind of degradation that hurts most; nothing where there are not two kinds, or where the
/// record does not say which images were named rightly.
pub(super) fn sentence(findings: &Findings) -> Option<String> {
    let mut kinds: Vec<(Corruption, f64, Kind)> = findings
        .corruptions()
        .into_iter()
        .filter(|corruption| !corruption.is_drawn)
        .filter_map(|corruption| {
            let (accuracy, kind) = (corruption.accuracy()?, Kind::of(&corruption)?);
            Some((corruption, accuracy, kind))
        })
        .collect();
    if kinds.len() < 2 {
        return None;
    }
    kinds.sort_by(|a, b| a.1.total_cmp(&b.1));
    let comparisons = kinds.len();
    let (worst, accuracy, of_worst) = &kinds[0];
    let clean = paired::right(findings.clean).map(|right| Kind { right, times: 1 });
    let is_harmed = findings.clean_accuracy().is_none_or(|clean| *accuracy < clean);
    if clean.is_some_and(|clean| !is_harmed || !of_worst.differs(&clean, comparisons)) {
        let images = counted(of_worst.right.len() as u64, "image");
        return Some(format!(
            "No kind of degradation hurts it by more than chance brings among these {images}."
        ));
    }
    let alike: Vec<String> = kinds[1..]
        .iter()
        .filter(|(_, _, kind)| !of_worst.differs(kind, comparisons))
        .map(|(corruption, _, _)| words(corruption.name))
        .collect();
    let name = format!("<strong>{}</strong>", capital(&words(worst.name)));
    let mean = percent(*accuracy);
    Some(match alike.as_slice() {
        [] => format!("{name} hurts it most: {mean} on average{}.", at_strongest(worst)),
        some if some.len() < NAMED => format!(
            "{name} comes out worst, {mean} on average; these images do not tell it from {}.",
            listed(some)
        ),
        many => format!(
            "{name} comes out worst, {mean} on average; these images do not tell it from {} other kinds.",
            many.len()
        ),
    })
}

/// The accuracy at the strongest severity, where there are several.
fn at_strongest(worst: &Corruption) -> String {
    match worst.conditions.as_slice() {
        [_, .., strongest] if strongest.severity > 0 => {
            format!(", and {} at severity {}", percent(strongest.scores.accuracy()), strongest.severity)
        }
        _ => String::new(),
    }
}
