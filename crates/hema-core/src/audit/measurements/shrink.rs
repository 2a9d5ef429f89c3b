//! Mean luma in the cells of a grid over a picture.

use crate::sample::Image;

/// Luma (Rec. 601) of red, green and blue.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// A part of a picture, in pixels.
pub(super) struct Window {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Window {
    /// The whole picture.
    pub(super) fn whole(image: &Image) -> Self {
        Self { left: 0, top: 0, width: image.width(), height: image.height() }
    }

    /// The largest square in the middle.
    pub(super) fn central_square(image: &Image) -> Self {
        let side = image.width().min(image.height());
        Self { left: (image.width() - side) / 2, top: (image.height() - side) / 2, width: side, height: side }
    }
}

/// The mean level of luma in every cell of a grid of `cells` rows and columns over a window, row by row.
/// Cells cut pixels where sides are no multiples of their number: a pixel counts by the share of it that lies
/// inside.
pub(super) fn shrink(image: &Image, window: &Window, cells: usize) -> Vec<f32> {
    let mut levels = vec![0.0; cells * cells];
    let mut band = vec![0.0_f32; window.width * 3];
    for (cell_row, levels) in levels.chunks_exact_mut(cells).enumerate() {
        band.fill(0.0);
        for (y, share) in covered(window.height, cells, cell_row) {
            let first = ((window.top + y) * image.width() + window.left) * 3;
            let row = &image.pixels()[first..][..window.width * 3];
            band.iter_mut().zip(row).for_each(|(sum, value)| *sum += share * f32::from(*value));
        }
        for (cell_column, level) in levels.iter_mut().enumerate() {
            for (x, share) in covered(window.width, cells, cell_column) {
                let rgb = &band[x * 3..][..3];
                *level += share * (LUMA[0] * rgb[0] + LUMA[1] * rgb[1] + LUMA[2] * rgb[2]);
            }
        }
    }
    levels
}

/// The pixels that a cell covers of a side, each with its share of the cell; the shares sum to 1.
fn covered(side: usize, cells: usize, cell: usize) -> impl Iterator<Item = (usize, f32)> {
    // in parts of a pixel of which it has `cells`, a cell is `side` long
    let (start, end) = (cell * side, (cell + 1) * side);
    (start / cells..end.div_ceil(cells)).map(move |pixel| {
        let inside = end.min((pixel + 1) * cells) - start.max(pixel * cells);
        (pixel, inside as f32 / side as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_share_pixels_out_without_loss_whatever_the_side() {
        for cells in [16, 64] {
            for side in [1, 2, 15, 16, 17, 96, 200, 363] {
                let mut pixels = vec![0.0; side];
                for cell in 0..cells {
                    let sum = covered(side, cells, cell).map(|(_, share)| share).sum::<f32>();
                    assert!((sum - 1.0).abs() < 1e-5);
                    covered(side, cells, cell).for_each(|(pixel, share)| pixels[pixel] += share);
                }
                let each = cells as f32 / side as f32;
                assert!(pixels.iter().all(|share| (share - each).abs() < 1e-4), "{side}: {pixels:?}");
            }
        }
    }
}
