//! Light that fails towards the corners: a condenser set too low, or an eyepiece before the camera.

use rand::RngExt as _;

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, to_byte, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Darkens with the square of the distance from a point near the centre: 0.8 of the light is lost in the
/// corners at strength 1.
pub(crate) struct Vignette;

/// The share of light lost in the corners, from no corruption to severity 5.
const LOST: [f32; 6] = [0.0, 0.2, 0.35, 0.5, 0.65, 0.8];
/// How far the brightest point is from the centre at most, in parts of the side.
const OFF_CENTRE: f32 = 0.1;

impl ImageOp for Vignette {
    fn name(&self) -> &'static str {
        "vignette"
    }

    fn about(&self) -> &'static str {
        "dark corners: 0.8 of the light lost there at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let lost = at_strength(LOST, strength);
        let mut squares = |axis: usize, side: usize| -> Vec<f32> {
            let off = rng.random_range(-OFF_CENTRE..OFF_CENTRE) * side as f32;
            let centre = warp::centre(image)[axis] + off;
            // at a corner of a centred vignette the two axes give a half each
            (0..side).map(|i| 0.5 * ((i as f32 - centre) / (side as f32 / 2.0)).powi(2)).collect()
        };
        let (across, down) = (squares(0, image.width()), squares(1, image.height()));
        let width = image.width();
        for (row, y) in image.pixels_mut().as_chunks_mut::<3>().0.chunks_exact_mut(width).zip(&down) {
            for (pixel, x) in row.iter_mut().zip(&across) {
                let light = (1.0 - lost * (x + y)).max(0.0);
                *pixel = pixel.map(|value| to_byte(f32::from(value) * light));
            }
        }
    }
}
