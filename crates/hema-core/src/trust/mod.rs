//! What can be said of a single answer: how sure it is, and what of it can be promised.
//!
//! Promises are computed from labelled images that nothing of the model was fitted on ([`Certifying`]), and
//! hold for cells like those.

mod certifying;

pub use certifying::{Certified, Certifying};
