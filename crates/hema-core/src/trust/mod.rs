//! What can be said of a single answer: how sure it is, why a person should look, and what can be promised.
//!
//! A model that carries [`Trust`] gives every image [`Marks`]: a temperature of its own, by which its
//! probabilities mean what they say on poor pictures too, how unlike training's cells it is, and how poor the
//! picture is. All are functions of the preprocessed pixels, the features and the logits, made in the one
//! pass that predicts. Answers are referred to a person by three [questions](Question), whose thresholds are
//! chosen on one half of the validation images; promises are computed from the other half ([`Certifying`]),
//! and hold for cells like those.
//!
//! Left out on purpose: ensembles, and anything that would be estimated from the images of a call.

mod answered;
mod certifying;
mod conformal;
mod covered;
mod distance;
mod doubts;
pub mod formula;
mod half;
mod halves;
mod linear;
mod measures;
mod promise;
mod quality;
mod temperature;

use serde::{Deserialize, Serialize};

use self::answered::unchanged;
use self::doubts::Chosen;
use self::formula::Formula;
use self::measures::Measures;
use crate::error::{Error, Result};

pub use answered::Answered;
pub use certifying::{Certified, Certifying, SEVERAL};
pub use conformal::{Basis, Conformal, SETS_BY, SetsBy, find_sets_by};
pub use covered::{Covered, Held};
pub use doubts::{Doubts, Question, Thresholds};
pub use half::{FEWEST, Half, Halves};
pub use measures::Look;
pub use promise::{Accepted, Limits, Promise, Wanted, promise};
pub use quality::{STATISTICS, Statistics, measure};

/// What a model knows of how far its answers can be trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Views of each image that were averaged over when it was fitted; it holds for these alone.
    views: String,
    /// Hash of the validation images, by halves of which it was fitted and is certified.
    images: String,
    measures: Measures,
    chosen: Chosen,
    /// Labelled images that nothing above was fitted on.
    pub certifying: Certifying,
}

/// What a model can tell of an image beside its class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Marks {
    /// What the log-probabilities at the model's base temperature are divided by.
    pub temperature: f32,
    /// How unlike training's cells its features are: 0 in the middle of clean validation images, 1 where the
    /// strangest of a hundred begin.
    pub unlike: f32,
    /// How poor the picture is: 0 in the middle of clean validation images, 1 where the poorest of a hundred
    /// damaged ones begin.
    pub poor: f32,
}

/// What thresholds refer of labelled images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The images.
    pub images: u64,
    /// Of these, images that the model is wrong about.
    pub wrong: u64,
    /// Images that are referred, by [`Question`].
    pub referred: [u64; 3],
    /// Images that are not referred though the model is wrong about them.
    pub wrong_of_accepted: u64,
}

impl Outcome {
    /// Counts an image that is referred for a question, or not, and whether the model is right about it.
    pub fn add(&mut self, question: Option<Question>, right: bool) {
        let wrong = u64::from(!right);
        self.images += 1;
        self.wrong += wrong;
        match question {
            Some(question) => self.referred[question as usize] += 1,
            None => self.wrong_of_accepted += wrong,
        }
    }

    /// Outcomes under several conditions together; `None` where one is not known, or there are none.
    pub fn together(outcomes: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        let and = |a: Self, b: Self| Self {
            // a record may have been edited
            images: a.images.saturating_add(b.images),
            wrong: a.wrong.saturating_add(b.wrong),
            referred: std::array::from_fn(|i| a.referred[i].saturating_add(b.referred[i])),
            wrong_of_accepted: a.wrong_of_accepted.saturating_add(b.wrong_of_accepted),
        };
        outcomes.into_iter().collect::<Option<Vec<_>>>()?.into_iter().reduce(and)
    }

    /// Images that are not referred.
    pub fn accepted(&self) -> u64 {
        self.referred.iter().fold(self.images, |rest, referred| rest.saturating_sub(*referred))
    }

    /// Shares, 0 to 1: of the images those that are referred, in all and by each [`Question`] in its order,
    /// and those that are wrong; of what is not referred those that are wrong.
    pub fn shares(&self) -> [f64; 6] {
        let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
        let accepted = self.accepted();
        let [unsure, unlike, poor] = self.referred.map(|referred| share(referred, self.images));
        let referred = share(self.images.saturating_sub(accepted), self.images);
        let wrong = share(self.wrong, self.images);
        [referred, unsure, unlike, poor, wrong, share(self.wrong_of_accepted, accepted)]
    }
}

impl Trust {
    /// Fits trust: what is usual of features and pictures by images that the model was trained on, unchanged
    /// and damaged; temperature and thresholds by the fitting half of validation images of this hash, seen in
    /// these views; the certifying half is kept.
    ///
    /// # Errors
    /// Fewer than [`FEWEST`] unchanged images in a half, features that do not vary.
    pub fn fit(
        views: &str,
        images: &str,
        trained: &[Answered],
        fitting: &[Answered],
        certifying: &[Answered],
    ) -> Result<Self> {
        let clean = |answers: &[Answered]| answers.iter().filter(|answer| answer.severity == 0).count();
        let halves = [fitting, certifying].map(clean);
        if halves.iter().any(|count| *count < FEWEST) || trained.len() < FEWEST {
            return Err(Error::new(format!(
                "{} images of training and {} and {} of validation (expected at least {FEWEST} each)",
                trained.len(),
                halves[0],
                halves[1]
            )));
        }
        let measures = Measures::fit(trained, fitting)?;
        let doubts = |answer: &Answered| measures.doubts(answer).0;
        let damaged: Vec<Doubts> = fitting.iter().filter(|answer| answer.severity > 0).map(doubts).collect();
        let chosen = Chosen::of(&unchanged(fitting).map(doubts).collect::<Vec<_>>(), &damaged);
        let certified = |answer: &Answered| {
            let (doubts, temperature) = measures.doubts(answer);
            let [_, unlike, poor] = chosen.scaled(doubts);
            let Answered { label, severity, .. } = *answer;
            Certified { label, raw: answer.raw.clone(), temperature, unlike, poor, severity }
        };
        let certified = certifying.iter().map(certified).collect();
        let certifying = Certifying { classes: trained[0].raw.len(), images: certified };
        let (views, images) = (views.to_owned(), images.to_owned());
        Ok(Self { views, images, measures, chosen, certifying })
    }

    /// What a picture and its features are like, of its statistics and features.
    pub fn look(&self, statistics: &Statistics, features: &[f32]) -> Look {
        self.measures.look(statistics, features)
    }

    /// Marks of an image that looks so, whose log-probabilities at the base temperature are `raw`.
    pub fn marks(&self, look: &Look, raw: &[f32]) -> Marks {
        let [unlike, poor] = self.measures.unlike_and_poor(look, raw);
        let [_, unlike, poor] = self.chosen.scaled([0.0, unlike, poor]);
        Marks { temperature: self.measures.temperature(look), unlike, poor }
    }

    /// How doubtful the answer about an image is, whose most probable class has this probability.
    pub fn doubts(&self, probability: f32, marks: &Marks) -> Doubts {
        [self.threshold_of(probability), marks.unlike, marks.poor]
    }

    /// Thresholds that refer at most this share, 0 to 1, of unchanged images like those of validation, as
    /// many by each question.
    pub fn thresholds(&self, share: f64) -> Thresholds {
        self.chosen.thresholds(share)
    }

    /// The threshold of [`Question::Confidence`] for a probability: answers below it are beyond.
    pub fn threshold_of(&self, probability: f32) -> f32 {
        self.chosen.scaled([doubts::of_probability(probability), 0.0, 0.0])[0]
    }

    /// Every number that [`marks`](Self::marks) are computed by.
    pub fn formula(&self) -> Formula {
        Formula::of(&self.measures, &self.chosen)
    }

    /// Views of each image that it holds for.
    pub fn views(&self) -> &str {
        &self.views
    }

    /// Hash of the validation images, by one half of which it was fitted.
    pub fn images(&self) -> &str {
        &self.images
    }

    /// Number of features that it takes.
    pub fn width(&self) -> usize {
        self.measures.distance.width()
    }

    /// Unchanged images that thresholds are chosen by.
    pub fn fitted_by(&self) -> usize {
        self.chosen.images()
    }

    /// What each mark adds to the logarithm of the temperature, by its name.
    pub fn weights(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.measures.weights()
    }

    /// What thresholds refer of the certifying images of a severity, 0 for the unchanged ones.
    pub fn outcome(&self, thresholds: &Thresholds, severity: u8) -> Outcome {
        let mut outcome = Outcome::default();
        for image in self.certifying.images.iter().filter(|image| image.severity == severity) {
            let doubts = [self.threshold_of(image.confidence()), image.unlike, image.poor];
            outcome.add(thresholds.question(&doubts), image.is_right());
        }
        outcome
    }

    /// Checks what was read from a file against the number of classes.
    ///
    /// # Errors
    /// Numbers that do not fit together.
    pub fn check(&self, classes: usize) -> Result<()> {
        self.measures.check()?;
        self.chosen.check()?;
        if self.certifying.classes != classes {
            let found = self.certifying.classes;
            return Err(Error::new(format!("certifying images of {found} classes (expected {classes})")));
        }
        Ok(())
    }
}

/// Share of images like training's that are referred where nothing is said: about one in a hundred by each of
/// three questions.
pub const USUAL_SHARE: f64 = 0.03;

/// The log-probabilities, summing to a probability of 1, that [`divided`] makes these probabilities of.
pub fn undivided(probabilities: &[f32], temperature: f32) -> Vec<f32> {
    certifying::undivided(probabilities, temperature)
}

/// The probabilities of log-probabilities that are divided by a temperature.
pub fn divided(raw: &[f32], temperature: f32) -> Vec<f32> {
    certifying::softmax(raw, temperature)
}

#[cfg(test)]
mod tests;
