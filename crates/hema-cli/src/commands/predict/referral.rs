//! Which answers are referred to a person, and why.

use hema::error::{Error, Result};
use hema::metrics::is_sure;
use hema::predict::Untrusted;
use hema::trust::{Limits, Promise, Question, Thresholds, Trust, USUAL_SHARE, Wanted, promise};
use hema::{Classifier, Prediction};

use super::doubt::Doubt;
use crate::commands::certify::in_words;
use crate::output::percent;

/// Probability of the two likeliest classes together from which an unsure answer is a choice between them.
const OF_TWO: f32 = 0.9;

/// By what answers are referred.
pub(super) struct Referral<'a> {
    rule: Rule,
    by_model: Option<(&'a Trust, Thresholds)>,
}

/// What was asked for.
#[derive(Clone, Copy)]
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

/// What a user says of referral.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// The lowest probability that is believed.
    pub(super) sure: Option<f64>,
    /// The most that is referred, of images like training's.
    pub(super) max_refer: Option<f64>,
    /// The risk that can be borne.
    pub(super) promise: Option<Wanted>,
}

impl<'a> Referral<'a> {
    /// By the lowest probability that is believed, the most that is referred or the risk that can be borne,
    /// or by what is usual.
    ///
    /// # Errors
    /// A share or a risk for a model that carries no thresholds; a risk that cannot be promised.
    pub(super) fn new(model: &'a Classifier, asked: Asked) -> Result<Self> {
        if let Some(wanted) = asked.promise {
            return Self::promising(model, wanted);
        }
        let Asked { sure, max_refer: share, .. } = asked;
        let by_model = |trust: &'a Trust, share: f64| Some((trust, trust.thresholds(share)));
        match (model.trust(), sure, share) {
            (Err(reason), None, Some(_)) => Err(without_thresholds(reason, "--max-refer")),
            (Err(_), Some(sure), _) => Ok(Self { rule: Rule::Sure(sure), by_model: None }),
            (Err(reason), None, None) => Ok(Self { rule: Rule::None(reason), by_model: None }),
            (Ok(trust), Some(sure), _) => {
                Ok(Self { rule: Rule::Sure(sure), by_model: Some((trust, but_of_confidence(trust))) })
            }
            (Ok(trust), None, share) => {
                let share = share.unwrap_or(USUAL_SHARE);
                Ok(Self { rule: Rule::Share(share), by_model: by_model(trust, share) })
            }
        }
    }

    /// By the lowest probability of which a promise holds.
    fn promising(model: &'a Classifier, wanted: Wanted) -> Result<Self> {
        let trust = model.trust().map_err(|reason| without_thresholds(reason, "--max-risk"))?;
        let thresholds = but_of_confidence(trust);
        let found = promise(&trust.certifying, Limits::of(&thresholds), wanted);
        let Some(kept) = found.kept else {
            return Err(Error::new(in_words(&found))
                .hint("`hema certify MODEL VERIFIED --out MODEL2` promises by verified cells of your own"));
        };
        let rule = Rule::Promise(found, kept.threshold.into());
        Ok(Self { rule, by_model: Some((trust, thresholds)) })
    }

    /// Whether answers are referred at all.
    pub(super) fn refers(&self) -> bool {
        !matches!(self.rule, Rule::None(_))
    }

    /// The lowest probability that is believed, where one was given.
    pub(super) fn sure(&self) -> Option<f64> {
        match self.rule {
            Rule::Sure(sure) | Rule::Promise(_, sure) => Some(sure),
            Rule::None(_) | Rule::Share(_) => None,
        }
    }

    /// Why a person should look at an answer.
    pub(super) fn doubt(&self, answer: &Prediction) -> Option<Doubt> {
        if self.refers() && answer.excluded_label().is_some() {
            return Some(Doubt::ExcludedClass);
        }
        let unsure = || Some(unsure(answer));
        let question = match (&self.by_model, answer.marks()) {
            (Some((trust, thresholds)), Some(marks)) => {
                thresholds.question(&trust.doubts(answer.probability(), marks))
            }
            _ => None,
        };
        match question {
            Some(Question::Confidence) => unsure(),
            Some(Question::Unlike) => Some(Doubt::UnlikeTraining(Vec::new())),
            Some(Question::Poor) => Some(Doubt::PoorImage),
            None if self.sure().is_some_and(|sure| !is_sure(answer.probability(), sure)) => unsure(),
            None => None,
        }
    }

    /// By what an answer is believed, in words; `None` where none is referred.
    pub(super) fn criterion(&self) -> Option<String> {
        match self.rule {
            Rule::None(_) => None,
            Rule::Sure(sure) => Some(format!("with a probability of at least {sure}")),
            Rule::Share(share) => {
                let share = percent(share);
                Some(format!("by thresholds that refer at most {share} of images like training's"))
            }
            Rule::Promise(Promise { wanted, images, kept: Some(kept), .. }, _) => Some(format!(
                "{}, by {images} certifying cells of which {} were kept and {} of those wrong, with a probability of at least \
                 {}",
                wanted.in_words(),
                percent(kept.coverage),
                kept.errors,
                kept.threshold
            )),
            Rule::Promise(found, _) => Some(in_words(&found)),
        }
    }

    /// Why no answer is referred, where none is.
    pub(super) fn missing(&self) -> Option<Untrusted> {
        match self.rule {
            Rule::None(reason) => Some(reason),
            Rule::Sure(_) | Rule::Share(_) | Rule::Promise(..) => None,
        }
    }

    /// What is promised of the answers that are not referred, where a risk was given.
    pub(super) fn promise(&self) -> Option<Promise> {
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
    let second = answer.runner_up();
    let of_two = answer.probability() + answer.probabilities()[second];
    if of_two >= OF_TWO { Doubt::Ambiguous } else { Doubt::LowConfidence }
}

/// The error of an option that needs thresholds.
pub(super) fn without_thresholds(reason: Untrusted, option: &str) -> Error {
    let error = Error::new(format!("{option}: {reason}"));
    match reason {
        Untrusted::Nothing => {
            error.hint("`hema calibrate` fits them to a model, or give a probability with --sure")
        }
        _ => error.hint("leave that out, or give a probability with --sure"),
    }
}
