//! The stage moved during exposure: every point becomes a fading streak.

use super::{at_strength, pixel_at_224};
use crate::image_op::ImageOp;
use crate::image_op::kernel::Kernel;
use crate::rng::Rng;
use crate::sample::Image;
use rand::RngExt as _;

/// Convolves with half a Gaussian along a line at a random angle within 45° of the horizontal: radius 10 and
/// deviation 9 pixels of 224 at strength 1.
///
/// The kernel is that of `ImageMagick`'s motion blur: it starts at the pixel and runs two radii to one side.
pub struct MotionBlur;

/// Half the streak's length in pixels of 224, from no corruption to severity 5.
const RADIUS: [f32; 6] = [0.0, 3.0, 5.0, 10.0, 10.0, 10.0];
/// The Gaussian's standard deviation in pixels of 224, from no corruption to severity 5.
const DEVIATION: [f32; 6] = [0.0, 3.0, 5.0, 5.0, 7.0, 9.0];

impl ImageOp for MotionBlur {
    fn name(&self) -> &'static str {
        "motion-blur"
    }

    fn about(&self) -> &'static str {
        "the stage moved: a streak of radius 10 and deviation 9 at severity 5, in pixels of 224"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let pixel = pixel_at_224(image);
        let length = 2.0 * at_strength(RADIUS, strength);
        let deviation = at_strength(DEVIATION, strength);
        let (sin, cos) = rng.random_range(-45.0f32..45.0).to_radians().sin_cos();

        let mut streak = Kernel::new((length * pixel).ceil() as usize);
        streak.add(0.0, 0.0, 1.0);
        // samples stand at most half a pixel apart, of this image and of 224
        let samples = (2.0 * length * pixel.max(1.0)).ceil() as usize;
        for sample in 1..=samples {
            let distance = length * sample as f32 / samples as f32;
            let weight = (-0.5 * (distance / deviation).powi(2)).exp();
            streak.add(distance * pixel * cos, distance * pixel * sin, weight);
        }
        streak.convolve(image);
    }
}
