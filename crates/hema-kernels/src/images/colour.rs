//! Colours multiplied by a matrix, in whole numbers: every level makes the same image, bit for bit.

#[cfg(target_arch = "x86_64")]
use crate::simd::{Level, level};

/// Bits behind the point of the numbers in a [`ColourMatrix`].
pub const COLOUR_BITS: u32 = 12;

/// Red, green and blue as sums of `[red, green, blue, 1]`, each with its factor in units of
/// 2^-[`COLOUR_BITS`].
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

#[cfg(target_arch = "x86_64")]
mod avx2 {
    #[allow(clippy::wildcard_imports)] // as many instructions by name say nothing
    use std::arch::x86_64::*;

    use crate::images::colour::{COLOUR_BITS, ColourMatrix};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::noise;

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
