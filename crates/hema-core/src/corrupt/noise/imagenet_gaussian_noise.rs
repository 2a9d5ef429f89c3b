//! Sensor noise in the amounts of `ImageNet-C`.

use super::gaussian_noise::gaussian_noise;
use crate::corrupt::severity::at_strength;
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Adds independent normal noise to every value: standard deviation 0.38 of full scale at strength 1.
pub(crate) struct ImagenetGaussianNoise;

/// The standard deviation in parts of full scale, from no corruption to severity 5.
const DEVIATION: [f32; 6] = [0.0, 0.08, 0.12, 0.18, 0.26, 0.38];

impl ImageOp for ImagenetGaussianNoise {
    fn name(&self) -> &'static str {
        "imagenet-gaussian-noise"
    }

    fn about(&self) -> &'static str {
        "sensor noise: standard deviation 0.38 of full scale at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        gaussian_noise(image, at_strength(DEVIATION, strength), rng);
    }
}
