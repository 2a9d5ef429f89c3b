//! Sensor noise.

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, cut, normal};
use crate::rng::Rng;
use crate::sample::Image;

/// Adds independent normal noise to every value: standard deviation 0.26 of full scale at strength 1.
///
/// `BloodMNIST-C` has no noise; the deviations are those of `DermaMNIST-C`, the colour set of the same
/// benchmark that has.
pub(crate) struct GaussianNoise;

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
        gaussian_noise(image, at_strength(DEVIATION, strength), rng);
    }
}

/// Adds independent normal noise, its deviation in parts of full scale.
pub(crate) fn gaussian_noise(image: &mut Image, deviation: f32, rng: &mut Rng) {
    let deviation = 255.0 * deviation;
    for value in image.pixels_mut() {
        *value = cut(f32::from(*value) + deviation * normal(rng));
    }
}
