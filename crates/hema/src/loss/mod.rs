//! What training minimises: a sum of terms.
//!
//! A term is one file and one row of [`TERMS`]. Terms have settings of their own and know no recipe; `train`
//! makes them of one.

mod consistency;
mod cross_entropy;
mod distillation;
mod target;
mod term;

#[cfg(test)]
mod tests;

use burn::tensor::Tensor;

use self::term::Term;

pub(crate) use consistency::{Consistency, VIEWS};
pub use cross_entropy::{ClassWeights, CrossEntropy};
pub(crate) use distillation::{Distillation, soften};
pub use target::Target;
pub(crate) use term::Part;

/// A row of [`TERMS`].
pub struct TermRow {
    /// The term's name.
    pub name: &'static str,
    /// One line for `hema list losses`.
    pub about: &'static str,
    /// The recipe keys that set it.
    pub keys: &'static [&'static str],
    /// The term of an objective; `None` where it is left out.
    of: fn(&Objective) -> Option<&dyn Term>,
}

/// Every term of the loss, in the order they are added up.
pub const TERMS: &[TermRow] = &[
    TermRow {
        name: "cross-entropy",
        about: "against the labels; smoothed (Szegedy et al., 2016), weighted by class, focal (Lin et al., 2017)",
        keys: &[
            "loss.label_smoothing",
            "loss.focus",
            "loss.class_weights",
            "loss.beta",
            "loss.labelled_views",
        ],
        of: |objective| Some(&objective.cross_entropy),
    },
    TermRow {
        name: "distillation",
        about: "against the predictions of teachers (Hinton et al., 2015)",
        keys: &["distill.teachers", "distill.temperature", "distill.weight"],
        of: |objective| objective.distillation.as_ref().map(|term| term as &dyn Term),
    },
    TermRow {
        name: "consistency",
        about: "Jensen-Shannon divergence between the predictions for three views (Hendrycks et al., 2020)",
        keys: &["loss.consistency"],
        of: |objective| objective.consistency.as_ref().map(|term| term as &dyn Term),
    },
];

/// The terms that a stage of training minimises the sum of.
#[derive(Clone, Debug)]
pub(crate) struct Objective {
    pub(crate) cross_entropy: CrossEntropy,
    pub(crate) distillation: Option<Distillation>,
    pub(crate) consistency: Option<Consistency>,
}

impl Objective {
    /// The terms that are not left out.
    fn terms(&self) -> impl Iterator<Item = &dyn Term> {
        TERMS.iter().filter_map(move |row| (row.of)(self))
    }

    /// The addend of a part of a batch to the batch's mean loss, `[1]`.
    pub(crate) fn add(&self, part: &Part) -> Tensor<1> {
        let sum = self.terms().map(|term| term.add(part)).reduce(|a, b| a + b);
        sum.unwrap_or_else(|| Tensor::zeros([1], &part.logits.device()))
    }

    /// Views of each training image in a batch.
    pub(crate) fn views(&self) -> usize {
        self.terms().map(Term::views).max().unwrap_or(1)
    }
}
