//! Grid mask: a turned grid of squares is hidden.

use std::ops::RangeInclusive;

use rand::RngExt as _;

use crate::image_op::{Fill, ImageOp};
use crate::rng::Rng;
use crate::sample::Image;

/// Hides the squares of a grid of random width, turned by a random angle up to 54° either way; a square
/// covers a random one of `shares` of its cell's side.
///
/// The idea is that of Chen et al. (arXiv 2001.04086), the ranges are those of Keras' `GridMask`: cells from
/// the smaller of half the height and 0.3 of the width to the larger.
pub(crate) fn grid_mask(image: &mut Image, shares: RangeInclusive<f32>, fill: Fill, rng: &mut Rng) {
    let (width, height) = (image.width() as f32, image.height() as f32);
    let (a, b) = (0.5 * height, 0.3 * width);
    let cell = rng.random_range(a.min(b)..a.max(b) + 1.0);
    let covered = cell * rng.random_range(shares);
    let start = [0.0; 2].map(|_: f32| rng.random_range(0.0..cell));
    let angle = std::f32::consts::TAU * rng.random_range(-0.15..0.15f32);
    let (sin, cos) = angle.sin_cos();
    let colour = fill.cover(image);
    let row_length = image.width();
    let hidden = |at: f32| at - (at / cell).floor() * cell < covered;
    for (y, row) in image.pixels_mut().as_chunks_mut::<3>().0.chunks_exact_mut(row_length).enumerate() {
        let dy = y as f32 + 0.5 - height / 2.0;
        for (x, pixel) in row.iter_mut().enumerate() {
            let dx = x as f32 + 0.5 - width / 2.0;
            if hidden(cos * dx + sin * dy + start[0]) && hidden(cos * dy - sin * dx + start[1]) {
                *pixel = colour;
            }
        }
    }
}

/// [Hides](grid_mask) the squares of a turned grid, up to `0.5 strength` of their cells' sides.
pub(crate) struct GridMask(pub(crate) Fill);

impl ImageOp for GridMask {
    fn name(&self) -> &'static str {
        "grid-mask"
    }

    fn about(&self) -> &'static str {
        "hide the squares of a turned grid, each up to half as wide as its cell at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        grid_mask(image, 0.0..=0.5 * strength.clamp(0.0, 1.0), self.0, rng);
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}
