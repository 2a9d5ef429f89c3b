//! Routines on 8-bit pixels that operators share: rounding, brightness, counting, and maps of values and
//! colours.

use std::ops::Range;

use hema_kernels::{COLOUR_BITS, Table};

use crate::sample::Image;

/// Rounds to the nearest byte; values outside 0 to 255 saturate.
#[inline]
pub(crate) fn to_byte(value: f32) -> u8 {
    (value + 0.5) as u8
}

/// Cuts off to a byte, as numpy's conversion does; what rounding left just below a whole number counts as
/// that number.
#[inline]
pub(crate) fn cut(value: f32) -> u8 {
    (value + 1e-3) as u8
}

/// Shares of red, green and blue in the brightness that the eye sees (ITU-R BT.601, the weights of Pillow's
/// mode `L`).
pub(crate) const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Brightness of a colour as the eye weighs it.
#[inline]
pub(crate) fn luma([r, g, b]: [f32; 3]) -> f32 {
    LUMA[0] * r + LUMA[1] * g + LUMA[2] * b
}

/// The mean [`luma`] of an image.
pub(crate) fn mean_luma(image: &Image) -> f32 {
    /// Values that are added side by side: whole pixels, and whole vectors.
    const LANES: usize = 48;
    let mut sums = [0u64; 3];
    // 257 bytes fit in a 16-bit sum
    for part in image.pixels().chunks(257 * LANES) {
        let mut lanes = [0u16; LANES];
        let (groups, rest) = part.as_chunks::<LANES>();
        for group in groups {
            for i in 0..LANES {
                lanes[i] += u16::from(group[i]);
            }
        }
        lanes.iter().enumerate().for_each(|(i, sum)| sums[i % 3] += u64::from(*sum));
        rest.iter().enumerate().for_each(|(i, value)| sums[i % 3] += u64::from(*value));
    }
    let count = (image.width() * image.height()) as f32;
    luma(sums.map(|sum| sum as f32 / count))
}

/// Replaces the pixels of a rectangle, which must lie inside, row by row.
pub(crate) fn cover(
    image: &mut Image,
    columns: Range<usize>,
    rows: Range<usize>,
    mut colour: impl FnMut() -> [u8; 3],
) {
    let width = image.width();
    for row in
        image.pixels_mut().as_chunks_mut::<3>().0.chunks_exact_mut(width).take(rows.end).skip(rows.start)
    {
        row[columns.clone()].fill_with(&mut colour);
    }
}

/// How often each value occurs in red, green and blue.
pub(crate) fn histograms(image: &Image) -> [[u32; 256]; 3] {
    /// Neighbours often have the same colour: counting them apart, no count waits for the one before it.
    const APART: usize = 4;
    let mut counts = [[[0; 256]; 3]; APART];
    let (groups, rest) = image.pixels().as_chunks::<3>().0.as_chunks::<APART>();
    let mut count = |i: usize, pixel: &[u8; 3]| {
        for (histogram, value) in counts[i].iter_mut().zip(pixel) {
            histogram[usize::from(*value)] += 1;
        }
    };
    for group in groups {
        group.iter().enumerate().for_each(|(i, pixel)| count(i, pixel));
    }
    for pixel in rest {
        count(0, pixel);
    }
    std::array::from_fn(|channel| {
        std::array::from_fn(|value| counts.iter().map(|counts| counts[channel][value]).sum())
    })
}

/// The darkest and the lightest value in red, green and blue.
pub(crate) fn ranges(image: &Image) -> [(u8, u8); 3] {
    /// Values that are compared side by side: whole pixels, and whole vectors.
    const LANES: usize = 48;
    let (mut low, mut high) = ([u8::MAX; LANES], [u8::MIN; LANES]);
    let (groups, rest) = image.pixels().as_chunks::<LANES>();
    for group in groups {
        for i in 0..LANES {
            low[i] = low[i].min(group[i]);
            high[i] = high[i].max(group[i]);
        }
    }
    for (i, value) in rest.iter().enumerate() {
        (low[i], high[i]) = (low[i].min(*value), high[i].max(*value));
    }
    std::array::from_fn(|channel| {
        let lanes = (channel..LANES).step_by(3);
        lanes.fold((u8::MAX, u8::MIN), |(least, most), i| (least.min(low[i]), most.max(high[i])))
    })
}

/// `factor` of the way from `from` to `to`, and beyond where that is above 1; cut off, as Pillow's
/// `Image.blend` does.
#[inline]
fn blend(from: f32, to: f32, factor: f32) -> u8 {
    (from + factor * (to - from)) as u8
}

/// Replaces every value by a function of its channel and itself, through three tables.
pub(crate) fn map_channels(image: &mut Image, f: impl Fn(usize, f32) -> f32) {
    let tables: [Table; 3] =
        std::array::from_fn(|channel| std::array::from_fn(|value| to_byte(f(channel, value as f32))));
    hema_kernels::map_pixels(image.pixels_mut().as_chunks_mut().0, &tables);
}

/// Replaces every value by a function of it alone, through a table of its 256 results.
pub(crate) fn map_values(image: &mut Image, f: impl Fn(f32) -> f32) {
    let table: Table = std::array::from_fn(|value| to_byte(f(value as f32)));
    hema_kernels::map_bytes(image.pixels_mut(), &table);
}

/// Replaces every colour by a function of it alone.
#[inline]
pub(crate) fn map_colours(
    image: &mut Image,
    byte: impl Fn(f32) -> u8,
    colour: impl Fn([f32; 3]) -> [f32; 3],
) {
    for pixel in image.pixels_mut().as_chunks_mut::<3>().0 {
        *pixel = colour(pixel.map(f32::from)).map(&byte);
    }
}

/// Replaces every colour by `matrix * [red, green, blue, 1]`, in bytes.
///
/// Factors beyond 63 and offsets beyond 65,535 are brought back there.
pub(crate) fn mix_channels(image: &mut Image, matrix: [[f32; 4]; 3]) {
    let limits = [63.0, 63.0, 63.0, 65_535.0];
    let exact = matrix.map(|row| {
        std::array::from_fn(|i| {
            let one = (1u32 << COLOUR_BITS) as f32;
            (row[i].clamp(-limits[i], limits[i]) * one).round() as i32
        })
    });
    hema_kernels::mix_channels(image.pixels_mut().as_chunks_mut().0, &exact);
}

/// Multiplies every value by a factor: 0 is black, 1 the image itself (Pillow's `ImageEnhance.Brightness`).
pub(crate) fn brightness(image: &mut Image, factor: f32) {
    map_values(image, |value| f32::from(blend(0.0, value, factor)));
}

/// Moves every value to `factor` times its distance from the mean grey, a whole number: 0 is grey, 1 the
/// image itself (Pillow's `ImageEnhance.Contrast`).
pub(crate) fn contrast(image: &mut Image, factor: f32) {
    let mean = f32::from(to_byte(mean_luma(image)));
    map_values(image, |value| f32::from(blend(mean, value, factor)));
}
