//! What image operators spend their time on: reading pixels between pixels, and mixing channels. All arithmetic is on
//! integers, so every level makes the same image, bit for bit.
//!
//! Left out on purpose: tables of 256 values, borders, and anything that is quick enough in plain Rust.

use crate::check_len;
use crate::simd::{Level, level};

/// Steps to a pixel in the positions that [`bilinear`] takes.
pub const STEPS: i32 = 1 << STEP_BITS;
/// Bits of a step number behind the pixel's.
const STEP_BITS: u32 = 7;

/// Colours between the pixels of a picture of `width` columns, whose pixels are `[red, green, blue, any]` bytes.
///
/// A position `[x, y]` counts [`STEPS`] from the centre of the first pixel; one outside is brought to the nearest inside.
/// The result is exact but for one rounding to the nearest byte, halves up.
///
/// # Panics
/// If there are not as many positions as colours, or the picture is not made of two or more rows of two or more pixels.
pub fn bilinear(picture: &[[u8; 4]], width: usize, positions: &[[i32; 2]], colours: &mut [[u8; 3]]) {
    check_len("positions", positions.len(), colours.len());
    assert!(
        width >= 2 && picture.len() >= 2 * width && picture.len().is_multiple_of(width),
        "picture: found {} pixels in rows of {width}, expected two or more whole rows of two or more",
        picture.len()
    );
    let last = [width - 1, picture.len() / width - 1]
        .map(|last| i32::try_from(last).map_or(i32::MAX, |l| l * STEPS));
    #[cfg(target_arch = "x86_64")]
    if level() >= Level::Avx2 {
        // SAFETY: the level is one that the processor has; the picture is as wide and high as `last` says.
        unsafe { avx2::bilinear(picture, width, last, positions, colours) };
        return;
    }
    for (colour, position) in colours.iter_mut().zip(positions) {
        let (first, weights) = corner(*position, width, last);
        let corners = [first, first + 1, first + width, first + width + 1].map(|i| picture[i]);
        *colour = std::array::from_fn(|c| {
            let sum: i32 = (0..4).map(|i| i32::from(corners[i][c]) * i32::from(weights[i])).sum();
            ((sum + (1 << 13)) >> 14) as u8
        });
    }
}

/// The first of the four pixels around a position, and the share of each in 16,384ths: left and right above, then below.
#[inline(always)]
fn corner([x, y]: [i32; 2], width: usize, last: [i32; 2]) -> (usize, [i16; 4]) {
    let (x, y) = (x.max(0).min(last[0]), y.max(0).min(last[1]));
    // on the last column and row the pixel itself is the right or lower one
    let (left, top) = ((x - 1).max(0) >> STEP_BITS, (y - 1).max(0) >> STEP_BITS);
    let (x, y) = (x - (left << STEP_BITS), y - (top << STEP_BITS));
    let both = x * y;
    let weights = [(STEPS - x) * (STEPS - y), x * STEPS - both, y * STEPS - both, both];
    (top as usize * width + left as usize, weights.map(|weight| weight as i16))
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::corner;
    use std::arch::x86_64::{
        _mm_add_epi32, _mm_cvtsi64_si128, _mm_cvtsi128_si32, _mm_madd_epi16, _mm_packs_epi32,
        _mm_packus_epi16, _mm_set1_epi32, _mm_setr_epi8, _mm_shuffle_epi8, _mm_srli_epi32,
    };

    /// See [`super::bilinear`].
    ///
    /// # Safety
    /// The processor has AVX2; `picture` has more than `last[1] / STEPS` rows of `width > last[0] / STEPS` pixels, at least
    /// two each; there are as many colours as positions.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn bilinear(
        picture: &[[u8; 4]],
        width: usize,
        last: [i32; 2],
        positions: &[[i32; 2]],
        colours: &mut [[u8; 3]],
    ) {
        // two neighbours, channel by channel, as 16-bit numbers
        let pairs = _mm_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1);
        let half = _mm_set1_epi32(1 << 13);
        for (colour, position) in colours.iter_mut().zip(positions) {
            let (first, [a, b, c, d]) = corner(*position, width, last);
            debug_assert!(first + width + 2 <= picture.len());
            let both = |left: i16, right: i16| _mm_set1_epi32(i32::from(left) | i32::from(right) << 16);
            // SAFETY: `corner` stays left of the last column and above the last row, so that both rows have the pixel and
            // one to its right: eight bytes.
            let pair = |first: usize| unsafe { picture.as_ptr().add(first).cast::<[u8; 8]>().read() };
            let [upper, lower] =
                [pair(first), pair(first + width)].map(|pair| _mm_cvtsi64_si128(i64::from_le_bytes(pair)));
            let upper = _mm_madd_epi16(_mm_shuffle_epi8(upper, pairs), both(a, b));
            let lower = _mm_madd_epi16(_mm_shuffle_epi8(lower, pairs), both(c, d));
            let sum = _mm_srli_epi32::<14>(_mm_add_epi32(_mm_add_epi32(upper, lower), half));
            let words = _mm_packs_epi32(sum, sum);
            let [r, g, b, _] = _mm_cvtsi128_si32(_mm_packus_epi16(words, words)).to_le_bytes();
            *colour = [r, g, b];
        }
    }
}

/// Bits behind the point of the numbers in a [`ColourMatrix`].
pub const COLOUR_BITS: u32 = 12;

/// Red, green and blue as sums of `[red, green, blue, 1]`, each with its factor in units of 2^-[`COLOUR_BITS`].
pub type ColourMatrix = [[i32; 4]; 3];

/// Multiplies every colour by a matrix; results are rounded, halves up, and brought into 0 to 255.
///
/// # Panics
/// If a factor is 64 or more, or an offset 65,536 or more: their sum would not fit.
pub fn mix_channels(pixels: &mut [[u8; 3]], matrix: &ColourMatrix) {
    let fits = |row: &[i32; 4]| {
        row[..3].iter().all(|factor| factor.unsigned_abs() < 64 << COLOUR_BITS)
            && row[3].unsigned_abs() < 65_536 << COLOUR_BITS
    };
    assert!(matrix.iter().all(fits), "colour matrix: found {matrix:?}, expected factors below 64");
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        unsafe fn avx2(pixels: &mut [[u8; 3]], matrix: &ColourMatrix) {
            mix_channels_here(pixels, matrix);
        }
        if level() >= Level::Avx2 {
            // SAFETY: the level is one that the processor has.
            unsafe { avx2(pixels, matrix) };
            return;
        }
    }
    mix_channels_here(pixels, matrix);
}

#[inline(always)]
fn mix_channels_here(pixels: &mut [[u8; 3]], matrix: &ColourMatrix) {
    /// Pixels whose channels are set apart at a time, for whole vectors of each.
    const GROUP: usize = 32;
    let mix = |[r, g, b]: [i32; 3], row: &[i32; 4]| {
        let sum = row[0] * r + row[1] * g + row[2] * b + row[3] + (1 << (COLOUR_BITS - 1));
        (sum >> COLOUR_BITS).clamp(0, 255) as u8
    };
    let (groups, rest) = pixels.as_chunks_mut::<GROUP>();
    for group in groups {
        let channels: [[u8; GROUP]; 3] = std::array::from_fn(|c| std::array::from_fn(|i| group[i][c]));
        let mixed: [[u8; GROUP]; 3] = std::array::from_fn(|c| {
            std::array::from_fn(|i| mix([0, 1, 2].map(|from| i32::from(channels[from][i])), &matrix[c]))
        });
        for i in 0..GROUP {
            group[i] = [mixed[0][i], mixed[1][i], mixed[2][i]];
        }
    }
    for pixel in rest {
        let colour = pixel.map(i32::from);
        *pixel = std::array::from_fn(|c| mix(colour, &matrix[c]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::testing::at_every_level;

    /// Numbers without order, the same every time.
    fn noise(n: usize) -> impl Iterator<Item = u32> {
        (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 7).wrapping_mul(40_503) >> 3)
    }

    #[test]
    fn every_level_interpolates_as_exact_arithmetic_does() {
        for (width, height) in [(2, 2), (3, 2), (2, 5), (17, 9)] {
            let picture: Vec<[u8; 4]> = noise(width * height).map(u32::to_le_bytes).collect();
            let mut positions: Vec<[i32; 2]> =
                noise(400).map(|n| [(n % 4000) as i32 - 500, (n / 4000 % 3000) as i32 - 500]).collect();
            let far = [(width as i32 - 1) * STEPS, (height as i32 - 1) * STEPS];
            positions.extend([[0, 0], far, [far[0], 0], [i32::MIN, i32::MAX], [i32::MAX, i32::MIN]]);
            let exact = |[x, y]: [i32; 2], channel: usize| {
                let inside = |at: i32, far: i32| f64::from(at.clamp(0, far)) / f64::from(STEPS);
                let (x, y) = (inside(x, far[0]), inside(y, far[1]));
                let value = |dx: usize, dy: usize| {
                    let (column, row) = ((x as usize + dx).min(width - 1), (y as usize + dy).min(height - 1));
                    f64::from(picture[row * width + column][channel])
                };
                let (tx, ty) = (x.fract(), y.fract());
                let upper = value(0, 0) * (1.0 - tx) + value(1, 0) * tx;
                let lower = value(0, 1) * (1.0 - tx) + value(1, 1) * tx;
                (upper * (1.0 - ty) + lower * ty + 0.5).floor() as u8
            };
            at_every_level(|level| {
                let mut colours = vec![[0; 3]; positions.len()];
                bilinear(&picture, width, &positions, &mut colours);
                for (position, colour) in positions.iter().zip(&colours) {
                    let expected = [0, 1, 2].map(|channel| exact(*position, channel));
                    assert_eq!(*colour, expected, "{level:?}, {width}x{height} at {position:?}");
                }
            });
        }
    }

    #[test]
    #[should_panic(expected = "two or more whole rows")]
    fn a_picture_that_is_no_rectangle_is_refused() {
        bilinear(&[[0; 4]; 7], 3, &[], &mut []);
    }

    #[test]
    fn every_level_mixes_channels_alike() {
        let one = 1 << COLOUR_BITS;
        let matrices = [
            [[one, 0, 0, 0], [0, one, 0, 0], [0, 0, one, 0]],
            [
                [2 * one, -one, 7, -one * 30],
                [one / 3, one / 3, one / 3, 1],
                [-one * 63, 5, one * 63, one * 60_000],
            ],
        ];
        for count in [0, 1, 31, 32, 33, 100] {
            let pixels: Vec<[u8; 3]> =
                noise(count).map(|n| [n as u8, (n >> 8) as u8, (n >> 16) as u8]).collect();
            for matrix in &matrices {
                let expected: Vec<[u8; 3]> = (pixels.iter())
                    .map(|pixel| {
                        matrix.map(|row| {
                            let sum: f64 = (0..3).map(|c| f64::from(row[c]) * f64::from(pixel[c])).sum();
                            let value = (sum + f64::from(row[3])) / f64::from(one) + 0.5;
                            value.floor().clamp(0.0, 255.0) as u8
                        })
                    })
                    .collect();
                at_every_level(|level| {
                    let mut mixed = pixels.clone();
                    mix_channels(&mut mixed, matrix);
                    assert_eq!(mixed, expected, "{level:?}, {count} pixels");
                });
            }
        }
    }
}
