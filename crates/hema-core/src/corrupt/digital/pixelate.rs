//! Too few pixels: the image was small once.

use crate::corrupt::severity::at_strength;
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Averages blocks of pixels, as if the image had been scaled down and up again: to a quarter at strength 1.
///
/// A pixel belongs to the block that holds its centre, as in Pillow's box filter.
pub(crate) struct Pixelate;

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

        // means along the rows are rounded before those along the columns are taken, as in Pillow
        let pixels = image.pixels().as_chunks::<3>().0;
        let lines: Vec<Mean> = pixels
            .chunks_exact(image.width())
            .flat_map(|row| {
                let mut means = vec![Mean::default(); columns];
                row.iter().zip(&column_of).for_each(|(pixel, column)| means[*column].add(*pixel));
                means
            })
            .collect();
        let mut blocks = vec![Mean::default(); columns * rows];
        for (line, row) in lines.chunks_exact(columns).zip(&row_of) {
            let blocks = &mut blocks[row * columns..];
            line.iter().zip(blocks).for_each(|(mean, block)| block.add(mean.rounded()));
        }
        let small: Vec<[u8; 3]> = blocks.iter().map(Mean::rounded).collect();
        let width = image.width();
        for (pixels, row) in image.pixels_mut().as_chunks_mut::<3>().0.chunks_exact_mut(width).zip(&row_of) {
            let small = &small[row * columns..];
            pixels.iter_mut().zip(&column_of).for_each(|(pixel, column)| *pixel = small[*column]);
        }
    }
}

/// A mean in the making.
#[derive(Clone, Copy, Default)]
struct Mean {
    sums: [u32; 3],
    count: u32,
}

impl Mean {
    fn add(&mut self, pixel: [u8; 3]) {
        self.sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(value));
        self.count += 1;
    }

    fn rounded(&self) -> [u8; 3] {
        self.sums.map(|sum| ((sum + self.count / 2) / self.count) as u8)
    }
}

/// How many blocks a side is cut into, and the block of each pixel.
fn blocks(side: usize, scale: f32) -> (usize, Vec<usize>) {
    let count = ((side as f32 * scale) as usize).clamp(1, side);
    (count, (0..side).map(|i| (2 * i + 1) * count / (2 * side)).collect())
}
