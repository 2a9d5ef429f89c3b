//! A picture as 16 x 16 levels of brightness: enough to tell whether two pictures are one.
//!
//! Two cells of one class can look much alike at a glance, but not at every place of a thumbnail: red cells,
//! cell border and nucleus lie elsewhere. So the correlation of thumbnails, which neither brightness nor
//! contrast, size nor compression changes, tells copies (above 0.99 as a rule) from look-alikes (below 0.98).
//!
//! Left out on purpose: colour, which a stain or a white balance changes; alignment, without which copies
//! that were cropped by more than a hundredth or two, or turned by an odd angle, are not told.

use super::orientation::Orientation;
use super::shrink::{Window, shrink};
use crate::sample::Image;

/// Cells on a side.
pub(crate) const SIDE: usize = 16;
/// Cells of a thumbnail.
const CELLS: usize = SIDE * SIDE;
/// A thumbnail that spreads less, in levels of 255, is of an empty picture: only noise is left to compare.
const FLAT: f32 = 1.0;
/// Deviations smaller than this are rounding errors, in levels of 255.
const ROUNDING: f32 = 0.1;

/// Mean brightness in each cell of a 16 x 16 grid over a whole picture, whatever its sides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Thumbnail {
    /// Deviation from `mean` in steps, row by row.
    pub(crate) cells: [i8; CELLS],
    /// Levels in a step.
    step: f32,
    /// Mean level, 0 to 255.
    pub(crate) mean: f32,
    /// Root of the sum of the squared `cells`.
    pub(crate) norm: f32,
}

impl Thumbnail {
    /// Bytes of [`Thumbnail::to_bytes`].
    pub(crate) const BYTES: usize = CELLS + 3 * size_of::<f32>();

    /// The thumbnail of an image.
    pub(crate) fn of(image: &Image) -> Self {
        let shrunk = shrink(image, &Window::whole(image), SIDE);
        let levels: [f32; CELLS] = std::array::from_fn(|cell| shrunk[cell]);
        let mean = levels.iter().sum::<f32>() / CELLS as f32;
        let largest = levels.iter().fold(0.0_f32, |largest, level| largest.max((level - mean).abs()));
        let step = largest.max(ROUNDING) / f32::from(i8::MAX);
        let cells = levels.map(|level| ((level - mean) / step).round() as i8);
        let norm = (dot(&cells, &cells) as f32).sqrt();
        Self { cells, step, mean, norm }
    }

    /// All of it, without loss.
    pub(crate) fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (cells, numbers) = bytes.split_at_mut(CELLS);
        cells.iter_mut().zip(self.cells).for_each(|(byte, cell)| *byte = cell.cast_unsigned());
        for (bytes, number) in numbers.as_chunks_mut().0.iter_mut().zip([self.step, self.mean, self.norm]) {
            *bytes = number.to_le_bytes();
        }
        bytes
    }

    /// Reads the bytes of [`Thumbnail::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let number = |i: usize| f32::from_le_bytes(std::array::from_fn(|byte| bytes[CELLS + 4 * i + byte]));
        Self {
            cells: std::array::from_fn(|i| bytes[i].cast_signed()),
            step: number(0),
            mean: number(1),
            norm: number(2),
        }
    }

    /// Whether there is nothing to compare.
    pub(crate) fn is_flat(&self) -> bool {
        self.spread() < FLAT
    }

    /// Standard deviation of the cells, in levels.
    pub(crate) fn spread(&self) -> f32 {
        self.norm * self.step / (CELLS as f32).sqrt()
    }

    /// Laid down in another way.
    pub(crate) fn oriented(&self, orientation: Orientation) -> Self {
        let mut cells = [0; CELLS];
        for (i, cell) in cells.iter_mut().enumerate() {
            let (y, x) = orientation.source(SIDE, i / SIDE, i % SIDE);
            *cell = self.cells[y * SIDE + x];
        }
        Self { cells, ..self.clone() }
    }

    /// How alike two pictures are, at most 1: the correlation of their cells, or what it would be if the
    /// highlights that are cut off in the brighter one were cut off in the other as well.
    pub(crate) fn similarity(&self, other: &Self) -> f32 {
        /// Where plain correlation is less, no highlight explains it.
        const WORTH_A_LOOK: f32 = 0.85;
        let plain = dot(&self.cells, &other.cells) as f32 / (self.norm * other.norm).max(1.0);
        if plain < WORTH_A_LOOK || !(self.has_highlights() || other.has_highlights()) {
            return plain;
        }
        let (own, others) = (self.levels(), other.levels());
        plain.max(correlation_when_brightened(&own, &others)).max(correlation_when_brightened(&others, &own))
    }

    fn levels(&self) -> [f32; CELLS] {
        self.cells.map(|cell| self.mean + f32::from(cell) * self.step)
    }

    /// Whether some of the picture may be cut off at white.
    pub(crate) fn has_highlights(&self) -> bool {
        let brightest = self.cells.iter().max().map_or(0, |cell| *cell);
        self.mean + f32::from(brightest) * self.step > HIGHLIGHT
    }
}

/// A cell above this level may hold pixels that are cut off.
const HIGHLIGHT: f32 = 245.0;

/// The correlation of `bright` with `dark` after a gain and an offset, fitted where neither has highlights,
/// and cut off at white; 0 where there is too little to fit them by.
fn correlation_when_brightened(dark: &[f32; CELLS], bright: &[f32; CELLS]) -> f32 {
    const FEWEST: f32 = 32.0;
    const GAINS: std::ops::Range<f32> = 0.5..2.5;
    let kept = || dark.iter().zip(bright).filter(|(d, b)| **d < HIGHLIGHT && **b < HIGHLIGHT);
    let [n, sum_d, sum_b, sum_dd, sum_db] = kept().fold([0.0_f32; 5], |[n, sd, sb, sdd, sdb], (d, b)| {
        [n + 1.0, sd + d, sb + b, sdd + d * d, sdb + d * b]
    });
    let variance = sum_dd - sum_d * sum_d / n;
    let gain = (sum_db - sum_d * sum_b / n) / variance;
    if n < FEWEST || variance < n || !GAINS.contains(&gain) {
        return 0.0;
    }
    let offset = (sum_b - gain * sum_d) / n;
    correlation(&dark.map(|level| (gain * level + offset).min(255.0)), bright)
}

/// Pearson's correlation; 0 where one is constant.
fn correlation(a: &[f32; CELLS], b: &[f32; CELLS]) -> f32 {
    let mean = |levels: &[f32; CELLS]| levels.iter().sum::<f32>() / CELLS as f32;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let [ab, aa, bb] = a.iter().zip(b).fold([0.0_f32; 3], |[ab, aa, bb], (a, b)| {
        let (a, b) = (a - mean_a, b - mean_b);
        [ab + a * b, aa + a * a, bb + b * b]
    });
    if aa * bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

fn dot(a: &[i8; CELLS], b: &[i8; CELLS]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use crate::synthetic::render;

    fn cell(size: usize, seed: u64) -> Image {
        render(seed as usize % 8, size, &mut stream(seed, Purpose::Synthetic, 0, 0))
    }

    fn lit(image: &Image, gain: f32) -> Image {
        let pixels = image.pixels().iter().map(|v| (f32::from(*v) * gain).min(255.0) as u8).collect();
        Image::new(image.width(), image.height(), pixels).unwrap()
    }

    #[test]
    fn size_and_light_do_not_change_a_picture_and_another_cell_does() {
        let original = Thumbnail::of(&cell(200, 1));
        for (what, copy) in [("darker", lit(&cell(200, 1), 0.6)), ("brighter", lit(&cell(200, 1), 1.3))] {
            let similarity = original.similarity(&Thumbnail::of(&copy));
            assert!(similarity > 0.985, "{what}: {similarity}");
        }
        for seed in 2..40 {
            let similarity = original.similarity(&Thumbnail::of(&cell(200, seed)));
            assert!(similarity < 0.97, "seed {seed}: {similarity}");
        }
    }

    #[test]
    fn an_orientation_moves_cells_as_it_moves_pixels() {
        let image = cell(50, 3);
        for orientation in Orientation::ALL {
            let mut moved = image.clone();
            for (i, pixel) in moved.pixels_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let (y, x) = orientation.source(50, i / 50, i % 50);
                *pixel = image.rgb(x, y);
            }
            let expected = Thumbnail::of(&image).oriented(orientation);
            assert!(Thumbnail::of(&moved).similarity(&expected) > 0.9999);
        }
    }

    #[test]
    fn an_empty_picture_is_flat_and_like_nothing() {
        let empty = Thumbnail::of(&Image::filled(30, 20, [200, 10, 90]));
        assert!(empty.is_flat());
        assert!(empty.similarity(&empty) == 0.0 && !empty.similarity(&Thumbnail::of(&cell(30, 1))).is_nan());
        assert!(!Thumbnail::of(&cell(30, 1)).is_flat());
    }
}
