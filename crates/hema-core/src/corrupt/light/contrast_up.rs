//! A harsh image, as of an overdone stain or a camera's setting.

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, contrast};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves all values away from the image's mean grey: 1.3 times as far at strength 1.
pub(crate) struct ContrastUp;

/// The distance from the mean in parts of the original one, from no corruption to severity 5.
const FACTOR: [f32; 6] = [1.0, 1.1, 1.15, 1.2, 1.25, 1.3];

impl ImageOp for ContrastUp {
    fn name(&self) -> &'static str {
        "contrast-up"
    }

    fn about(&self) -> &'static str {
        "a harsh image: distance from the mean grey times 1.3 at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        contrast(image, at_strength(FACTOR, strength));
    }
}
