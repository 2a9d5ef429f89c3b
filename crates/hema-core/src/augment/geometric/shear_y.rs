//! Shear along the columns: the left half goes one way, the right the other.

use crate::image_op::{Fill, ImageOp, signed_unit, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Shears columns by a factor up to `0.5 strength` either way: a row through the centre leans by up to 27°.
pub(crate) struct ShearY(pub(crate) Fill);

/// Moves every column by `factor` pixels for each pixel that it is right of the centre, upwards where
/// `factor` is positive.
pub(crate) fn shear_y(image: &mut Image, factor: f32, fill: Fill) {
    warp::affine(image, [[1.0, 0.0], [factor, 1.0]], [0.0; 2], fill);
}

impl ImageOp for ShearY {
    fn name(&self) -> &'static str {
        "shear-y"
    }

    fn about(&self) -> &'static str {
        "shear the columns by a random factor, up to 0.5 either way at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        shear_y(image, 0.5 * strength.clamp(0.0, 1.0) * signed_unit(rng), self.0);
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}
