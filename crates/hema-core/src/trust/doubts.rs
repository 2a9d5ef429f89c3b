//! Three questions about an answer, each with a score and a threshold: would it be wrong, is the cell of a
//! kind that training showed, is the picture good enough.
//!
//! Scores are scaled, so that they can be compared, and read: 0 is the middle of the unchanged validation
//! images and 1 where the last of a hundred begins; of pictures, the last of a hundred damaged ones, with
//! which the model was found to cope.

use serde::{Deserialize, Serialize};

use super::halves::Halves;
use crate::error::{Error, Result};

/// Share of the images whose score is above 1.
const LAST: f64 = 0.01;
/// Least distance of the two images that a score is scaled by, in units of the score.
pub const CLOSEST: f32 = 1e-2;

/// Least probability that odds are taken of, and its distance from 1 of the largest.
pub const SUREST: f64 = 1e-7;

/// A question about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Would the answer be wrong? The score is how small its probability is.
    Confidence,
    /// Is the cell of a kind that training did not show? The score is the distance of its features.
    Unlike,
    /// Is the picture poorer than any that the model was tried on? The score is how far it is from
    /// training's.
    Poor,
}

/// How doubtful an answer is in each question, by position: larger is more doubtful.
pub type Doubts = [f32; 3];

/// Lowest threshold of each question. A picture that is no poorer than the damaged ones that the model was
/// tried on is no reason to refer it: its temperature heeds the damage.
const LOWEST: Doubts = [f32::NEG_INFINITY, f32::NEG_INFINITY, 1.0];

const QUESTIONS: [Question; 3] = [Question::Confidence, Question::Unlike, Question::Poor];

/// Scores above which an answer is referred to a person, by question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds(pub Doubts);

impl Thresholds {
    /// Why a person should look at an answer: the question in which it is furthest beyond the threshold, if
    /// any.
    pub fn question(&self, doubts: &Doubts) -> Option<Question> {
        let excess = |i: &usize| (doubts[*i] - self.0[*i]) / self.0[*i].abs().max(CLOSEST);
        let beyond = (0..QUESTIONS.len()).filter(|i| doubts[*i] > self.0[*i]);
        // of equal ones the first
        let furthest = beyond.rev().max_by(|a, b| excess(a).total_cmp(&excess(b)));
        furthest.map(|i| QUESTIONS[i])
    }
}

/// The doubt of a probability, before it is scaled: its odds against.
pub(super) fn of_probability(probability: f32) -> f32 {
    let p = f64::from(probability).clamp(SUREST, 1.0 - SUREST);
    ((1.0 - p) / p).ln() as f32
}

/// The middle and the last hundredth of a score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scale {
    pub(super) middle: f32,
    pub(super) last: f32,
}

/// Scores of the images that thresholds are chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chosen {
    pub(super) scales: [Scale; 3],
    /// Scaled scores of the unchanged images, a row of three after the other.
    doubts: Halves,
}

impl Chosen {
    /// Scales and scores of unchanged images and of damaged ones, at least one of the former, whose scores
    /// are not scaled yet.
    pub(super) fn of(unchanged: &[Doubts], damaged: &[Doubts]) -> Self {
        let sorted = |images: &[Doubts], i: usize| {
            let mut values: Vec<f32> = images.iter().map(|doubts| doubts[i]).collect();
            values.sort_by(f32::total_cmp);
            values
        };
        let last = |values: &[f32]| values[values.len() - 1 - (values.len() as f64 * LAST) as usize];
        let scale = |question: Question| {
            let values = sorted(unchanged, question as usize);
            let middle = values[values.len() / 2];
            let tried = match question {
                Question::Poor if !damaged.is_empty() => sorted(damaged, question as usize),
                _ => values,
            };
            Scale { middle, last: last(&tried).max(middle + CLOSEST) }
        };
        let mut chosen = Self { scales: QUESTIONS.map(scale), doubts: Halves::default() };
        chosen.doubts = Halves::new(unchanged.iter().flat_map(|doubts| chosen.scaled(*doubts)));
        chosen
    }

    /// Scores of an image, scaled.
    pub(super) fn scaled(&self, doubts: Doubts) -> Doubts {
        std::array::from_fn(|i| {
            let Scale { middle, last } = self.scales[i];
            (doubts[i] - middle) / (last - middle)
        })
    }

    /// The number of images.
    pub(super) fn images(&self) -> usize {
        self.doubts.numbers().len() / 3
    }

    /// The thresholds beyond which in each question the same number of unchanged images lie (of poor pictures
    /// no more than that), and in all together at most this share, 0 to 1.
    pub(super) fn thresholds(&self, share: f64) -> Thresholds {
        let rows = self.doubts.numbers().as_chunks::<3>().0;
        let columns: [Vec<f32>; 3] = std::array::from_fn(|i| {
            let mut column: Vec<f32> = rows.iter().map(|row| row[i]).collect();
            column.sort_by(|a, b| b.total_cmp(a));
            column
        });
        let at = |count: usize| {
            let beyond = |i: usize| columns[i].get(count).copied().unwrap_or(f32::NEG_INFINITY);
            Thresholds(std::array::from_fn(|i| beyond(i).max(LOWEST[i])))
        };
        let referred = |thresholds: &Thresholds| {
            rows.iter().filter(|row| thresholds.question(row).is_some()).count() as f64
        };
        let most = share * rows.len() as f64;
        // the first count of which too many are referred; with none beyond any threshold, none are
        let counts: Vec<usize> = (1..=rows.len()).collect();
        let allowed = counts.partition_point(|count| referred(&at(*count)) <= most + 1e-9);
        at(allowed)
    }

    /// # Errors
    /// Numbers that no fit gives.
    pub(super) fn check(&self) -> Result<()> {
        let sound = self.scales.iter().all(|scale| scale.middle.is_finite() && scale.last > scale.middle);
        if sound && self.images() > 0 && self.doubts.numbers().len().is_multiple_of(3) {
            return Ok(());
        }
        Err(Error::new(format!(
            "scores of images {:?} with {} numbers (expected rising scales and three numbers an image)",
            self.scales,
            self.doubts.numbers().len()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand images, doubtful in one question each.
    fn chosen() -> Chosen {
        let images = (0..999).map(|i| {
            let mut doubts = [0.0; 3];
            doubts[i % 3] = i as f32;
            doubts
        });
        Chosen::of(&images.collect::<Vec<_>>(), &[])
    }

    #[test]
    fn pictures_that_the_model_was_tried_on_are_not_too_poor() {
        let unchanged: Vec<Doubts> = (0..500).map(|i| [0.0, 0.0, i as f32]).collect();
        let damaged: Vec<Doubts> = (0..500).map(|i| [0.0, 0.0, 10.0 * i as f32]).collect();
        let chosen = Chosen::of(&unchanged, &damaged);
        let thresholds = chosen.thresholds(0.5);
        let question = |poor: f32| thresholds.question(&chosen.scaled([0.0, 0.0, poor]));
        assert_eq!((question(4900.0), question(5000.0)), (None, Some(Question::Poor)));
    }

    #[test]
    fn no_more_images_are_referred_than_were_allowed_and_next_to_all_of_those() {
        let chosen = chosen();
        let referred = |share: f64| {
            let thresholds = chosen.thresholds(share);
            let rows = chosen.doubts.numbers().as_chunks::<3>().0;
            rows.iter().filter(|row| thresholds.question(row).is_some()).count()
        };
        for (share, least) in [(0.0, 0), (0.01, 6), (0.03, 22), (0.3, 200), (1.0, 600)] {
            let found = referred(share);
            assert!(found as f64 <= share * 999.0 + 1e-9 && found >= least, "{share}: {found}");
        }
    }

    #[test]
    fn the_question_is_the_one_furthest_beyond_its_threshold() {
        let thresholds = Thresholds([1.0, 1.0, 2.0]);
        assert_eq!(thresholds.question(&[1.0, 0.5, 2.0]), None);
        assert_eq!(thresholds.question(&[1.1, 0.5, 0.0]), Some(Question::Confidence));
        assert_eq!(thresholds.question(&[1.5, 1.4, 5.0]), Some(Question::Poor));
        assert_eq!(thresholds.question(&[1.5, 4.0, 5.0]), Some(Question::Unlike));
        assert_eq!(thresholds.question(&[3.0, 3.0, 5.0]), Some(Question::Confidence));
    }

    #[test]
    fn one_is_where_the_last_of_a_hundred_begins() {
        let images: Vec<Doubts> = (0..1000).map(|i| [i as f32; 3]).collect();
        let chosen = Chosen::of(&images, &[]);
        let beyond = images.iter().filter(|doubts| chosen.scaled(**doubts)[1] > 1.0).count();
        assert_eq!((beyond, chosen.scaled([500.0; 3])), (10, [0.0; 3]));
        chosen.check().unwrap();
        // a score that is the same for nearly all
        let images: Vec<Doubts> = (0..1000).map(|i| [0.0, if i < 2 { 5.0 } else { 0.0 }, 0.0]).collect();
        let chosen = Chosen::of(&images, &[]);
        assert!(chosen.scaled([0.0, 5.0, 0.0])[1] > 1.0);
        chosen.check().unwrap();
        assert!(chosen.thresholds(0.01).question(&chosen.scaled([0.0; 3])).is_none());
    }

    #[test]
    fn surer_answers_are_less_doubtful_up_to_certainty() {
        let doubts: Vec<f32> = [0.2, 0.5, 0.9, 0.999, 1.0].map(of_probability).to_vec();
        assert!(doubts.windows(2).all(|pair| pair[0] > pair[1]) && doubts[1] == 0.0, "{doubts:?}");
        assert!(doubts[4].is_finite());
    }
}
