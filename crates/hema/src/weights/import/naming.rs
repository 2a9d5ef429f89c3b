//! The contract of a naming: how one piece of software names the weights of the zoo's networks.

use crate::weights::state::{Shapes, StateDict};

/// How one piece of software names weights.
pub(super) struct Naming {
    /// The software.
    pub(super) name: &'static str,
    /// Whether these are its names.
    pub(super) is: fn(&StateDict) -> bool,
    /// Changes them to the zoo's names of an architecture, whose shapes are given. An unknown name stays as
    /// it is.
    pub(super) rename: fn(StateDict, &str, &Shapes) -> StateDict,
    /// A difference that remains all the same, for this architecture.
    pub(super) note: fn(&str) -> Option<String>,
}

/// Whether an architecture pads as TensorFlow does.
pub(super) fn pads_like_tensorflow(model: &str) -> bool {
    model.starts_with("tf_")
}
