//! Invert: dark becomes light, as in a negative.

use rand::RngExt as _;

use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Replaces every value by 255 less it; strength is the chance of it.
pub(crate) struct Invert;

/// Replaces every value by 255 less it (Pillow's `ImageOps.invert`).
pub(crate) fn invert(image: &mut Image) {
    image.pixels_mut().iter_mut().for_each(|value| *value = 255 - *value);
}

impl ImageOp for Invert {
    fn name(&self) -> &'static str {
        "invert"
    }

    fn about(&self) -> &'static str {
        "the negative; strength is the chance of it"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        if rng.random::<f32>() < strength {
            invert(image);
        }
    }
}
