//! Which answers are referred to a person, and why; sets of classes in place of a single one.

mod doubt;
mod sets;

use hema_core::error::{Error, Result};
use hema_core::likeness::Unlike;
use hema_core::metrics::{Notation, is_sure};
use hema_core::trust::{Limits, Promise, Question, Thresholds, Trust, USUAL_SHARE, Wanted, promise};

use crate::classifier::Prediction;
use crate::predict::Untrusted;

pub use doubt::{Doubt, REASONS};
pub use sets::Sets;

/// Probability of the two likeliest classes together from which an unsure answer is a choice between them.
const OF_TWO: f32 = 0.9;
/// Probability of the second class from which an answer is torn between the two, whatever else is strange.
const TORN: f32 = 0.2;

/// By what answers are referred to a person.
#[derive(Clone, Copy, Debug)]
pub struct Referral<'a> {
    rule: Rule,
    by_model: Option<(&'a Trust, Thresholds)>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Nothing, of a model that carries no thresholds for this.
    None(Untrusted),
    /// The lowest probability that is believed.
    Sure(f64),
    /// At most this share of images like training's.
    Share(f64),
    /// A lowest probability, of which the promise holds.
    Promise(Promise, f64),
}

/// What can be said of referral; by default the [usual share](USUAL_SHARE) of a model that carries
/// thresholds, and nothing of others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Asked {
    /// What is usual.
    #[default]
    Usual,
    /// The lowest probability that is believed, above 0 and at most 1.
    Sure(f64),
    /// The most that is referred of images like training's, 0 to 1.
    MaxRefer(f64),
    /// The risk that can be borne.
    Promise(Wanted),
}

impl<'a> Referral<'a> {
    /// Referral by what a model [knows](crate::Classifier::trust) of how far its answers can be trusted.
    ///
    /// # Errors
    /// A share or a risk for a model that carries no thresholds; a risk that cannot be promised.
    pub fn new(trust: Result<&'a Trust, Untrusted>, asked: Asked) -> Result<Self> {
        match (trust, asked) {
            (Err(reason), Asked::Usual) => Ok(Self { rule: Rule::None(reason), by_model: None }),
            (Err(_), Asked::Sure(sure)) => Ok(Self { rule: Rule::Sure(sure), by_model: None }),
            (Err(reason), Asked::MaxRefer(_)) => Err(without_thresholds(reason, "no share can be referred")),
            (Err(reason), Asked::Promise(_)) => Err(without_thresholds(reason, "no risk can be promised")),
            (Ok(trust), Asked::Sure(sure)) => {
                Ok(Self { rule: Rule::Sure(sure), by_model: Some((trust, but_of_confidence(trust))) })
            }
            (Ok(trust), Asked::Usual) => Ok(Self::by_share(trust, USUAL_SHARE)),
            (Ok(trust), Asked::MaxRefer(share)) => Ok(Self::by_share(trust, share)),
            (Ok(trust), Asked::Promise(wanted)) => Self::promising(trust, wanted),
        }
    }

    /// By thresholds that refer a share.
    fn by_share(trust: &'a Trust, share: f64) -> Self {
        Self { rule: Rule::Share(share), by_model: Some((trust, trust.thresholds(share))) }
    }

    /// By the lowest probability of which a promise holds.
    fn promising(trust: &'a Trust, wanted: Wanted) -> Result<Self> {
        let thresholds = but_of_confidence(trust);
        let found = promise(&trust.certifying, Limits::of(&thresholds), wanted);
        let Some(kept) = found.kept else {
            return Err(Error::new(found.in_words())
                .hint("`hema certify MODEL VERIFIED --out MODEL2` promises by verified cells of your own"));
        };
        let rule = Rule::Promise(found, kept.threshold.into());
        Ok(Self { rule, by_model: Some((trust, thresholds)) })
    }

    /// Whether answers are referred at all.
    pub fn refers(&self) -> bool {
        !matches!(self.rule, Rule::None(_))
    }

    /// The lowest probability that is believed, where one was given.
    pub fn sure(&self) -> Option<f64> {
        match self.rule {
            Rule::Sure(sure) | Rule::Promise(_, sure) => Some(sure),
            Rule::None(_) | Rule::Share(_) => None,
        }
    }

    /// Why a person should look at an image: `unlike` is in what it is plainly unlike those of training (see
    /// [`Classifier::unlike_training`](crate::Classifier::unlike_training)), whatever was asked of referral.
    pub fn doubt(&self, answer: &Prediction, unlike: Vec<Unlike>) -> Option<Doubt> {
        if !unlike.is_empty() {
            return Some(Doubt::UnlikeTraining(unlike));
        }
        if self.refers() && answer.excluded_label().is_some() {
            return Some(Doubt::ExcludedClass);
        }
        let question = match (&self.by_model, answer.marks()) {
            (Some((trust, thresholds)), Some(marks)) => {
                thresholds.question(&trust.doubts(answer.probability(), marks))
            }
            _ => None,
        };
        match question {
            Some(Question::Confidence) => Some(unsure(answer)),
            // what is torn between two known classes counts as strange too, but that says more
            Some(Question::Unlike) if is_torn(answer) => Some(Doubt::Ambiguous),
            Some(Question::Unlike) => Some(Doubt::UnlikeTraining(Vec::new())),
            Some(Question::Poor) => Some(Doubt::PoorImage),
            None if self.sure().is_some_and(|sure| !is_sure(answer.probability(), sure)) => {
                Some(unsure(answer))
            }
            None => None,
        }
    }

    /// By what an answer is believed, in words; `None` where none is referred.
    pub fn criterion(&self) -> Option<String> {
        match self.rule {
            Rule::None(_) => None,
            Rule::Sure(sure) => Some(format!("with a probability of at least {sure}")),
            Rule::Share(share) => {
                let share = Notation::Percent.text(share);
                Some(format!("by thresholds that refer at most {share} of images like training's"))
            }
            Rule::Promise(Promise { wanted, images, kept: Some(kept), .. }, _) => Some(format!(
                "{}, by {images} certifying cells of which {} were kept and {} of those wrong, with a probability of at least \
                 {}",
                wanted.in_words(),
                Notation::Percent.text(kept.coverage),
                kept.errors,
                kept.threshold
            )),
            Rule::Promise(found, _) => Some(found.in_words()),
        }
    }

    /// Why no answer is referred, where none is.
    pub fn missing(&self) -> Option<Untrusted> {
        match self.rule {
            Rule::None(reason) => Some(reason),
            Rule::Sure(_) | Rule::Share(_) | Rule::Promise(..) => None,
        }
    }

    /// What is promised of the answers that are not referred, where a risk was given.
    pub fn promise(&self) -> Option<Promise> {
        match self.rule {
            Rule::Promise(found, _) => Some(found),
            Rule::None(_) | Rule::Sure(_) | Rule::Share(_) => None,
        }
    }
}

/// The usual thresholds of pictures and features alone, where it is said how sure is sure enough.
fn but_of_confidence(trust: &Trust) -> Thresholds {
    let mut thresholds = trust.thresholds(USUAL_SHARE);
    thresholds.0[Question::Confidence as usize] = f32::INFINITY;
    thresholds
}

/// An answer whose probability is too low.
fn unsure(answer: &Prediction) -> Doubt {
    if of_two(answer) >= OF_TWO { Doubt::Ambiguous } else { Doubt::LowConfidence }
}

/// Whether an answer is a choice between two classes, each of which may well be right.
fn is_torn(answer: &Prediction) -> bool {
    of_two(answer) >= OF_TWO && answer.probabilities()[answer.runner_up()] >= TORN
}

/// Probability of the two likeliest classes.
fn of_two(answer: &Prediction) -> f32 {
    answer.probability() + answer.probabilities()[answer.runner_up()]
}

/// The error of a wish that cannot be met without thresholds: `found` says so.
pub fn without_thresholds(reason: Untrusted, found: &str) -> Error {
    let error = Error::new(format!("{found}: {reason}"));
    match reason {
        Untrusted::Nothing => error.hint(
            "`hema calibrate` fits them to a model, or say from which probability on an answer is believed",
        ),
        _ => error.hint("leave that out, or say from which probability on an answer is believed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(probabilities: &[f32]) -> Prediction {
        let classes: Vec<String> = (0..probabilities.len()).map(|class| format!("class {class}")).collect();
        Prediction::of(&classes, probabilities)
    }

    #[test]
    fn an_answer_is_torn_between_two_classes_that_have_nearly_all() {
        for (probabilities, torn, reason) in [
            ([0.74, 0.25, 0.01], true, Doubt::Ambiguous),
            ([0.85, 0.1, 0.05], false, Doubt::Ambiguous),
            ([0.5, 0.3, 0.2], false, Doubt::LowConfidence),
        ] {
            let answer = answer(&probabilities);
            assert_eq!((is_torn(&answer), unsure(&answer)), (torn, reason), "{probabilities:?}");
        }
    }

    #[test]
    fn without_thresholds_only_a_probability_can_be_asked_for() {
        let none = || Err(Untrusted::Nothing);
        let usual = Referral::new(none(), Asked::Usual).unwrap();
        assert_eq!((usual.refers(), usual.missing()), (false, Some(Untrusted::Nothing)));
        assert_eq!(usual.doubt(&answer(&[0.4, 0.6]), Vec::new()), None);
        let sure = Referral::new(none(), Asked::Sure(0.7)).unwrap();
        assert_eq!(sure.doubt(&answer(&[0.4, 0.6]), Vec::new()), Some(Doubt::Ambiguous));
        assert_eq!(sure.doubt(&answer(&[0.1, 0.9]), Vec::new()), None);
        for asked in [Asked::MaxRefer(0.1), Asked::Promise(Wanted::new(0.1, 0.9).unwrap())] {
            let error = Referral::new(none(), asked).unwrap_err();
            assert!(error.message().ends_with("the model carries no thresholds"), "{error}");
        }
    }
}
