//! Shear along the rows: the upper half goes one way, the lower the other.

use crate::image_op::{Fill, ImageOp, signed_unit, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Shears rows by a factor up to `0.5 strength` either way: a column through the centre leans by up to 27°.
pub(crate) struct ShearX(pub(crate) Fill);

/// Moves every row by `factor` pixels for each pixel that it is below the centre, to the left where `factor`
/// is positive.
pub(crate) fn shear_x(image: &mut Image, factor: f32, fill: Fill) {
    warp::affine(image, [[1.0, factor], [0.0, 1.0]], [0.0; 2], fill);
}

impl ImageOp for ShearX {
    fn name(&self) -> &'static str {
        "shear-x"
    }

    fn about(&self) -> &'static str {
        "shear the rows by a random factor, up to 0.5 either way at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        shear_x(image, 0.5 * strength.clamp(0.0, 1.0) * signed_unit(rng), self.0);
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}
