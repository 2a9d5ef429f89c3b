//! Move up or down.

use crate::image_op::{Fill, ImageOp, signed_unit, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves the image up or down by up to `0.4 strength` of its height either way.
pub(crate) struct TranslateY(pub(crate) Fill);

/// Moves the image downwards by a number of pixels, whole or not.
pub(crate) fn translate_y(image: &mut Image, pixels: f32, fill: Fill) {
    warp::affine(image, [[1.0, 0.0], [0.0, 1.0]], [0.0, -pixels], fill);
}

impl ImageOp for TranslateY {
    fn name(&self) -> &'static str {
        "translate-y"
    }

    fn about(&self) -> &'static str {
        "move up or down by a random distance, up to 0.4 of the height either way at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let share = 0.4 * strength.clamp(0.0, 1.0) * signed_unit(rng);
        translate_y(image, share * image.height() as f32, self.0);
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}
