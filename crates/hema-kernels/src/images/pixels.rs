//! What image operators spend their time on: reading pixels between pixels, and mixing channels. All arithmetic is on
//! integers, so every level makes the same image, bit for bit.
//!
//! Left out on purpose: tables (see [`tables`](crate::tables)), and anything that is quick enough in plain Rust.

use crate::parallel::check_len;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Level, level};

/// Steps to a pixel in the positions that [`bilinear`] takes.
pub const STEPS: i32 = 1 << STEP_BITS;
/// Bits of a step number behind the pixel's.
const STEP_BITS: u32 = 7;

/// What stands beyond the border of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// The nearest pixel.
    Nearest,
    /// The mirror image, the pixel at the border repeated.
    Mirror,
}

/// Colours between the pixels of a picture of `width` columns, whose pixels are `[red, green, blue, any]` bytes.
///
/// A position `[x, y]` counts [`STEPS`] from the centre of the first pixel. The result is exact but for one rounding to the
/// nearest byte, halves up.
///
/// # Panics
/// If there are not as many positions as colours, or the picture is not made of two or more rows of two or more pixels.
pub fn bilinear(
    picture: &[[u8; 4]],
    width: usize,
    border: Border,
    positions: &[[i32; 2]],
    colours: &mut [[u8; 3]],
) {
    check_len("positions", positions.len(), colours.len());
    assert!(
        width >= 2 && picture.len() >= 2 * width && picture.len().is_multiple_of(width),
        "picture: found {} pixels in rows of {width}, expected two or more whole rows of two or more",
        picture.len()
    );
    let picture = Picture { pixels: picture, width, height: picture.len() / width, border };
    #[cfg(target_arch = "x86_64")]
    if level() >= Level::Avx2 && picture.is_counted_in_32_bits() {
        let (groups, rest) = positions.as_chunks();
        let (group_colours, rest_colours) = colours.as_chunks_mut();
        // SAFETY: the level is one that the processor has, and the picture's pixels and steps can be counted in 32 bits.
        unsafe { avx2::bilinear(&picture, groups, group_colours) };
        bilinear_here(&picture, rest, rest_colours);
        return;
    }
    bilinear_here(&picture, positions, colours);
}

/// Two or more whole rows of two or more pixels.
struct Picture<'a> {
    pixels: &'a [[u8; 4]],
    width: usize,
    height: usize,
    border: Border,
}

impl Picture<'_> {
    /// Whether no index of a pixel, and no position along both a side and its mirror image, is too large for an `i32`.
    #[cfg(target_arch = "x86_64")]
    fn is_counted_in_32_bits(&self) -> bool {
        let most = i32::MAX as usize;
        self.pixels.len() <= most && self.width.max(self.height) <= most / (2 * STEPS as usize)
    }

    /// The position on the picture at which to read for one anywhere.
    fn inside(&self, [x, y]: [i32; 2]) -> [i64; 2] {
        [(x, self.width), (y, self.height)].map(|(at, side)| {
            let (at, length, half) = (i64::from(at), side as i64 * i64::from(STEPS), i64::from(STEPS / 2));
            let at = match self.border {
                Border::Nearest => at,
                Border::Mirror => {
                    let along = (at + half).rem_euclid(2 * length);
                    along.min(2 * length - along) - half
                }
            };
            at.clamp(0, length - i64::from(STEPS))
        })
    }

    /// The first of the four pixels around a position inside, and the share of each in 16,384ths: left and right above, then
    /// below.
    fn corner(&self, [x, y]: [i64; 2]) -> (usize, [i32; 4]) {
        // on the last column and row the pixel itself is the right or lower one
        let [(left, x), (top, y)] = [x, y].map(|at| {
            let first = (at - 1).max(0) >> STEP_BITS;
            (first as usize, (at - (first << STEP_BITS)) as i32)
        });
        let both = x * y;
        let weights = [(STEPS - x) * (STEPS - y), x * STEPS - both, y * STEPS - both, both];
        (top * self.width + left, weights)
    }
}

/// See [`bilinear`].
fn bilinear_here(picture: &Picture, positions: &[[i32; 2]], colours: &mut [[u8; 3]]) {
    for (colour, position) in colours.iter_mut().zip(positions) {
        let (first, weights) = picture.corner(picture.inside(*position));
        let corners =
            [first, first + 1, first + picture.width, first + picture.width + 1].map(|i| picture.pixels[i]);
        *colour = std::array::from_fn(|c| {
            let sum: i32 = (0..4).map(|i| i32::from(corners[i][c]) * weights[i]).sum();
            ((sum + (1 << 13)) >> 14) as u8
        });
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use crate::images::pixels::{Border, COLOUR_BITS, ColourMatrix, Picture, STEP_BITS, STEPS};
    #[allow(clippy::wildcard_imports)] // as many instructions by name say nothing
    use std::arch::x86_64::*;

    /// See [`super::bilinear`]: eight positions at a time.
    ///
    /// Sums along a row stay within 16 bits when bytes are counted from 128 (-16,384 to 16,256), and so do those of both
    /// rows: the product of their difference and the lower row's share is needed in 128ths only, rounded down, which the
    /// upper half of a 16-bit product gives exactly.
    ///
    /// # Safety
    /// The processor has AVX2; `picture` is counted in 32 bits; there are as many colours as positions.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn bilinear(
        picture: &Picture,
        positions: &[[[i32; 2]; 8]],
        colours: &mut [[[u8; 3]; 8]],
    ) {
        const BITS: i32 = STEP_BITS as i32;
        let pixels = picture.pixels;
        let (zero, one) = (_mm256_setzero_si256(), _mm256_set1_epi32(1));
        let columns = _mm256_set1_epi32(picture.width as i32);
        let round_trip = [picture.width, picture.height].map(|side| 2 * side as i32 * STEPS);
        let half_a_pixel = _mm256_set1_epi32(STEPS / 2);
        let (whole, middle) = (_mm256_set1_epi32(STEPS), _mm256_set1_epi16(STEPS as i16 / 2 - 1));
        let (half, sign) = (_mm256_set1_epi16(STEPS as i16 / 2), _mm256_set1_epi8(-128));
        // two neighbours, channel by channel
        let pairs =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
        // three bytes of four, and three words of four
        let drop_fourth = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
        ));
        let close_up = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
        for (colours, positions) in colours.iter_mut().zip(positions) {
            let mut at = load(positions);
            if picture.border == Border::Mirror && is_far(at, round_trip) {
                at = load(&positions.map(|position| picture.inside(position).map(|at| at as i32)));
            }
            let [a, b] = at.map(|words| _mm256_castsi256_ps(words));
            // the pixel before each position along an axis, and the steps from it to the position
            let split = |at: __m256, round_trip: i32| {
                let mut at = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_castps_si256(at));
                if picture.border == Border::Mirror {
                    let along = _mm256_abs_epi32(_mm256_add_epi32(at, half_a_pixel));
                    let back = _mm256_sub_epi32(_mm256_set1_epi32(round_trip), along);
                    at = _mm256_sub_epi32(_mm256_min_epi32(along, back), half_a_pixel);
                }
                let last = _mm256_set1_epi32(round_trip / 2 - STEPS);
                let at = _mm256_min_epi32(_mm256_max_epi32(at, zero), last);
                // on the last column and row the pixel itself is the right or lower one
                let first = _mm256_srai_epi32::<BITS>(_mm256_max_epi32(_mm256_sub_epi32(at, one), zero));
                (first, _mm256_sub_epi32(at, _mm256_slli_epi32::<BITS>(first)))
            };
            let (left, x) = split(_mm256_shuffle_ps::<0b10_00_10_00>(a, b), round_trip[0]);
            let (top, y) = split(_mm256_shuffle_ps::<0b11_01_11_01>(a, b), round_trip[1]);
            let mut first = [0i32; 8];
            let indices = _mm256_add_epi32(_mm256_mullo_epi32(top, columns), left);
            // SAFETY: eight numbers of 32 bits.
            unsafe { _mm256_storeu_si256(first.as_mut_ptr().cast(), indices) };

            // the pixels at four of the positions, each with its right neighbour
            let read = |row: usize, four: [usize; 4]| {
                let pair = |i: usize| {
                    let at = first[i] as usize + row;
                    debug_assert!(at + 2 <= pixels.len());
                    // SAFETY: `split` stays left of the last column and above the last row, so that both rows have the
                    // pixel and one to its right: eight bytes.
                    unsafe { pixels.as_ptr().add(at).cast::<i64>().read_unaligned() }
                };
                let four = _mm256_setr_epi64x(pair(four[0]), pair(four[1]), pair(four[2]), pair(four[3]));
                _mm256_xor_si256(_mm256_shuffle_epi8(four, pairs), sign)
            };
            let mix = |across: __m256i, down: __m256i, four: [usize; 4]| {
                let upper = _mm256_maddubs_epi16(across, read(0, four));
                let lower = _mm256_maddubs_epi16(across, read(picture.width, four));
                let difference = _mm256_sub_epi16(lower, upper);
                // a share of a half and more is a negative number when it fills 16 bits: one difference too few
                let product = _mm256_mulhi_epi16(difference, _mm256_slli_epi16::<{ 16 - BITS }>(down));
                let missing = _mm256_and_si256(_mm256_cmpgt_epi16(down, middle), difference);
                let sum = _mm256_add_epi16(_mm256_add_epi16(upper, half), _mm256_add_epi16(product, missing));
                _mm256_srai_epi16::<BITS>(sum)
            };
            // shares of left and right as bytes, of the lower row as words; four times for four channels
            let across = _mm256_or_si256(_mm256_sub_epi32(whole, x), _mm256_slli_epi32::<8>(x));
            let across = _mm256_or_si256(across, _mm256_slli_epi32::<16>(across));
            let down = _mm256_or_si256(y, _mm256_slli_epi32::<16>(y));
            let outer =
                mix(_mm256_unpacklo_epi32(across, across), _mm256_unpacklo_epi32(down, down), [0, 1, 4, 5]);
            let inner =
                mix(_mm256_unpackhi_epi32(across, across), _mm256_unpackhi_epi32(down, down), [2, 3, 6, 7]);
            let bytes = _mm256_xor_si256(_mm256_packs_epi16(outer, inner), sign);
            let bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(bytes, drop_fourth), close_up);
            let to = colours.as_mut_ptr().cast::<u8>();
            // SAFETY: eight colours are 24 bytes.
            unsafe {
                _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(bytes));
                _mm_storel_epi64(to.add(16).cast(), _mm256_extracti128_si256::<1>(bytes));
            }
        }
    }

    #[target_feature(enable = "avx2")]
    fn load(positions: &[[i32; 2]; 8]) -> [__m256i; 2] {
        let from = positions.as_ptr();
        // SAFETY: eight positions are 64 bytes.
        unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(4).cast())] }
    }

    /// Whether a position lies further away than one mirror image.
    #[target_feature(enable = "avx2")]
    fn is_far(positions: [__m256i; 2], round_trip: [i32; 2]) -> bool {
        let half_a_pixel = _mm256_set1_epi32(STEPS / 2);
        let most = _mm256_set1_epi64x(i64::from(round_trip[0]) | i64::from(round_trip[1]) << 32);
        // a sum or absolute value that overflows is large when read without its sign
        let [a, b] = positions.map(|at| _mm256_abs_epi32(_mm256_add_epi32(at, half_a_pixel)));
        let furthest = _mm256_max_epu32(_mm256_max_epu32(a, b), most);
        _mm256_movemask_epi8(_mm256_cmpeq_epi32(furthest, most)) != -1
    }

    /// See [`super::mix_channels`]: eight pixels at a time.
    ///
    /// # Safety
    /// The processor has AVX2; every factor fits in 16 bits.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn mix_channels(pixels: &mut [[[u8; 3]; 8]], matrix: &ColourMatrix) {
        // red and green of a pixel as words, and blue; four pixels from the first byte, four from the fifth
        let red_green = _mm256_setr_epi8(
            0, -1, 1, -1, 3, -1, 4, -1, 6, -1, 7, -1, 9, -1, 10, -1, //
            4, -1, 5, -1, 7, -1, 8, -1, 10, -1, 11, -1, 13, -1, 14, -1,
        );
        let blue = _mm256_setr_epi8(
            2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1, //
            6, -1, -1, -1, 9, -1, -1, -1, 12, -1, -1, -1, 15, -1, -1, -1,
        );
        // from four of red, green and blue each to four pixels
        let pixel =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, -1, -1, -1, -1));
        let close_up = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
        let words = |low: i32, high: i32| _mm256_set1_epi32(low & 0xFFFF | high << 16);
        let rows = matrix.map(|[r, g, b, offset]| {
            (words(r, g), words(b, 0), _mm256_set1_epi32(offset + (1 << (COLOUR_BITS - 1))))
        });
        for pixels in pixels {
            let at = pixels.as_mut_ptr().cast::<u8>();
            // SAFETY: eight colours are 24 bytes.
            let bytes = unsafe { _mm256_loadu2_m128i(at.add(8).cast(), at.cast()) };
            let (red_green, blue) = (_mm256_shuffle_epi8(bytes, red_green), _mm256_shuffle_epi8(bytes, blue));
            let [r, g, b] = rows.map(|(of_red_green, of_blue, offset)| {
                let (two, one) =
                    (_mm256_madd_epi16(red_green, of_red_green), _mm256_madd_epi16(blue, of_blue));
                let sum = _mm256_add_epi32(_mm256_add_epi32(two, one), offset);
                _mm256_srai_epi32::<{ COLOUR_BITS as i32 }>(sum)
            });
            // packing brings into the range
            let words = [_mm256_packs_epi32(r, g), _mm256_packs_epi32(b, b)];
            let bytes = _mm256_shuffle_epi8(_mm256_packus_epi16(words[0], words[1]), pixel);
            let bytes = _mm256_permutevar8x32_epi32(bytes, close_up);
            // SAFETY: as above.
            unsafe {
                _mm_storeu_si128(at.cast(), _mm256_castsi256_si128(bytes));
                _mm_storel_epi64(at.add(16).cast(), _mm256_extracti128_si256::<1>(bytes));
            }
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
    if level() >= Level::Avx2
        && matrix.iter().all(|row| row[..3].iter().all(|factor| i16::try_from(*factor).is_ok()))
    {
        let (groups, rest) = pixels.as_chunks_mut();
        // SAFETY: the level is one that the processor has; the factors were just checked.
        unsafe { avx2::mix_channels(groups, matrix) };
        mix_channels_here(rest, matrix);
        return;
    }
    mix_channels_here(pixels, matrix);
}

/// See [`mix_channels`].
fn mix_channels_here(pixels: &mut [[u8; 3]], matrix: &ColourMatrix) {
    for pixel in pixels {
        let [r, g, b] = pixel.map(i32::from);
        *pixel = matrix.map(|row| {
            let sum = row[0] * r + row[1] * g + row[2] * b + row[3] + (1 << (COLOUR_BITS - 1));
            (sum >> COLOUR_BITS).clamp(0, 255) as u8
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::levels::at_every_level;

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
            positions.extend((0..60).map(|i| [far[0] / 30 * i - far[0] / 2, far[1] / 20 * i - far[1]]));
            let mirrored = |at: i32, far: i32| {
                let (half, length) = (i64::from(STEPS / 2), i64::from(far + STEPS));
                let along = (i64::from(at) + half).rem_euclid(2 * length);
                (along.min(2 * length - along) - half) as i32
            };
            let exact = |border: Border, [x, y]: [i32; 2], channel: usize| {
                let inside = |at: i32, far: i32| {
                    let at = if border == Border::Mirror { mirrored(at, far) } else { at };
                    f64::from(at.clamp(0, far)) / f64::from(STEPS)
                };
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
                for border in [Border::Nearest, Border::Mirror] {
                    let mut colours = vec![[0; 3]; positions.len()];
                    bilinear(&picture, width, border, &positions, &mut colours);
                    for (position, colour) in positions.iter().zip(&colours) {
                        let expected = [0, 1, 2].map(|channel| exact(border, *position, channel));
                        assert_eq!(
                            *colour, expected,
                            "{level:?}, {width}x{height} at {position:?}, {border:?}"
                        );
                    }
                }
            });
        }
    }

    #[test]
    #[should_panic(expected = "two or more whole rows")]
    fn a_picture_that_is_no_rectangle_is_refused() {
        bilinear(&[[0; 4]; 7], 3, Border::Nearest, &[], &mut []);
    }

    #[test]
    fn every_level_mixes_channels_alike() {
        let one = 1 << COLOUR_BITS;
        let matrices = [
            [[one, 0, 0, 0], [0, one, 0, 0], [0, 0, one, 0]],
            [[6 * one, -one, 7, -one * 30], [-8 * one, 8 * one - 1, 9, 1], [one, one, one, one * 60_000]],
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
