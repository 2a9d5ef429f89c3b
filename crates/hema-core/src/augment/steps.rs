//! Augmentation as a recipe asks for it: steps that change a training image one after the other.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use super::other_names::called_elsewhere;
use super::policy::{self, POLICIES, Policy};
use super::table::AUGMENTATIONS;
use crate::corrupt::CORRUPTIONS;
use crate::error::{Error, Result, suggest};
use crate::image_op::{Fill, ImageOp};
use crate::rng::Rng;
use crate::sample::Image;

/// A list of steps, each done with its own probability. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Augment {
    steps: Arc<[Step]>,
}

/// One step of an [`Augment`].
#[derive(Debug)]
pub struct Step {
    change: Change,
    probability: f32,
}

/// The change that a step makes.
enum Change {
    /// An augmentation or corruption at any strength of a range, as likely.
    Operator(Box<dyn ImageOp>, RangeInclusive<f32>),
    /// Operators that a policy chooses.
    Policy(Policy, Fill),
    /// Some of several steps, in random order.
    SomeOf(RangeInclusive<usize>, Vec<Step>),
    /// Several steps, one after the other.
    AllOf(Vec<Step>),
}

impl Step {
    /// An augmentation, a corruption or a policy (its word, which has a strength of its own), by name.
    /// `strength` is the most that is done to an image, anything up to it as likely; `fill` stands for what
    /// is beyond the border, where the operator does not choose itself.
    ///
    /// # Errors
    /// An unknown name, with the closest one; a policy's bad setting; a fill for an operator that needs none.
    pub fn named(name: &str, strength: f32, fill: Option<Fill>) -> Result<Self> {
        let no_fill = |change| match fill {
            Some(_) => Err(Error::new(format!("`{name}` shows nothing beyond the border"))
                .hint("leave `fill` out, or give it to a geometric or occluding operator")),
            None => Ok(change),
        };
        let change = if let Some(row) = AUGMENTATIONS.iter().find(|op| op.name() == name) {
            let own = row.with_fill(fill.unwrap_or_default());
            let strengths = if row.draws() { strength..=strength } else { 0.0..=strength };
            match (own, fill) {
                (Some(op), Some(_)) => Change::Operator(op, strengths),
                _ => no_fill(Change::Operator(Box::new(TableOp(*row)), strengths))?,
            }
        } else if let Some(row) = CORRUPTIONS.iter().find(|op| op.name() == name) {
            no_fill(Change::Operator(Box::new(TableOp(*row)), 0.0..=strength))?
        } else if policy::kind(name).is_some() {
            Change::Policy(name.parse()?, fill.unwrap_or_default())
        } else {
            let known = AUGMENTATIONS.iter().chain(CORRUPTIONS).map(|op| op.name());
            let known = known.chain(POLICIES.iter().map(|kind| kind.name));
            let hint = match called_elsewhere(name) {
                Some(own) => format!("did you mean `{own}`?"),
                None => suggest(name, known),
            };
            return Err(Error::new(format!("unknown operator `{name}`")).hint(hint));
        };
        Ok(Self { change, probability: 1.0 })
    }

    /// A random number of steps out of several, within `count`, in random order.
    pub fn some_of(count: RangeInclusive<usize>, steps: Vec<Self>) -> Self {
        Self { change: Change::SomeOf(count, steps), probability: 1.0 }
    }

    /// Several steps in this order, as one.
    pub fn all_of(steps: Vec<Self>) -> Self {
        Self { change: Change::AllOf(steps), probability: 1.0 }
    }

    /// Limits the step to this share of the images, 0 to 1.
    pub fn with_probability(self, probability: f32) -> Self {
        Self { probability, ..self }
    }

    /// Fixes every operator of the step at exactly its strength.
    pub fn exactly(self) -> Self {
        let change = match self.change {
            Change::Operator(op, strengths) => Change::Operator(op, *strengths.end()..=*strengths.end()),
            Change::SomeOf(count, steps) => {
                Change::SomeOf(count, steps.into_iter().map(Self::exactly).collect())
            }
            Change::AllOf(steps) => Change::AllOf(steps.into_iter().map(Self::exactly).collect()),
            policy @ Change::Policy(..) => policy,
        };
        Self { change, ..self }
    }

    /// Names of its operators and policies.
    fn names(&self) -> Vec<String> {
        match &self.change {
            Change::Operator(op, _) => vec![op.name().to_owned()],
            Change::Policy(policy, _) => vec![format!("{policy:?}")],
            Change::SomeOf(_, steps) | Change::AllOf(steps) => steps.iter().flat_map(Self::names).collect(),
        }
    }

    fn apply(&self, image: &mut Image, rng: &mut Rng) {
        if rng.random::<f32>() >= self.probability {
            return;
        }
        match &self.change {
            Change::Operator(op, strengths) => {
                let (weakest, strongest) = strengths.clone().into_inner();
                let strength = weakest + (strongest - weakest) * rng.random::<f32>();
                op.apply(image, strength, rng);
            }
            Change::Policy(policy, fill) => policy.apply(image, *fill, rng),
            Change::SomeOf(count, steps) => {
                let mut order: Vec<&Self> = steps.iter().collect();
                let count = rng.random_range(count.clone()).min(steps.len());
                let (chosen, _) = order.partial_shuffle(rng, count);
                for step in chosen {
                    step.apply(image, rng);
                }
            }
            Change::AllOf(steps) => steps.iter().for_each(|step| step.apply(image, rng)),
        }
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(op, strengths) => write!(f, "{op:?} {strengths:?}"),
            Self::Policy(policy, fill) => write!(f, "{policy:?} {fill}"),
            Self::SomeOf(count, steps) => write!(f, "{count:?} of {steps:?}"),
            Self::AllOf(steps) => write!(f, "all of {steps:?}"),
        }
    }
}

/// An operator of a table as a step's own.
struct TableOp(&'static dyn ImageOp);

impl ImageOp for TableOp {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn about(&self) -> &'static str {
        self.0.about()
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        self.0.apply(image, strength, rng);
    }
}

impl Augment {
    /// The augmentation that takes these steps in this order.
    pub fn new(steps: Vec<Step>) -> Self {
        Self { steps: steps.into() }
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Names of all operators and policies, in order.
    pub fn names(&self) -> Vec<String> {
        self.steps.iter().flat_map(Step::names).collect()
    }

    /// Changes one image; the random numbers decide which steps are taken, and how far.
    pub fn apply(&self, image: &mut Image, rng: &mut Rng) {
        self.steps.iter().for_each(|step| step.apply(image, rng));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn changed(step: Step, index: u64) -> Image {
        let mut image = Image::new(16, 16, (0..16 * 16 * 3).map(|i| (i % 251) as u8).collect()).unwrap();
        Augment::new(vec![step]).apply(&mut image, &mut stream(1, Purpose::Augment, 0, index));
        image
    }

    #[test]
    fn a_step_may_be_an_augmentation_a_corruption_or_a_policy() {
        for name in ["rotate", "gaussian-noise", "rand-m9-n3-mstd0.5-inc1"] {
            let step = || Step::named(name, 1.0, None).unwrap();
            assert_eq!(Augment::new(vec![step()]).names(), [name]);
            assert!((0..9).any(|index| changed(step(), index) != changed(step(), index + 1)), "{name}");
        }
    }

    #[test]
    fn names_and_fills_are_checked() {
        let error = |name: &str, fill| Step::named(name, 1.0, fill).unwrap_err();
        let unknown = error("rotat", None);
        assert_eq!(unknown.to_string(), "unknown operator `rotat`");
        assert_eq!(unknown.hint_text(), Some("did you mean `rotate`?"));
        assert_eq!(error("hue", Some(Fill::Background)).to_string(), "`hue` shows nothing beyond the border");
        assert_eq!(error("jpeg", Some(Fill::Reflect)).to_string(), "`jpeg` shows nothing beyond the border");
        assert!(error("rand-m99", None).to_string().contains("m is `99`"));
    }

    #[test]
    fn the_fill_is_seen_beyond_the_border() {
        let black = |fill| {
            let image = changed(Step::named("translate-x", 1.0, fill).unwrap(), 3);
            image.pixels().as_chunks::<3>().0.iter().filter(|pixel| **pixel == [0; 3]).count()
        };
        assert!(black(Some(Fill::Colour([0; 3]))) > black(None) + 10);
    }

    #[test]
    fn a_recipe_draws_what_an_operator_does_not() {
        let step = || Step::named("posterize", 1.0, None).unwrap();
        let outcomes = |step: &dyn Fn() -> Step| -> std::collections::HashSet<Vec<u8>> {
            (0..40).map(|index| changed(step(), index).into_pixels()).collect()
        };
        assert_eq!(outcomes(&step).len(), 8, "one to eight bits");
        assert_eq!(outcomes(&|| step().exactly()).len(), 1);
    }

    #[test]
    fn an_operator_that_draws_nothing_says_so() {
        let image = Image::new(16, 16, (0..16 * 16 * 3).map(|i| (i % 251) as u8).collect()).unwrap();
        for op in AUGMENTATIONS {
            let outcomes: std::collections::HashSet<Vec<u8>> = (0..20)
                .map(|index| {
                    let mut image = image.clone();
                    op.apply(&mut image, 0.5, &mut stream(1, Purpose::Augment, 0, index));
                    image.into_pixels()
                })
                .collect();
            assert_eq!(op.draws(), outcomes.len() > 1, "{op:?}");
        }
    }

    #[test]
    fn some_of_several_steps_are_taken() {
        let two_of_three = || {
            let names = ["flip-horizontal", "flip-vertical", "invert"];
            Step::some_of(2..=2, names.map(|name| Step::named(name, 1.0, None).unwrap()).into())
        };
        let outcomes: std::collections::HashSet<Vec<u8>> =
            (0..60).map(|index| changed(two_of_three(), index).into_pixels()).collect();
        assert_eq!(outcomes.len(), 3, "three pairs of three steps");
        let none = Step::some_of(0..=0, vec![Step::named("invert", 1.0, None).unwrap()]);
        assert_eq!(changed(none, 1), changed(Step::some_of(5..=9, Vec::new()), 2));
    }

    #[test]
    fn a_sequence_keeps_its_order_among_alternatives() {
        let named = |name| Step::named(name, 1.0, None).unwrap();
        let sequence = || Step::all_of(vec![named("autocontrast").exactly(), named("invert").exactly()]);
        let alternatives = || Step::some_of(1..=1, vec![sequence(), named("flip-vertical")]);
        assert_eq!(Augment::new(vec![alternatives()]).names(), ["autocontrast", "invert", "flip-vertical"]);
        let both = changed(sequence(), 0);
        assert_ne!(both, changed(named("invert").exactly(), 0));
        let outcomes: Vec<Image> = (0..40).map(|index| changed(alternatives(), index)).collect();
        let whole = outcomes.iter().filter(|image| **image == both).count();
        let rest = changed(named("flip-vertical"), 0);
        assert!((10..30).contains(&whole), "{whole}");
        assert_eq!(outcomes.iter().filter(|image| **image == rest).count(), 40 - whole);
    }
}
