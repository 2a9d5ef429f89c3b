//! Sensor noise.

use super::at_strength;
use crate::image_op::{ImageOp, normal, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// Adds independent normal noise to every value: standard deviation 0.26 of full scale at strength 1.
///
/// BloodMNIST-C has no noise; the deviations are those of DermaMNIST-C, the colour set of the same benchmark that has.
pub struct GaussianNoise;

/// The standard deviation in parts of full scale, from no corruption to severity 5.
const DEVIATION: [f32; 6] = [0.0, 0.04, 0.08, 0.12, 0.18, 0.26];

impl ImageOp for GaussianNoise {
    fn name(&self) -> &'static str {
        "gaussian-noise"
    }

    fn about(&self) -> &'static str {
        "sensor noise: standard deviation 0.26 of full scale at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let deviation = 255.0 * at_strength(DEVIATION, strength);
        for value in image.pixels_mut() {
            *value = to_byte(f32::from(*value) + deviation * normal(rng));
        }
    }
}
