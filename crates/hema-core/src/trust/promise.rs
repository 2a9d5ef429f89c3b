//! Promises of a risk: which answers can be left to a model so that at most a given share of them is wrong,
//! with a given confidence, by Learn-then-Test (Angelopoulos et al., 2021).
//!
//! Thresholds are tested from strict to lenient. A threshold passes where so few errors among the accepted
//! cells would be improbable if the risk were larger than wanted; the search ends at the first that fails,
//! so that no confidence is lost to the number of thresholds (docs/decisions/0016-promises.md).

use serde::{Deserialize, Serialize};

use super::certifying::{Certified, Certifying};
use super::doubts::{Question, Thresholds};
use crate::error::{Error, Result};
use crate::metrics::Notation;

/// The risk that somebody can bear, and how sure of it they want to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// Largest share of accepted answers that may be wrong, above 0 and below 1.
    pub max_risk: f64,
    /// Probability with which the promise holds, above 0 and below 1: over all draws of as many certifying
    /// cells, at most the rest lead to a promise that is broken.
    pub confidence: f64,
}

impl Wanted {
    /// What is promised where nothing is said: at most 1 % wrong, with a confidence of 95 %.
    pub const USUAL: Self = Self { max_risk: 0.01, confidence: 0.95 };

    /// A wish that can be tested.
    ///
    /// # Errors
    /// A risk or a confidence that is not between 0 and 1.
    pub fn new(max_risk: f64, confidence: f64) -> Result<Self> {
        for (name, value) in [("risk", max_risk), ("confidence", confidence)] {
            if !(value > 0.0 && value < 1.0) {
                return Err(Error::new(format!("{name} {value} (expected above 0 and below 1, as in 0.05)")));
            }
        }
        Ok(Self { max_risk, confidence })
    }

    /// Price of the promise: the fewest accepted cells, none of them wrong, by which it could be made.
    pub fn price(&self) -> u64 {
        ((1.0 - self.confidence).ln() / (-self.max_risk).ln_1p()).ceil() as u64
    }

    /// The wish in words: `at most 1 % wrong, with a confidence of 95 %`.
    pub fn in_words(&self) -> String {
        let percent = |share: f64| {
            let digits = format!("{:.4}", 100.0 * share);
            digits.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        let [risk, confidence] = [self.max_risk, self.confidence].map(percent);
        format!("at most {risk} % wrong, with a confidence of {confidence} %")
    }

    /// Whether so few errors among accepted answers show that the risk is not larger than wanted.
    fn is_shown(&self, accepted: u64, errors: u64) -> bool {
        binomial_tail(accepted, self.max_risk, errors) <= 1.0 - self.confidence
    }
}

/// Marks above which a cell is referred to a person whatever its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Largest [`Certified::unlike`] that is left to the model.
    pub unlike: f32,
    /// Largest [`Certified::poor`] that is left to the model.
    pub poor: f32,
}

impl Limits {
    /// No cell is referred for its marks.
    pub const NONE: Self = Self { unlike: f32::INFINITY, poor: f32::INFINITY };

    /// Limits of thresholds, whatever they ask of the probability.
    pub fn of(thresholds: &Thresholds) -> Self {
        let Thresholds(doubts) = thresholds;
        Self { unlike: doubts[Question::Unlike as usize], poor: doubts[Question::Poor as usize] }
    }

    /// Whether a cell of these marks is left to the model.
    pub fn admit(&self, unlike: f32, poor: f32) -> bool {
        unlike <= self.unlike && poor <= self.poor
    }
}

/// The answer to somebody who asks for a promise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Promise {
    /// The risk and confidence asked for.
    #[serde(flatten)]
    pub wanted: Wanted,
    /// Unchanged certifying cells, on which the answer rests.
    pub images: u64,
    /// Of these, cells that are referred for their marks.
    pub referred: u64,
    /// Fewest accepted cells, none of them wrong, by which it could be made.
    pub price: u64,
    /// Cells that the model may keep; `None` where nothing can be promised.
    pub kept: Option<Accepted>,
}

impl Promise {
    /// What can be promised, in a sentence.
    pub fn in_words(&self) -> String {
        let asked = self.wanted.in_words();
        match self.kept {
            Some(kept) => format!(
                "of cells like these {} can be left to the model with {asked}: those of a probability of at least {}",
                Notation::Percent.text(kept.coverage),
                kept.threshold
            ),
            None => format!(
                "{asked}, cannot be promised by {} cells: it takes at least {} kept cells without an error, and more with one",
                self.images, self.price
            ),
        }
    }
}

/// Cells of at least some probability, of which a promise holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// Lowest probability of the most probable class by which a cell is accepted, 0 to 1.
    pub threshold: f32,
    /// Certifying cells that are accepted.
    pub images: u64,
    /// Of these, cells that are named wrongly.
    pub errors: u64,
    /// Share of all certifying cells that is accepted, 0 to 1.
    pub coverage: f64,
}

/// The most lenient threshold of which the wish can be promised, by the unchanged cells of a table.
///
/// Cells beyond the limits are never accepted. The first threshold tested keeps half of the others, or as
/// many as the [price](Wanted::price), whichever is more: where a promise holds for few cells alone nobody
/// is helped, and a single certain cell with a wrong label would end a search that began with the surest.
pub fn promise(table: &Certifying, limits: Limits, wanted: Wanted) -> Promise {
    let images = table.clean().count() as u64;
    let mut answers: Vec<(f32, bool)> = table
        .clean()
        .filter(|image| limits.admit(image.unlike, image.poor))
        .map(|image| (Certified::confidence(image), image.is_right()))
        .collect();
    answers.sort_by(|a, b| b.0.total_cmp(&a.0));
    let price = wanted.price();
    let fewest = price.max((answers.len() as u64).div_ceil(2));
    let mut kept = None;
    let (mut accepted, mut errors) = (0, 0);
    // cells of equal probability are accepted together
    for alike in answers.chunk_by(|a, b| a.0 == b.0) {
        accepted += alike.len() as u64;
        errors += alike.iter().filter(|(_, right)| !right).count() as u64;
        if accepted < fewest {
            continue;
        }
        if !wanted.is_shown(accepted, errors) {
            break;
        }
        let coverage = accepted as f64 / images as f64;
        kept = Some(Accepted { threshold: alike[0].0, images: accepted, errors, coverage });
    }
    Promise { wanted, images, referred: images - answers.len() as u64, price, kept }
}

/// Probability of at most so many successes in `trials`, each of this probability above 0 and below 1.
fn binomial_tail(trials: u64, probability: f64, successes: u64) -> f64 {
    let odds = probability.ln() - (-probability).ln_1p();
    // the logarithm, as the probability of none may be too small for a number
    let mut log_mass = trials as f64 * (-probability).ln_1p();
    let mut tail = log_mass.exp();
    for count in 0..successes.min(trials) {
        log_mass += ((trials - count) as f64 / (count + 1) as f64).ln() + odds;
        tail += log_mass.exp();
    }
    tail.min(1.0)
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::rng::{Purpose, Rng, stream};

    fn wanted(max_risk: f64, confidence: f64) -> Wanted {
        Wanted::new(max_risk, confidence).unwrap()
    }

    /// A cell of two classes, named with this probability above one half.
    fn cell(confidence: f64, is_right: bool) -> Certified {
        let raw = vec![confidence.ln() as f32, (1.0 - confidence).ln() as f32];
        Certified {
            label: usize::from(!is_right),
            raw,
            temperature: 1.0,
            unlike: 0.0,
            poor: 0.0,
            severity: 0,
        }
    }

    fn table(images: impl IntoIterator<Item = Certified>) -> Certifying {
        Certifying { classes: 2, images: images.into_iter().collect() }
    }

    /// So many cells, the surest first, those at these positions named wrongly.
    fn ranked(images: usize, wrong: &[usize]) -> Certifying {
        let confidence = |i: usize| 0.99 - 0.4 * i as f64 / images as f64;
        table((0..images).map(|i| cell(confidence(i), !wrong.contains(&i))))
    }

    #[test]
    fn the_tail_is_that_of_the_binomial_distribution() {
        // by scipy.stats.binom.cdf
        for (trials, probability, successes, expected) in [
            (10, 0.5, 3, 0.171_875),
            (299, 0.01, 0, 0.049_536_256_637_662_465),
            (1000, 0.01, 4, 0.028_686_399_999_004_478),
            (2491, 0.01, 16, 0.038_450_836_182_052_694),
            (200_000, 0.01, 1900, 0.012_188_355_563_373_596),
            (5, 0.3, 9, 1.0),
        ] {
            let found = binomial_tail(trials, probability, successes);
            assert!((found - expected).abs() < 1e-9, "{trials} {probability} {successes}: {found}");
        }
    }

    #[test]
    fn the_price_is_the_fewest_cells_without_an_error_that_promise_it() {
        for (max_risk, confidence, price) in
            [(0.01, 0.95, 299), (0.01, 0.999, 688), (0.05, 0.95, 59), (0.5, 0.5, 1)]
        {
            let wanted = wanted(max_risk, confidence);
            assert_eq!(wanted.price(), price);
            assert!(wanted.is_shown(price, 0) && (price == 1 || !wanted.is_shown(price - 1, 0)));
        }
        // what the notes of the literature list: errors allowed among so many accepted
        for (confidence, accepted, allowed) in [(0.95, 1000, 4), (0.999, 1000, 1), (0.95, 2491, 16)] {
            let wanted = wanted(0.01, confidence);
            assert!(wanted.is_shown(accepted, allowed) && !wanted.is_shown(accepted, allowed + 1));
        }
    }

    #[test]
    fn cells_are_accepted_until_the_risk_is_no_longer_shown() {
        let all = promise(&ranked(300, &[]), Limits::NONE, wanted(0.01, 0.95));
        let kept = all.kept.unwrap();
        assert_eq!((all.images, kept.images, kept.errors, kept.coverage), (300, 300, 0, 1.0));
        // the cell of the threshold itself is accepted
        assert!((kept.threshold - 0.5913).abs() < 1e-3, "{kept:?}");
        // errors at the end are left to a person
        let some = promise(&ranked(1000, &[960, 970, 980, 985, 990, 995]), Limits::NONE, wanted(0.01, 0.95));
        let kept = some.kept.unwrap();
        assert_eq!((kept.images, kept.errors), (990, 4));
        // and one among the surest does not end the search
        let kept = promise(&ranked(1000, &[10]), Limits::NONE, wanted(0.01, 0.95)).kept.unwrap();
        assert_eq!((kept.images, kept.errors), (1000, 1));
    }

    #[test]
    fn too_few_cells_or_too_many_errors_promise_nothing_and_say_the_price() {
        let few = promise(&ranked(298, &[]), Limits::NONE, wanted(0.01, 0.95));
        assert_eq!((few.images, few.price, few.kept), (298, 299, None));
        let poor = promise(&ranked(1000, &[1, 2, 3, 4, 5]), Limits::NONE, wanted(0.01, 0.95));
        assert_eq!(poor.kept, None);
        assert_eq!(promise(&table([]), Limits::NONE, wanted(0.01, 0.95)).kept, None);
    }

    #[test]
    fn cells_beyond_the_limits_are_never_accepted_and_damaged_ones_never_counted() {
        let mut table = ranked(400, &[]);
        for (i, image) in table.images.iter_mut().enumerate() {
            image.unlike = if i < 10 { 2.0 } else { 0.0 };
            image.poor = if (5..20).contains(&i) { 2.0 } else { 0.0 };
            image.severity = if i < 30 { u8::from(i >= 25) } else { 0 };
        }
        let found = promise(&table, Limits { unlike: 1.0, poor: 1.0 }, wanted(0.01, 0.95));
        assert_eq!((found.images, found.referred, found.kept.unwrap().images), (395, 20, 375));
    }

    #[test]
    fn cells_of_equal_probability_are_accepted_together_or_not_at_all() {
        let sure = (0..400).map(|_| cell(0.99, true));
        let doubtful = (0..400).map(|i| cell(0.6, i % 10 > 0));
        let kept = promise(&table(sure.chain(doubtful)), Limits::NONE, wanted(0.01, 0.95)).kept.unwrap();
        assert_eq!((kept.images, kept.errors), (400, 0));
    }

    /// Share of draws of certifying cells after which the promise is broken: the risk of what is accepted
    /// over the whole population, known here, is larger than wanted. A cell of confidence `c` is wrong with
    /// the probability `risk(c)`; confidences are even between 0.5 and 1.
    fn broken(risk: impl Fn(f64) -> f64, images: usize, wanted: Wanted) -> f64 {
        const DRAWS: u64 = 2000;
        const STEPS: usize = 2000;
        let at = |step: usize| 1.0 - 0.5 * (step as f64 + 0.5) / STEPS as f64;
        let mut sum = 0.0;
        let risks: Vec<f64> = (0..STEPS)
            .map(|step| {
                sum += risk(at(step));
                sum / (step + 1) as f64
            })
            .collect();
        let drawn = |rng: &mut Rng| {
            let confidence = 0.5 + 0.5 * rng.random::<f64>();
            cell(confidence.min(1.0 - 1e-9), rng.random::<f64>() >= risk(confidence))
        };
        let breaks = (0..DRAWS).filter(|draw| {
            let mut rng = stream(3, Purpose::Synthetic, 0, *draw);
            let table = table((0..images).map(|_| drawn(&mut rng)));
            let Some(kept) = promise(&table, Limits::NONE, wanted).kept else { return false };
            let accepted = ((1.0 - f64::from(kept.threshold)) / 0.5 * STEPS as f64) as usize;
            risks[accepted.min(STEPS - 1)] > wanted.max_risk
        });
        breaks.count() as f64 / DRAWS as f64
    }

    #[test]
    fn promises_are_broken_in_no_more_draws_than_was_agreed() {
        // four standard deviations of 2,000 draws above the agreed share
        let most = |share: f64| share + 4.0 * (share * (1.0 - share) / 2000.0).sqrt();
        let wanted = wanted(0.1, 0.9);
        // the risk crosses what is wanted; it rises in a step; it is too large everywhere, by a hair
        let rising = |confidence: f64| 0.6 * (1.0 - confidence);
        let step = |confidence: f64| if confidence > 0.7 { 0.05 } else { 0.45 };
        let (too_large, safe) = (|_: f64| 0.1001, |_: f64| 0.02);
        for images in [60, 200] {
            let found = [
                broken(rising, images, wanted),
                broken(step, images, wanted),
                broken(too_large, images, wanted),
            ];
            assert!(found.iter().all(|share| *share <= most(0.1)), "{images}: {found:?}");
            assert!(found[0] > 0.01, "the rule gives away what it could promise: {found:?}");
            assert_eq!(broken(safe, images, wanted), 0.0);
        }
    }

    #[test]
    fn a_wish_reads_as_it_was_given() {
        assert_eq!(wanted(0.01, 0.95).in_words(), "at most 1 % wrong, with a confidence of 95 %");
        assert_eq!(wanted(0.0005, 0.999).in_words(), "at most 0.05 % wrong, with a confidence of 99.9 %");
        assert_eq!(wanted(0.1, 0.5).in_words(), "at most 10 % wrong, with a confidence of 50 %");
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for (max_risk, confidence) in [(0.0, 0.95), (1.0, 0.95), (0.01, 1.0), (f64::NAN, 0.5)] {
            let error = Wanted::new(max_risk, confidence).unwrap_err().to_string();
            assert!(error.contains("above 0 and below 1"), "{error}");
        }
    }
}
