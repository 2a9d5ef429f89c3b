//! The stage moved during exposure, in the amounts of `ImageNet-C`.

use rand::RngExt as _;

use super::motion_blur::streak;
use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::Border;
use crate::image_op::raster::Raster;
use crate::image_op::{ImageOp, cut};
use crate::rng::Rng;
use crate::sample::Image;

/// Convolves with half a Gaussian along a line at a random angle within 45° of the horizontal: radius 20 and
/// deviation 15 pixels of 224 at strength 1.
pub(crate) struct ImagenetMotionBlur;

/// Half the streak's length in pixels of 224, from no corruption to severity 5.
const RADIUS: [f32; 6] = [0.0, 10.0, 15.0, 15.0, 15.0, 20.0];
/// The Gaussian's standard deviation in pixels of 224, from no corruption to severity 5.
const DEVIATION: [f32; 6] = [0.0, 3.0, 5.0, 8.0, 12.0, 15.0];

impl ImageOp for ImagenetMotionBlur {
    fn name(&self) -> &'static str {
        "imagenet-motion-blur"
    }

    fn about(&self) -> &'static str {
        "the stage moved: a streak of radius 20 and deviation 15 at severity 5, in pixels of 224"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let angle = rng.random_range(-45.0..45.0);
        let (radius, deviation) = (at_strength(RADIUS, strength), at_strength(DEVIATION, strength));
        streak(radius, deviation, angle, pixel_at_224(image))
            .convolve(&Raster::of(image), Border::Edge)
            .write(image, cut);
    }
}
