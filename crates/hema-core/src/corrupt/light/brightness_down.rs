//! Too little light.

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, brightness};
use crate::rng::Rng;
use crate::sample::Image;

/// Multiplies all values by a factor below 1: 0.5 at strength 1.
pub(crate) struct BrightnessDown;

/// The factor, from no corruption to severity 5.
const FACTOR: [f32; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];

impl ImageOp for BrightnessDown {
    fn name(&self) -> &'static str {
        "brightness-down"
    }

    fn about(&self) -> &'static str {
        "too little light: values times 0.5 at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        brightness(image, at_strength(FACTOR, strength));
    }
}
