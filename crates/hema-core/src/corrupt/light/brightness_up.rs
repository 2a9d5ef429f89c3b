//! Too much light.

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, brightness};
use crate::rng::Rng;
use crate::sample::Image;

/// Multiplies all values by a factor above 1: 1.4 at strength 1.
pub(crate) struct BrightnessUp;

/// The factor, from no corruption to severity 5.
const FACTOR: [f32; 6] = [1.0, 1.1, 1.2, 1.3, 1.35, 1.4];

impl ImageOp for BrightnessUp {
    fn name(&self) -> &'static str {
        "brightness-up"
    }

    fn about(&self) -> &'static str {
        "too much light: values times 1.4 at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        brightness(image, at_strength(FACTOR, strength));
    }
}
