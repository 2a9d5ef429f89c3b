//! Dried stain on the slide: black blots with a ragged rim.

use std::f32::consts::TAU;

use rand::RngExt as _;

use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Draws up to three black blots, 31 pixels of 224 across, at strength 1, and at least ten from the border.
///
/// `BloodMNIST-C` chooses among ten drawn shapes for each size. These shapes are made instead: discs with
/// random waves along the rim, whose number, reach, area and its spread are those of the reference at each
/// severity.
pub(crate) struct StainDeposit;

/// The most blots, from no corruption to severity 5.
const MOST: [f32; 6] = [0.0, 1.0, 2.0, 3.0, 3.0, 3.0];
/// The side of the square that a blot lies in, in pixels of 224.
const SIDE: [f32; 6] = [0.0, 24.0, 24.0, 24.0, 24.0, 32.0];
/// Mean radius of a blot in parts of that side.
const RADIUS: [f32; 6] = [0.44, 0.44, 0.44, 0.44, 0.44, 0.41];
/// Spread of the radius from blot to blot, in parts of itself.
const SPREAD: [f32; 6] = [0.075, 0.075, 0.075, 0.075, 0.075, 0.04];
/// Distance of that square from the border, in pixels of 224.
const MARGIN: f32 = 10.0;
/// Waves along the rim: how many to the turn, and how high at most, in parts of the radius.
const WAVES: [(f32, f32); 5] = [(2.0, 0.1), (3.0, 0.09), (4.0, 0.06), (7.0, 0.04), (13.0, 0.03)];

impl ImageOp for StainDeposit {
    fn name(&self) -> &'static str {
        "stain-deposit"
    }

    fn about(&self) -> &'static str {
        "dried stain on the slide: up to three black blots, 32 across at severity 5, in pixels of 224"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let most = at_strength(MOST, strength);
        if most == 0.0 {
            return;
        }
        let pixel = pixel_at_224(image);
        let side = at_strength(SIDE, strength) * pixel;
        for _ in 0..=(rng.random::<f32>() * most) as usize {
            let size = 1.0 + at_strength(SPREAD, strength) * 3f32.sqrt() * (2.0 * rng.random::<f32>() - 1.0);
            let radius = side * at_strength(RADIUS, strength) * size;
            let mut middle = |length: usize| {
                let free = length as f32 - side - 2.0 * MARGIN * pixel;
                MARGIN * pixel + side / 2.0 + rng.random::<f32>() * free.max(0.0) - 0.5
            };
            blot(image, [middle(image.width()), middle(image.height())], radius, rng);
        }
    }
}

/// Blackens a disc with random waves along its rim.
fn blot(image: &mut Image, centre: [f32; 2], radius: f32, rng: &mut Rng) {
    let waves = WAVES
        .map(|(number, height)| (number, height * (0.5 + rng.random::<f32>()), TAU * rng.random::<f32>()));
    // the rim's distance for each of 256 directions, squared
    let rim: [f32; 256] = std::array::from_fn(|direction| {
        let angle = TAU * direction as f32 / 256.0;
        let wave = waves.iter().map(|(number, height, phase)| height * (number * angle + phase).sin());
        (radius * (1.0 + wave.sum::<f32>())).powi(2)
    });
    let reach = 1.5 * radius;
    let span = |centre: f32, side: usize| {
        ((centre - reach).ceil().max(0.0) as usize)..((centre + reach).max(0.0) as usize + 1).min(side)
    };
    let width = image.width();
    let (columns, rows) = (span(centre[0], width), span(centre[1], image.height()));
    let pixels = image.pixels_mut().as_chunks_mut::<3>().0;
    for row in rows {
        for column in columns.clone() {
            let (dx, dy) = (column as f32 - centre[0], row as f32 - centre[1]);
            let direction = (dy.atan2(dx) / TAU * 256.0).rem_euclid(256.0) as usize % 256;
            if dx * dx + dy * dy <= rim[direction] {
                pixels[row * width + column] = [0; 3];
            }
        }
    }
}
