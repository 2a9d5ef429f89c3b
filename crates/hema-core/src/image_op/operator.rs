//! The trait that augmentations and corruptions implement.

use std::fmt;

use super::fill::Fill;
use crate::rng::Rng;
use crate::sample::Image;

/// An operator that changes an image in place and keeps its size.
pub trait ImageOp: Send + Sync {
    /// The name in recipes, tables and reports: lowercase words joined by hyphens.
    fn name(&self) -> &'static str;

    /// One line for people: what the operator does and its parameter at strength 1.
    fn about(&self) -> &'static str;

    /// Changes the image. Strength runs from 0, the identity, to 1; values outside are clamped.
    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng);

    /// Whether it draws its parameter itself, up to the strength. Of one that does not, a recipe draws the
    /// strength.
    fn draws(&self) -> bool {
        true
    }

    /// A copy of the operator with another [`Fill`]; `None` for one that never needs any.
    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        let _ = fill;
        None
    }
}

impl fmt::Debug for dyn ImageOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
