//! The settings of an optimizer, and the steps that follow from them.

use std::collections::BTreeMap;
use std::fmt;

use hema_core::error::{Error, Result};

use super::rule::{Rule, Step};

/// The settings of an optimizer.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Settings {
    /// The rule, one of [`RULES`](super::RULES).
    pub rule: &'static dyn Rule,
    /// Decay rates of the rule's running means.
    pub betas: [f64; 2],
    /// Weight decay of arrays of more than one axis.
    pub weight_decay: f64,
    /// Largest norm of the gradient of all weights together; larger ones are scaled down to it.
    pub clip_norm: Option<f64>,
    /// Factor of the learning rate from each layer to the one before it, 1 for none.
    pub layer_decay: f64,
}

impl Settings {
    /// The rule with its usual running means, without weight decay, clipping or rates that differ between
    /// layers.
    pub fn new(rule: &'static dyn Rule) -> Self {
        Self { rule, betas: rule.betas(), weight_decay: 0.0, clip_norm: None, layer_decay: 1.0 }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, betas, weight_decay, clip_norm, layer_decay } = self;
        let rule = rule.name();
        write!(f, "{rule} {betas:?}, decay {weight_decay}, clip {clip_norm:?}, layer decay {layer_decay}")
    }
}

/// One step of all weights: the numbers that are the same for all of them, and those that each has of its
/// own.
pub(super) struct StepOfAll<'a> {
    pub(super) settings: &'a Settings,
    /// Factor of each parameter's learning rate, where layers differ.
    pub(super) factors: &'a BTreeMap<String, f64>,
    /// Number of this step, from 1.
    pub(super) number: u64,
    pub(super) lr: f64,
}

impl StepOfAll<'_> {
    /// The factor of a parameter's learning rate.
    pub(super) fn factor(&self, parameter: &str) -> f64 {
        self.factors.get(parameter).copied().unwrap_or(1.0)
    }

    /// The step of a weight with this factor of the learning rate. `scale` multiplies its gradient.
    pub(super) fn of_weight(&self, factor: f64, decays: bool, scale: f64) -> Step {
        Step {
            lr: self.lr * factor,
            weight_decay: if decays { self.settings.weight_decay } else { 0.0 },
            betas: self.settings.betas,
            number: self.number,
            scale,
        }
    }
}

/// Checks that a norm can be stepped by.
///
/// # Errors
/// A norm that is not finite.
pub(super) fn check_norm(norm: f64) -> Result<()> {
    if norm.is_finite() {
        return Ok(());
    }
    Err(Error::new(format!("the gradient's norm is {norm}, expected a finite number"))
        .hint("lower the learning rate, or clip with clip_norm"))
}
