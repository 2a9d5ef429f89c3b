//! Too few pixels: the image was small once.

use super::at_strength;
use crate::image_op::{ImageOp, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// Averages blocks of pixels, as if the image had been scaled down and up again: to a quarter at strength 1.
///
/// A pixel belongs to the block that holds its centre, as in Pillow's box filter.
pub struct Pixelate;

/// The scale, from no corruption to severity 5.
const SCALE: [f32; 6] = [1.0, 0.6, 0.5, 0.4, 0.3, 0.25];

impl ImageOp for Pixelate {
    fn name(&self) -> &'static str {
        "pixelate"
    }

    fn about(&self) -> &'static str {
        "too few pixels: scaled to 0.25 and back at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        let scale = at_strength(SCALE, strength);
        let (columns, column_of) = blocks(image.width(), scale);
        let (rows, row_of) = blocks(image.height(), scale);
        let block_of = |i: usize| row_of[i / column_of.len()] * columns + column_of[i % column_of.len()];

        let mut sums = vec![[0.0f32; 4]; columns * rows];
        for (i, pixel) in image.pixels().chunks_exact(3).enumerate() {
            let sum = &mut sums[block_of(i)];
            for (total, value) in sum.iter_mut().zip(pixel.iter().chain([&1])) {
                *total += f32::from(*value);
            }
        }
        for (i, pixel) in image.pixels_mut().chunks_exact_mut(3).enumerate() {
            let [r, g, b, count] = sums[block_of(i)];
            pixel.copy_from_slice(&[r, g, b].map(|sum| to_byte(sum / count)));
        }
    }
}

/// How many blocks a side is cut into, and the block of each pixel.
fn blocks(side: usize, scale: f32) -> (usize, Vec<usize>) {
    let count = ((side as f32 * scale) as usize).clamp(1, side);
    (count, (0..side).map(|i| (2 * i + 1) * count / (2 * side)).collect())
}
