//! Dust and scratches on slide, lens or sensor.

use std::f32::consts::TAU;

use rand::RngExt as _;

use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::{ImageOp, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// Up to 40 dark specks and 4 thin pale scratches at strength 1; half as many at least.
pub(crate) struct Dust;

/// The most specks, from no corruption to severity 5.
const SPECKS: [f32; 6] = [0.0, 8.0, 16.0, 24.0, 32.0, 40.0];
/// The most scratches.
const SCRATCHES: [f32; 6] = [0.0, 1.0, 2.0, 2.0, 3.0, 4.0];
/// The radius of a speck in pixels of 224.
const RADIUS: [f32; 2] = [0.8, 3.2];
/// The share of light that a speck takes.
const DARK: [f32; 2] = [0.35, 0.9];
/// The length of a scratch in parts of the shorter side.
const LENGTH: [f32; 2] = [0.2, 0.9];
/// How far a scratch goes towards white, and its width in pixels of 224.
const SCRATCH: (f32, f32) = (0.45, 1.2);

impl ImageOp for Dust {
    fn name(&self) -> &'static str {
        "dust"
    }

    fn about(&self) -> &'static str {
        "up to 40 dark specks and 4 thin scratches at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let pixel = pixel_at_224(image);
        let mut count = |most: f32| ((0.5 + 0.5 * rng.random::<f32>()) * most).round() as usize;
        let (specks, scratches) =
            (count(at_strength(SPECKS, strength)), count(at_strength(SCRATCHES, strength)));
        for _ in 0..specks {
            let at = place(image, rng);
            // smaller specks are more frequent
            let size = rng.random::<f32>().powi(2);
            let radius = (RADIUS[0] + size * (RADIUS[1] - RADIUS[0])) * pixel;
            spot(image, at, radius, 0.0, rng.random_range(DARK[0]..DARK[1]));
        }
        for _ in 0..scratches {
            let side = image.width().min(image.height()) as f32;
            scratch(image, side * rng.random_range(LENGTH[0]..LENGTH[1]), rng);
        }
    }
}

fn place(image: &Image, rng: &mut Rng) -> [f32; 2] {
    [image.width(), image.height()].map(|side| rng.random::<f32>() * side as f32 - 0.5)
}

/// A line of slowly turning direction.
fn scratch(image: &mut Image, length: f32, rng: &mut Rng) {
    let pixel = pixel_at_224(image);
    let (pale, width) = SCRATCH;
    let [mut x, mut y] = place(image, rng);
    let mut angle = TAU * rng.random::<f32>();
    let turn = rng.random_range(-0.6..0.6) / length.max(1.0);
    // neighbouring spots overlap by half, so each gives half the light
    for _ in 0..length.ceil() as usize {
        spot(image, [x, y], 0.5 * width * pixel, 255.0, 0.7 * pale);
        (x, y, angle) = (x + angle.cos(), y + angle.sin(), angle + turn);
    }
}

/// Moves a soft-edged disc by `share` of the way to a grey level; a disc smaller than a pixel moves it the
/// less.
fn spot(image: &mut Image, [x, y]: [f32; 2], radius: f32, grey: f32, share: f32) {
    let soft = radius.max(0.5);
    let share = share * (radius / soft).max(0.5);
    let width = image.width();
    let span = |centre: f32, side: usize| {
        ((centre - soft - 0.5).ceil().max(0.0) as usize)..((centre + soft + 1.5).max(0.0) as usize).min(side)
    };
    let (columns, rows) = (span(x, width), span(y, image.height()));
    let pixels = image.pixels_mut().as_chunks_mut::<3>().0;
    for row in rows {
        for column in columns.clone() {
            let distance = (column as f32 - x).hypot(row as f32 - y);
            let cover = share * (soft + 0.5 - distance).clamp(0.0, 1.0);
            let pixel = &mut pixels[row * width + column];
            *pixel = pixel.map(|value| to_byte(f32::from(value) + cover * (grey - f32::from(value))));
        }
    }
}
