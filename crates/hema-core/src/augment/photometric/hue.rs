//! Hue: all colours turned around the grey axis by one random angle.

use crate::image_op::{ImageOp, mix_channels, signed_unit};
use crate::rng::Rng;
use crate::sample::Image;

/// Turns the hue by an angle in degrees.
///
/// The turn is linear in RGB and keeps brightness, as `hue-rotate` of the W3C's *Filter Effects* does: pale
/// backgrounds do not jump in hue, as they would in HSV.
pub(crate) fn hue(image: &mut Image, degrees: f32) {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let factor = |row: usize, column: usize| {
        let unit = f32::from(u8::from(row == column));
        GREY[column] + cos * (unit - GREY[column]) + sin * SINE[row][column]
    };
    mix_channels(image, [0, 1, 2].map(|row| [factor(row, 0), factor(row, 1), factor(row, 2), 0.0]));
}

/// Turns the hue by up to `180° strength` either way: any hue at strength 1.
pub(crate) struct Hue;

/// The W3C's brightness weights of red, green and blue.
const GREY: [f32; 3] = [0.213, 0.715, 0.072];
/// The W3C's matrix of the sine.
const SINE: [[f32; 3]; 3] = [[-0.213, -0.715, 0.928], [0.143, 0.140, -0.283], [-0.787, 0.715, 0.072]];

impl ImageOp for Hue {
    fn name(&self) -> &'static str {
        "hue"
    }

    fn about(&self) -> &'static str {
        "turn the hue by a random angle, up to 180 degrees either way at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        hue(image, 180.0 * strength.clamp(0.0, 1.0) * signed_unit(rng));
    }
}
