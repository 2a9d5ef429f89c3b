//! Solarize: the light parts become their negative, as on film that saw light twice.

use crate::image_op::{ImageOp, map_values};
use crate::rng::Rng;
use crate::sample::Image;

/// Inverts the values above a threshold, which falls from 256 to 0 as strength rises.
pub(crate) struct Solarize;

/// Inverts the values at or above a threshold, 0 to 256 (Pillow's `ImageOps.solarize`).
pub(crate) fn solarize(image: &mut Image, threshold: f32) {
    map_values(image, |value| if value < threshold { value } else { 255.0 - value });
}

impl ImageOp for Solarize {
    fn name(&self) -> &'static str {
        "solarize"
    }

    fn about(&self) -> &'static str {
        "invert the values above a threshold: all of them at strength 1"
    }

    fn draws(&self) -> bool {
        false
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        solarize(image, 256.0 * (1.0 - strength.clamp(0.0, 1.0)));
    }
}
