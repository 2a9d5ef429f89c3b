//! Light that comes from one side, as of a lamp out of centre or a slide that is not level.

use std::f32::consts::TAU;

use rand::RngExt as _;

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// Multiplies by a smooth field of light: a slope in a random direction with one slow wave along each axis,
/// from 0.4 to 1.6 at strength 1.
pub(crate) struct UnevenLight;

/// How far the field is from even light at most, from no corruption to severity 5.
const REACH: [f32; 6] = [0.0, 0.12, 0.24, 0.36, 0.48, 0.6];
/// Share of the slope in the field; the waves have the rest.
const SLOPE: f32 = 0.7;

impl ImageOp for UnevenLight {
    fn name(&self) -> &'static str {
        "uneven-light"
    }

    fn about(&self) -> &'static str {
        "light from one side: 0.4 to 1.6 of even light at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let reach = at_strength(REACH, strength);
        let (sin, cos) = (TAU * rng.random::<f32>()).sin_cos();
        let mut profile = |slope: f32, side: usize| -> Vec<f32> {
            // the slope is 1 from the middle to the furthest corner, whatever its direction
            let slope = SLOPE * slope / (sin.abs() + cos.abs());
            let (waves, phase) = (rng.random_range(0.5..1.0) * TAU, TAU * rng.random::<f32>());
            let place = |i: usize| (i as f32 + 0.5) / side as f32;
            let wave = |place: f32| 0.5 * (1.0 - SLOPE) * (waves * place + phase).sin();
            (0..side).map(|i| reach * (slope * (2.0 * place(i) - 1.0) + wave(place(i)))).collect()
        };
        let (across, down) = (profile(cos, image.width()), profile(sin, image.height()));
        let width = image.width();
        for (row, y) in image.pixels_mut().as_chunks_mut::<3>().0.chunks_exact_mut(width).zip(&down) {
            for (pixel, x) in row.iter_mut().zip(&across) {
                let light = 1.0 + x + y;
                *pixel = pixel.map(|value| to_byte(f32::from(value) * light));
            }
        }
    }
}
