//! The stage moved during exposure: every point becomes a fading streak.

use rand::RngExt as _;

use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::Border;
use crate::image_op::kernel::{Kernel, Point};
use crate::image_op::raster::Raster;
use crate::image_op::{ImageOp, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// Convolves with half a Gaussian along a line at a random angle within 45° of the horizontal: radius 10 and
/// deviation 9 pixels of 224 at strength 1.
pub(crate) struct MotionBlur;

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
        let angle = rng.random_range(-45.0..45.0);
        let streak = streak(
            at_strength(RADIUS, strength),
            at_strength(DEVIATION, strength),
            angle,
            pixel_at_224(image),
        );
        streak.convolve(&Raster::of(image), Border::Edge).write(image, to_byte);
    }
}

/// The kernel of `ImageMagick`'s motion blur at an angle in degrees; radius and deviation in units of `unit`
/// pixels.
///
/// It starts at the pixel and runs two radii to one side, in whole units.
pub(crate) fn streak(radius: f32, deviation: f32, degrees: f32, unit: f32) -> Kernel {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let nearest = |along: f32| (along - 0.5).ceil() as i32;
    let point = |i: i32| -> Point {
        let distance = i as f32;
        // nothing but the pixel itself has weight in a streak without length
        let weight = if i == 0 { 1.0 } else { (-0.5 * (distance / deviation).powi(2)).exp() };
        ([nearest(distance * cos), nearest(distance * sin)], weight)
    };
    let mut points: Vec<Point> = (0..=2 * radius.ceil() as i32).map(point).collect();
    let total: f32 = points.iter().map(|(_, weight)| weight).sum();
    for (_, weight) in &mut points {
        *weight /= total;
    }
    Kernel::scaled(&points, unit)
}
