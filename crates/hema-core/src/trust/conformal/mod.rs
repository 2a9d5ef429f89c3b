//! Sets of classes that hold the right one with a given probability: split conformal prediction (Vovk et al.,
//! 2005), by the scores of the certifying cells.
//!
//! Probabilities are those at the model's base temperature, whatever temperature an image is shown at: that
//! one depends on nothing but what the model was fitted on, so that cells are exchangeable, and sharper
//! probabilities give smaller sets by APS and RAPS (docs/decisions/0016-promises.md).
//!
//! Left out on purpose: choosing a score or its constants by the certifying cells, which would spend them.

use sha2::{Digest as _, Sha256};

use super::certifying::{Certified, Certifying, softmax};
use super::halves::stored;
use crate::error::{Error, Result, suggest};

/// What RAPS adds for each class beyond the first, and the number of classes that cost nothing.
const RAPS_PENALTY: f64 = 0.01;
const RAPS_FREE: usize = 1;

/// Strata of picture quality.
const STRATA: usize = 3;

/// A way to make sets.
#[derive(Clone, Copy, Debug)]
pub struct SetsBy {
    /// Name in `--sets-by`.
    pub name: &'static str,
    /// Meaning, in one line.
    pub about: &'static str,
    /// How little a class is believed, by the probabilities, the class and a random number of the image.
    score: fn(&[f64], usize, f64) -> f64,
    over: Over,
}

/// The cells among which a class has to be one of the more believed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Over {
    /// All of about the same picture quality.
    Strata,
    /// Unchanged ones of the class itself.
    Classes,
}

/// Ways to make sets. The first is the usual one.
pub const SETS_BY: &[SetsBy] = &[
    SetsBy {
        name: "lac",
        about: "classes above a least probability: the smallest sets (Sadinle et al., 2019)",
        score: least_ambiguous,
        over: Over::Strata,
    },
    SetsBy {
        name: "aps",
        about: "the most probable classes up to a sum of probability: larger sets for harder cells (Romano et al., 2020)",
        score: adaptive,
        over: Over::Strata,
    },
    SetsBy {
        name: "raps",
        about: "as aps, with a price for every class beyond the first (Angelopoulos et al., 2021)",
        score: regularised,
        over: Over::Strata,
    },
    SetsBy {
        name: "class",
        about: "as lac, with the level kept for the cells of every class by itself",
        score: least_ambiguous,
        over: Over::Classes,
    },
];

/// The way of this name.
///
/// # Errors
/// An unknown name, with the closest known one as a hint.
pub fn find_sets_by(name: &str) -> Result<&'static SetsBy> {
    SETS_BY.iter().find(|by| by.name == name).ok_or_else(|| {
        Error::new(format!("unknown way to make sets `{name}`"))
            .hint(suggest(name, SETS_BY.iter().map(|by| by.name)))
    })
}

/// The cells that the set of an image rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Certifying cells of about the same picture quality.
    Stratum,
    /// Those of the worst other quality, as there are too few of its own.
    WorstStratum,
    /// All certifying cells, as no quality has enough of its own.
    All,
    /// Unchanged cells of each class.
    Classes,
}

/// Sets at one level.
#[derive(Clone, Debug)]
pub struct Conformal {
    by: &'static SetsBy,
    level: f64,
    /// Largest score of a class that is in the set: one for each stratum, or for each class.
    largest: Vec<f64>,
    /// What `poor` parts the strata: an image that reaches an edge is beyond it. Empty over classes.
    edges: Vec<f32>,
    basis: Vec<Basis>,
}

impl Conformal {
    /// Sets that hold the right class with this probability, `level`, by the cells of a table.
    ///
    /// Over strata, unchanged and damaged cells count alike, as both are found at a given quality; the
    /// probability is that over cells of such a mixture.
    ///
    /// # Errors
    /// A level that is not between 0 and 1.
    pub fn fit(table: &Certifying, by: &'static SetsBy, level: f64) -> Result<Self> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::new(format!(
                "sets at the level {level} (expected above 0 and below 1, as in 0.99)"
            )));
        }
        let scored: Vec<(&Certified, f64)> =
            table.images.iter().map(|image| (image, Answer::of(&image.raw).score(by, image.label))).collect();
        Ok(match by.over {
            Over::Strata => Self::over_strata(by, level, &scored),
            Over::Classes => Self::over_classes(by, level, &scored, table.classes),
        })
    }

    fn over_strata(by: &'static SetsBy, level: f64, scored: &[(&Certified, f64)]) -> Self {
        let mut sorted: Vec<(f32, f64)> =
            scored.iter().map(|(image, score)| (stored(image.poor).to_f32(), *score)).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let at_edges: Vec<usize> = (1..STRATA).map(|part| part * sorted.len() / STRATA).collect();
        let edges: Vec<f32> =
            at_edges.iter().filter_map(|at| sorted.get(*at)).map(|(poor, _)| *poor).collect();
        let mut strata = vec![Vec::new(); STRATA];
        // given the cells that set the edges, the others are exchangeable with new ones on their side
        let others = sorted.iter().enumerate().filter(|(at, _)| !at_edges.contains(at));
        for (_, (poor, score)) in others {
            strata[stratum(&edges, *poor)].push(*score);
        }
        let own: Vec<f64> = strata.into_iter().map(|scores| quantile(scores, level)).collect();
        let worst = own.iter().copied().filter(|score| score.is_finite()).reduce(f64::max);
        let all = quantile(scored.iter().map(|(_, score)| *score).collect(), level);
        let chosen = own.into_iter().map(|own| match worst {
            _ if own.is_finite() => (own, Basis::Stratum),
            Some(worst) => (worst, Basis::WorstStratum),
            None => (all, Basis::All),
        });
        let (largest, basis) = chosen.unzip();
        Self { by, level, largest, edges, basis }
    }

    fn over_classes(by: &'static SetsBy, level: f64, scored: &[(&Certified, f64)], classes: usize) -> Self {
        let of_class = |class: usize| {
            let own = scored.iter().filter(|(image, _)| image.is_clean() && image.label == class);
            quantile(own.map(|(_, score)| *score).collect(), level)
        };
        let largest = (0..classes).map(of_class).collect();
        Self { by, level, largest, edges: Vec::new(), basis: vec![Basis::Classes] }
    }

    /// The probability with which a set holds the right class.
    pub fn level(&self) -> f64 {
        self.level
    }

    /// The way the sets are made.
    pub fn by(&self) -> &'static SetsBy {
        self.by
    }

    /// What the sets rest on, from the best pictures to the poorest; one entry over classes.
    pub fn basis(&self) -> &[Basis] {
        &self.basis
    }

    /// Classes that are in every set, as there are too few cells to leave any out: over classes those with
    /// too few cells of their own, over strata all or none.
    pub fn always_in(&self) -> Vec<usize> {
        match self.by.over {
            Over::Classes => {
                (0..self.largest.len()).filter(|class| self.largest[*class].is_infinite()).collect()
            }
            Over::Strata => Vec::new(),
        }
    }

    /// Whether every set holds all classes, as there are too few cells for the level.
    pub fn is_void(&self) -> bool {
        self.largest.iter().all(|largest| largest.is_infinite())
    }

    /// The classes of an image with these log-probabilities at the base temperature and this picture quality,
    /// the most probable first: never none.
    pub fn set(&self, raw: &[f32], poor: f32) -> Vec<usize> {
        let answer = Answer::of(raw);
        let mut set = self.of_answer(&answer, poor);
        set.sort_by_key(|class| answer.rank(*class));
        if set.is_empty() { vec![answer.order[0]] } else { set }
    }

    /// The set as theory makes it, in class order, which may be empty. Its coverage is the level exactly,
    /// where [`Self::set`] has more.
    pub fn raw_set(&self, raw: &[f32], poor: f32) -> Vec<usize> {
        self.of_answer(&Answer::of(raw), poor)
    }

    fn of_answer(&self, answer: &Answer, poor: f32) -> Vec<usize> {
        let largest = |class: usize| match self.by.over {
            Over::Strata => self.largest[stratum(&self.edges, stored(poor).to_f32())],
            Over::Classes => self.largest[class],
        };
        (0..answer.order.len()).filter(|class| answer.score(self.by, *class) <= largest(*class)).collect()
    }
}

/// What scores are made of: an image's log-probabilities, rounded as a table's are.
struct Answer {
    probabilities: Vec<f64>,
    /// Classes by falling probability, the lower of equal ones first.
    order: Vec<usize>,
    /// A number from 0 to 1 that is as good as random, and the same for the same image.
    draw: f64,
}

impl Answer {
    fn of(raw: &[f32]) -> Self {
        let halves: Vec<_> = raw.iter().map(|log| stored(*log)).collect();
        let rounded: Vec<f32> = halves.iter().map(|log| log.to_f32()).collect();
        let bytes: Vec<u8> = halves.iter().flat_map(|log| log.to_le_bytes()).collect();
        let digest = Sha256::digest(bytes);
        let number = u64::from_le_bytes(std::array::from_fn(|byte| digest[byte]));
        Self::with_draw(&softmax(&rounded, 1.0), (number >> 11) as f64 / (1_u64 << 53) as f64)
    }

    fn with_draw(probabilities: &[f32], draw: f64) -> Self {
        let probabilities: Vec<f64> = probabilities.iter().map(|p| f64::from(*p)).collect();
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
        Self { probabilities, order, draw }
    }

    fn rank(&self, class: usize) -> usize {
        self.order.iter().position(|other| *other == class).unwrap_or(self.order.len())
    }

    fn score(&self, by: &SetsBy, class: usize) -> f64 {
        let rank = self.rank(class);
        let above: Vec<f64> = self.order[..=rank].iter().map(|class| self.probabilities[*class]).collect();
        (by.score)(&above, rank, self.draw)
    }
}

/// LAC: how far the probability is from 1. Scores take the probabilities down to the class's own, its rank
/// from 0 and the image's draw.
fn least_ambiguous(down_to: &[f64], rank: usize, _draw: f64) -> f64 {
    1.0 - down_to[rank]
}

/// APS: the probability of what is more probable, and a random part of the class's own.
fn adaptive(down_to: &[f64], rank: usize, draw: f64) -> f64 {
    down_to[..rank].iter().sum::<f64>() + draw * down_to[rank]
}

/// RAPS: APS with a penalty for the rank.
fn regularised(down_to: &[f64], rank: usize, draw: f64) -> f64 {
    adaptive(down_to, rank, draw) + RAPS_PENALTY * (rank + 1).saturating_sub(RAPS_FREE) as f64
}

/// The score that is not exceeded with the probability `level` by one more of the same kind: the
/// `ceil((n + 1) level)`-th smallest of n, infinite where n is too small.
fn quantile(mut scores: Vec<f64>, level: f64) -> f64 {
    // what is a whole number but for rounding
    let rank = ((scores.len() + 1) as f64 * level - 1e-9).ceil() as usize;
    scores.sort_by(f64::total_cmp);
    scores.get(rank.max(1) - 1).copied().unwrap_or(f64::INFINITY)
}

/// The stratum of a picture quality, from 0 for the best.
fn stratum(edges: &[f32], poor: f32) -> usize {
    edges.iter().filter(|edge| poor >= **edge).count()
}

#[cfg(test)]
mod tests;
