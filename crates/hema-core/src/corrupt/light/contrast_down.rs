//! A flat image, as of a pale stain or stray light.

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, contrast};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves all values towards the image's mean grey: half the way at strength 1.
pub(crate) struct ContrastDown;

/// Share of the distance from the mean that is left, from no corruption to severity 5.
const FACTOR: [f32; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];

impl ImageOp for ContrastDown {
    fn name(&self) -> &'static str {
        "contrast-down"
    }

    fn about(&self) -> &'static str {
        "a flat image: distance from the mean grey times 0.5 at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        contrast(image, at_strength(FACTOR, strength));
    }
}
