//! Contrast-limited adaptive histogram equalisation: local contrast, drawn out.

use crate::image_op::{ImageOp, luma, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// Equalises the brightness of every region, [`TILES`] to a side, with no tone made more than `1 + 3
/// strength` times as frequent as the mean (Zuiderveld, *Graphics Gems IV*, 1994); `strength` of the way.
///
/// Only the brightness changes: red, green and blue move by the same amount.
pub(crate) struct Clahe;

/// Regions along each side of an image.
const TILES: usize = 4;

/// See [`Clahe`].
fn clahe(image: &mut Image, limit: f32, share: f32) {
    let (width, height) = (image.width(), image.height());
    let grey: Vec<u8> =
        (image.pixels().as_chunks::<3>().0.iter()).map(|pixel| to_byte(luma(pixel.map(f32::from)))).collect();
    let (across, down) = (TILES.min(width), TILES.min(height));
    let mut tables = vec![[0.0; 256]; across * down];
    for (tile, table) in tables.iter_mut().enumerate() {
        let (column, row) = (tile % across, tile / across);
        let mut histogram = [0; 256];
        for y in row * height / down..(row + 1) * height / down {
            let from = y * width;
            let cells = &grey[from + column * width / across..from + (column + 1) * width / across];
            for value in cells {
                histogram[usize::from(*value)] += 1;
            }
        }
        *table = clipped_flattening(&histogram, limit);
    }
    // between the middles of four regions their tables are mixed
    let place = |at: usize, side: usize, tiles: usize| {
        let position = ((at as f32 + 0.5) / side as f32 * tiles as f32 - 0.5).clamp(0.0, (tiles - 1) as f32);
        let first = (position as usize).min(tiles.saturating_sub(2));
        (first, (first + 1).min(tiles - 1), position - first as f32)
    };
    let columns: Vec<_> = (0..width).map(|x| place(x, width, across)).collect();
    let rows = image.pixels_mut().chunks_exact_mut(width * 3).zip(grey.chunks_exact(width));
    for (y, (row, grey)) in rows.enumerate() {
        let (top, bottom, ty) = place(y, height, down);
        for ((pixel, grey), (left, right, tx)) in
            row.as_chunks_mut::<3>().0.iter_mut().zip(grey).zip(&columns)
        {
            let value = |column: usize, row: usize| tables[row * across + column][usize::from(*grey)];
            let upper = value(*left, top) + tx * (value(*right, top) - value(*left, top));
            let lower = value(*left, bottom) + tx * (value(*right, bottom) - value(*left, bottom));
            let change = share * (upper + ty * (lower - upper) - f32::from(*grey));
            *pixel = pixel.map(|value| to_byte(f32::from(value) + change));
        }
    }
}

/// The new value of each value, for a flat histogram whose steps are no steeper than `limit`.
fn clipped_flattening(histogram: &[u32; 256], limit: f32) -> [f32; 256] {
    let total: u32 = histogram.iter().sum();
    let most = limit * total as f32 / 256.0;
    let spare: f32 = histogram.iter().map(|count| (*count as f32 - most).max(0.0)).sum();
    let mut below = 0.0;
    histogram.map(|count| {
        let share = (count as f32).min(most) + spare / 256.0;
        below += share;
        255.0 * (below - share / 2.0) / total as f32
    })
}

impl ImageOp for Clahe {
    fn name(&self) -> &'static str {
        "clahe"
    }

    fn about(&self) -> &'static str {
        "local equalisation of brightness: fully, with a contrast limit of 4, at strength 1"
    }

    fn draws(&self) -> bool {
        false
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        let strength = strength.clamp(0.0, 1.0);
        if strength > 0.0 {
            clahe(image, 1.0 + 3.0 * strength, strength);
        }
    }
}
