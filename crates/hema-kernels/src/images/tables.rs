//! Bytes replaced by means of a table, and bytes mixed with their smoothed surroundings: colour operators
//! spend their time on these. Every level makes the same bytes.

use std::ops::Range;

use crate::parallel::check_len;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Level, level};

/// The replacement of each byte.
pub type Table = [u8; 256];

/// Replaces every byte by its entry in the table.
pub fn map_bytes(bytes: &mut [u8], table: &Table) {
    #[cfg(target_arch = "x86_64")]
    if level() >= Level::Avx512 && is_x86_feature_detected!("avx512vbmi") {
        let (groups, rest) = bytes.as_chunks_mut();
        // SAFETY: the processor has the instructions, as was just asked.
        unsafe { avx512::map_bytes(groups, table) };
        map_bytes_here(rest, table);
        return;
    }
    map_bytes_here(bytes, table);
}

/// [`map_bytes`] in plain Rust.
fn map_bytes_here(bytes: &mut [u8], table: &Table) {
    for byte in bytes {
        *byte = table[usize::from(*byte)];
    }
}

/// Replaces red, green and blue by their entries in a table of each.
pub fn map_pixels(pixels: &mut [[u8; 3]], tables: &[Table; 3]) {
    #[cfg(target_arch = "x86_64")]
    if level() >= Level::Avx512 && is_x86_feature_detected!("avx512vbmi") {
        let (groups, rest) = pixels.as_chunks_mut();
        // SAFETY: the processor has the instructions, as was just asked.
        unsafe { avx512::map_pixels(groups, tables) };
        map_pixels_here(rest, tables);
        return;
    }
    map_pixels_here(pixels, tables);
}

/// [`map_pixels`] in plain Rust.
fn map_pixels_here(pixels: &mut [[u8; 3]], tables: &[Table; 3]) {
    for pixel in pixels {
        *pixel = std::array::from_fn(|channel| tables[channel][usize::from(pixel[channel])]);
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::Table;
    #[allow(clippy::wildcard_imports)] // as many instructions by name say nothing
    use std::arch::x86_64::*;

    /// A table in registers.
    type Quarters = [__m512i; 4];

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn quarters(table: &Table) -> Quarters {
        let at = table.as_ptr();
        // SAFETY: a table is four times 64 bytes.
        [0, 64, 128, 192].map(|quarter| unsafe { _mm512_loadu_si512(at.add(quarter).cast()) })
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn look_up(bytes: __m512i, table: &Quarters) -> __m512i {
        let lower = _mm512_permutex2var_epi8(table[0], bytes, table[1]);
        let upper = _mm512_permutex2var_epi8(table[2], bytes, table[3]);
        _mm512_mask_blend_epi8(_mm512_movepi8_mask(bytes), lower, upper)
    }

    /// See [`super::map_bytes`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn map_bytes(groups: &mut [[u8; 64]], table: &Table) {
        let table = quarters(table);
        for group in groups {
            let at = group.as_mut_ptr();
            // SAFETY: a group is 64 bytes.
            unsafe { _mm512_storeu_si512(at.cast(), look_up(_mm512_loadu_si512(at.cast()), &table)) };
        }
    }

    /// See [`super::map_pixels`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn map_pixels(groups: &mut [[[u8; 3]; 64]], tables: &[Table; 3]) {
        /// Every third byte, from the first on.
        const THIRDS: u64 = 0x9249_2492_4924_9249;
        let tables = [quarters(&tables[0]), quarters(&tables[1]), quarters(&tables[2])];
        for group in groups {
            let at = group.as_mut_ptr().cast::<u8>();
            // the 64, 128 bytes before it end one and two bytes into a pixel
            for (part, first) in [(0, 0), (64, 1), (128, 2)] {
                // SAFETY: a group is three times 64 bytes.
                unsafe {
                    let bytes = _mm512_loadu_si512(at.add(part).cast());
                    let [a, b, c] = [0, 1, 2].map(|i| look_up(bytes, &tables[(first + i) % 3]));
                    let ab = _mm512_mask_blend_epi8(THIRDS << 1, a, b);
                    _mm512_storeu_si512(at.add(part).cast(), _mm512_mask_blend_epi8(THIRDS << 2, ab, c));
                }
            }
        }
    }
}

/// Writes to `target` the middle one of three rows of pixels, each value moved to `factor` times its distance
/// from its surroundings: the mean of the nine values around it with a weight of five for its own. The first
/// and last pixel of `target` stay as they are.
///
/// The mean is rounded, the result cut off (Pillow's `ImageEnhance.Sharpness`).
///
/// # Panics
/// If the rows are not of one length.
pub fn sharpen(rows: [&[u8]; 3], factor: f32, target: &mut [u8]) {
    for row in rows {
        check_len("row", row.len(), target.len());
    }
    let inner = 3..target.len().saturating_sub(3);
    #[cfg(target_arch = "x86_64")]
    if level() >= Level::Avx2 && !inner.is_empty() {
        let whole = inner.len() / avx2::GROUP * avx2::GROUP;
        // SAFETY: the level is one that the processor has; the rows reach three values beyond `inner` at both
        // ends.
        unsafe { avx2::sharpen(rows, factor, &mut target[inner.start..inner.start + whole]) };
        return sharpen_here(rows, factor, target, inner.start + whole..inner.end);
    }
    sharpen_here(rows, factor, target, inner);
}

/// See [`sharpen`]; a part of the row alone.
fn sharpen_here([above, here, below]: [&[u8]; 3], factor: f32, target: &mut [u8], part: Range<usize>) {
    for i in part {
        // values of one channel in neighbouring pixels are three apart
        let sum = |row: &[u8]| u16::from(row[i - 3]) + u16::from(row[i]) + u16::from(row[i + 3]);
        let sum = sum(above) + sum(here) + sum(below) + 4 * u16::from(here[i]);
        let smooth = f32::from((2 * sum + 13) / 26);
        target[i] = (smooth + factor * (f32::from(here[i]) - smooth)) as u8;
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    #[allow(clippy::wildcard_imports)] // as many instructions by name say nothing
    use std::arch::x86_64::*;

    /// Values at a time.
    pub(super) const GROUP: usize = 16;

    /// See [`super::sharpen`].
    ///
    /// # Safety
    /// The processor has AVX2; rows are six values longer than `target`, which is made of whole groups.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn sharpen(rows: [&[u8]; 3], factor: f32, target: &mut [u8]) {
        let (zero, most, factor) = (_mm256_setzero_si256(), _mm256_set1_ps(255.0), _mm256_set1_ps(factor));
        for (i, group) in target.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
            let words = |row: usize, shift: usize| {
                debug_assert!(i * GROUP + shift + GROUP <= rows[row].len());
                // SAFETY: as long as the target has a group, its rows have that and six values.
                let bytes = unsafe { _mm_loadu_si128(rows[row].as_ptr().add(i * GROUP + shift).cast()) };
                _mm256_cvtepu8_epi16(bytes)
            };
            // values of one channel in neighbouring pixels are three apart
            let sum =
                |row: usize| _mm256_add_epi16(_mm256_add_epi16(words(row, 0), words(row, 3)), words(row, 6));
            let here = words(1, 3);
            let sum = _mm256_add_epi16(_mm256_add_epi16(sum(0), sum(1)), sum(2));
            let sum = _mm256_add_epi16(sum, _mm256_slli_epi16::<2>(here));
            // (2 sum + 13) / 26: 40,330 is 2^20 / 26, rounded up, which is exact for numbers as small as
            // these
            let twice = _mm256_add_epi16(_mm256_add_epi16(sum, sum), _mm256_set1_epi16(13));
            let smooth =
                _mm256_srli_epi16::<4>(_mm256_mulhi_epu16(twice, _mm256_set1_epi16(40_330u16 as i16)));
            let difference = _mm256_sub_epi16(here, smooth);
            let blend = |smooth: __m256i, difference: __m256i| {
                let difference = _mm256_cvtepi32_ps(_mm256_srai_epi32::<16>(difference));
                let sharp = _mm256_add_ps(_mm256_cvtepi32_ps(smooth), _mm256_mul_ps(factor, difference));
                // a value that is no number becomes 0
                let sharp = _mm256_max_ps(sharp, _mm256_castsi256_ps(zero));
                _mm256_cvttps_epi32(_mm256_min_ps(sharp, most))
            };
            let low = blend(_mm256_unpacklo_epi16(smooth, zero), _mm256_unpacklo_epi16(zero, difference));
            let high = blend(_mm256_unpackhi_epi16(smooth, zero), _mm256_unpackhi_epi16(zero, difference));
            let bytes = _mm256_packus_epi16(_mm256_packs_epi32(low, high), zero);
            let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(bytes);
            // SAFETY: a group is 16 bytes.
            unsafe { _mm_storeu_si128(group.as_mut_ptr().cast(), _mm256_castsi256_si128(bytes)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::levels::at_every_level;

    /// Numbers without order, the same every time.
    fn noise(n: usize) -> Vec<u8> {
        (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
    }

    const LENGTHS: [usize; 8] = [0, 1, 5, 63, 64, 65, 200, 1000];

    #[test]
    fn every_level_looks_up_alike() {
        let tables: [Table; 3] = [7, 31, 101].map(|step| std::array::from_fn(|i| (i * step % 251) as u8));
        for length in LENGTHS {
            let bytes = noise(length);
            let expected: Vec<u8> = bytes.iter().map(|byte| tables[1][usize::from(*byte)]).collect();
            let pixels: Vec<[u8; 3]> = noise(3 * length).as_chunks().0.to_vec();
            let mapped = |[r, g, b]: &[u8; 3]| {
                [tables[0][usize::from(*r)], tables[1][usize::from(*g)], tables[2][usize::from(*b)]]
            };
            let expected_pixels: Vec<[u8; 3]> = pixels.iter().map(mapped).collect();
            at_every_level(|level| {
                let (mut bytes, mut pixels) = (bytes.clone(), pixels.clone());
                map_bytes(&mut bytes, &tables[1]);
                assert_eq!(bytes, expected, "{level:?}, {length} bytes");
                map_pixels(&mut pixels, &tables);
                assert_eq!(pixels, expected_pixels, "{level:?}, {length} pixels");
            });
        }
    }

    #[test]
    fn every_level_sharpens_alike() {
        for length in LENGTHS {
            let bytes = noise(3 * length);
            let [above, here, below] = [0, 1, 2].map(|row| &bytes[row * length..][..length]);
            for factor in [0.0, 0.1, 1.0, 1.9, -3.0, f32::NAN] {
                let expected: Vec<u8> = (0..length)
                    .map(|i| {
                        if i < 3 || i + 3 >= length {
                            return 77;
                        }
                        let column =
                            |row: &[u8]| [row[i - 3], row[i], row[i + 3]].map(u32::from).iter().sum::<u32>();
                        let sum = column(above) + column(here) + column(below) + 4 * u32::from(here[i]);
                        let smooth = (f64::from(sum) / 13.0).round() as f32;
                        (smooth + factor * (f32::from(here[i]) - smooth)) as u8
                    })
                    .collect();
                at_every_level(|level| {
                    let mut target = vec![77; length];
                    sharpen([above, here, below], factor, &mut target);
                    assert_eq!(target, expected, "{level:?}, {length} bytes, factor {factor}");
                });
            }
        }
    }
}
