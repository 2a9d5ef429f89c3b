//! Noise in proportion to the light, as of coherent illumination.

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, cut, normal};
use crate::rng::Rng;
use crate::sample::Image;

/// Multiplies every value by a normal number around 1: standard deviation 0.6 at strength 1 (`ImageNet-C`).
pub(crate) struct SpeckleNoise;

/// The standard deviation, from no corruption to severity 5.
const DEVIATION: [f32; 6] = [0.0, 0.15, 0.2, 0.35, 0.45, 0.6];

impl ImageOp for SpeckleNoise {
    fn name(&self) -> &'static str {
        "speckle-noise"
    }

    fn about(&self) -> &'static str {
        "noise in proportion to the light: standard deviation 0.6 of the value at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let deviation = at_strength(DEVIATION, strength);
        for value in image.pixels_mut() {
            *value = cut(f32::from(*value) * (1.0 + deviation * normal(rng)));
        }
    }
}
