//! Move to the left or right.

use crate::image_op::{Fill, ImageOp, signed_unit, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves the image sideways by up to `0.4 strength` of its width either way.
pub(crate) struct TranslateX(pub(crate) Fill);

/// Moves the image to the right by a number of pixels, whole or not.
pub(crate) fn translate_x(image: &mut Image, pixels: f32, fill: Fill) {
    warp::affine(image, [[1.0, 0.0], [0.0, 1.0]], [-pixels, 0.0], fill);
}

impl ImageOp for TranslateX {
    fn name(&self) -> &'static str {
        "translate-x"
    }

    fn about(&self) -> &'static str {
        "move sideways by a random distance, up to 0.4 of the width either way at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let share = 0.4 * strength.clamp(0.0, 1.0) * signed_unit(rng);
        translate_x(image, share * image.width() as f32, self.0);
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}
