//! Frost on the glass, or crystals on the slide.

use std::f32::consts::TAU;

use rand::RngExt as _;

use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::raster::Raster;
use crate::image_op::{ImageOp, cut};
use crate::rng::Rng;
use crate::sample::Image;

/// Adds 0.75 of a sheet of ice to 0.6 of the image at strength 1 (`ImageNet-C`).
///
/// `ImageNet-C` adds one of five photographs of frost. The ice is made here instead: feathers in random
/// places and directions on a ground of random brightness, with the colours of those photographs.
pub(crate) struct Frost;

/// The share of the image, from no corruption to severity 5.
const IMAGE: [f32; 6] = [1.0, 1.0, 0.8, 0.7, 0.65, 0.6];
/// The share of the ice.
const ICE: [f32; 6] = [0.0, 0.4, 0.6, 0.7, 0.7, 0.75];
/// The range of the ice's mean brightness.
const GROUND: [f32; 2] = [100.0, 232.0];
/// Addition for red, green and blue.
const TINT: [f32; 3] = [-10.0, 0.0, 10.0];
/// Feathers on an image of any size.
const FEATHERS: usize = 220;
/// Length of the needles in pixels of 224.
const LENGTH: [f32; 2] = [16.0, 56.0];

impl ImageOp for Frost {
    fn name(&self) -> &'static str {
        "frost"
    }

    fn about(&self) -> &'static str {
        "feathers of ice: 0.75 of them and 0.6 of the image at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let (kept, share) = (at_strength(IMAGE, strength), at_strength(ICE, strength));
        let ground = rng.random_range(GROUND[0]..GROUND[1]);
        let ice = feathers(image, rng);
        let pixels = image.pixels_mut().as_chunks_mut::<3>().0.iter_mut();
        for (pixel, ice) in pixels.zip(ice.values) {
            for (value, tint) in pixel.iter_mut().zip(TINT) {
                let ice = (ground + tint + ice).clamp(0.0, 255.0);
                *value = cut(kept * f32::from(*value) + share * ice);
            }
        }
    }
}

/// Brightness of the feathers around a mean of 0.
fn feathers(image: &Image, rng: &mut Rng) -> Raster {
    let pixel = pixel_at_224(image);
    let mut ice = Raster::made(image.width(), image.height(), || 0.0);
    for _ in 0..FEATHERS {
        let from = [image.width(), image.height()].map(|side| rng.random::<f32>() * side as f32);
        let length = rng.random_range(LENGTH[0]..LENGTH[1]) * pixel;
        let angle = TAU * rng.random::<f32>();
        let light = rng.random_range(-50.0..100.0);
        line(&mut ice, from, angle, length, 1.5 * light);
        // barbs on both sides, shorter towards the tip
        let barbs = (length / (4.0 * pixel).max(1.5)) as usize;
        for barb in 0..barbs {
            let along = barb as f32 / barbs as f32;
            let root = [from[0] + along * length * angle.cos(), from[1] + along * length * angle.sin()];
            for side in [-1.0, 1.0] {
                line(&mut ice, root, angle + side * TAU / 8.0, 0.4 * length * (1.0 - along), light);
            }
        }
    }
    // crystals have no stairs
    ice.gaussian(0.7, 2.0);
    let mean = ice.values.iter().sum::<f32>() / ice.values.len() as f32;
    for value in &mut ice.values {
        *value -= mean;
    }
    ice
}

/// Draws a fading line one pixel wide; pixels outside are not drawn.
fn line(ice: &mut Raster, from: [f32; 2], angle: f32, length: f32, light: f32) {
    let (sin, cos) = angle.sin_cos();
    let steps = length.ceil() as usize;
    for step in 0..steps {
        let (x, y) = (from[0] + step as f32 * cos, from[1] + step as f32 * sin);
        if x >= 0.0 && y >= 0.0 && (x as usize) < ice.width && (y as usize) < ice.height {
            let fade = 1.0 - step as f32 / steps as f32;
            ice.values[y as usize * ice.width + x as usize] += light * fade;
        }
    }
}
