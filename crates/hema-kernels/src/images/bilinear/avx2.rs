//! Interpolation with AVX2.

#[allow(clippy::wildcard_imports)] // as many instructions by name say nothing
use std::arch::x86_64::*;

use super::picture::{Border, Picture, STEP_BITS, STEPS};

const BITS: i32 = STEP_BITS as i32;

/// The function of [`super::bilinear`] for eight positions at a time.
///
/// Sums along a row stay within 16 bits when bytes are counted from 128 (-16,384 to 16,256), and so do those
/// of both rows: the product of their difference and the lower row's share is needed in 128ths only, rounded
/// down, which the upper half of a 16-bit product gives exactly.
///
/// # Safety
/// The processor has AVX2; `picture` is counted in 32 bits; there are as many colours as positions.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn bilinear(picture: &Picture, positions: &[[[i32; 2]; 8]], colours: &mut [[[u8; 3]; 8]]) {
    let [across, down] = [picture.width, picture.height]
        .map(|side| Axis { round_trip: 2 * side as i32 * STEPS, mirrors: picture.border == Border::Mirror });
    let columns = _mm256_set1_epi32(picture.width as i32);
    let whole = _mm256_set1_epi32(STEPS);
    let close_up = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
    // three bytes of four, and three words of four
    let drop_fourth =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    for (colours, positions) in colours.iter_mut().zip(positions) {
        let mut at = load(positions);
        if picture.border == Border::Mirror && is_far(at, [across.round_trip, down.round_trip]) {
            at = load(&positions.map(|position| picture.inside(position).map(|at| at as i32)));
        }
        let [a, b] = at.map(|words| _mm256_castsi256_ps(words));
        let (left, x) = across.split(_mm256_shuffle_ps::<0b10_00_10_00>(a, b));
        let (top, y) = down.split(_mm256_shuffle_ps::<0b11_01_11_01>(a, b));
        let mut corners = Corners { picture, first: [0; 8] };
        let indices = _mm256_add_epi32(_mm256_mullo_epi32(top, columns), left);
        // SAFETY: eight numbers of 32 bits.
        unsafe { _mm256_storeu_si256(corners.first.as_mut_ptr().cast(), indices) };

        // shares of left and right as bytes, of the lower row as words; four times for four channels
        let across = _mm256_or_si256(_mm256_sub_epi32(whole, x), _mm256_slli_epi32::<8>(x));
        let across = _mm256_or_si256(across, _mm256_slli_epi32::<16>(across));
        let down = _mm256_or_si256(y, _mm256_slli_epi32::<16>(y));
        let (low, high) = (_mm256_unpacklo_epi32(across, across), _mm256_unpackhi_epi32(across, across));
        let outer = corners.mix(low, _mm256_unpacklo_epi32(down, down), [0, 1, 4, 5]);
        let inner = corners.mix(high, _mm256_unpackhi_epi32(down, down), [2, 3, 6, 7]);
        let bytes = _mm256_xor_si256(_mm256_packs_epi16(outer, inner), _mm256_set1_epi8(-128));
        let bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(bytes, drop_fourth), close_up);
        let to = colours.as_mut_ptr().cast::<u8>();
        // SAFETY: eight colours are 24 bytes.
        unsafe {
            _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(bytes));
            _mm_storel_epi64(to.add(16).cast(), _mm256_extracti128_si256::<1>(bytes));
        }
    }
}

/// A side of a picture.
struct Axis {
    /// Steps along the side and back along its mirror image.
    round_trip: i32,
    mirrors: bool,
}

impl Axis {
    /// The pixel before each position along the side, and the steps from it to the position.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn split(&self, at: __m256) -> (__m256i, __m256i) {
        let (zero, one) = (_mm256_setzero_si256(), _mm256_set1_epi32(1));
        let mut at = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_castps_si256(at));
        if self.mirrors {
            let half_a_pixel = _mm256_set1_epi32(STEPS / 2);
            let along = _mm256_abs_epi32(_mm256_add_epi32(at, half_a_pixel));
            let back = _mm256_sub_epi32(_mm256_set1_epi32(self.round_trip), along);
            at = _mm256_sub_epi32(_mm256_min_epi32(along, back), half_a_pixel);
        }
        let last = _mm256_set1_epi32(self.round_trip / 2 - STEPS);
        let at = _mm256_min_epi32(_mm256_max_epi32(at, zero), last);
        // on the last column and row the pixel itself is the right or lower one
        let first = _mm256_srai_epi32::<BITS>(_mm256_max_epi32(_mm256_sub_epi32(at, one), zero));
        (first, _mm256_sub_epi32(at, _mm256_slli_epi32::<BITS>(first)))
    }
}

/// The pixels around eight positions: the upper left one of each, and with it the other three.
struct Corners<'a> {
    picture: &'a Picture<'a>,
    first: [i32; 8],
}

impl Corners<'_> {
    /// The pixels at four of the positions, `row` pixels on, each with its right neighbour: channel by
    /// channel, counted from 128.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn read(&self, row: usize, four: [usize; 4]) -> __m256i {
        let pixels = self.picture.pixels;
        let pair = |i: usize| {
            let at = self.first[i] as usize + row;
            debug_assert!(at + 2 <= pixels.len());
            // SAFETY: `Axis::split` stays left of the last column and above the last row, so that both rows
            // have the pixel and one to its right: eight bytes.
            unsafe { pixels.as_ptr().add(at).cast::<i64>().read_unaligned() }
        };
        let four = _mm256_setr_epi64x(pair(four[0]), pair(four[1]), pair(four[2]), pair(four[3]));
        // two neighbours, channel by channel
        let pairs =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
        _mm256_xor_si256(_mm256_shuffle_epi8(four, pairs), _mm256_set1_epi8(-128))
    }

    /// The colours at four of the positions, counted from 128, from the shares of right and lower pixels.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn mix(&self, across: __m256i, down: __m256i, four: [usize; 4]) -> __m256i {
        let half = _mm256_set1_epi16(STEPS as i16 / 2);
        let middle = _mm256_set1_epi16(STEPS as i16 / 2 - 1);
        let upper = _mm256_maddubs_epi16(across, self.read(0, four));
        let lower = _mm256_maddubs_epi16(across, self.read(self.picture.width, four));
        let difference = _mm256_sub_epi16(lower, upper);
        // a share of a half and more is a negative number when it fills 16 bits: one difference too few
        let product = _mm256_mulhi_epi16(difference, _mm256_slli_epi16::<{ 16 - BITS }>(down));
        let missing = _mm256_and_si256(_mm256_cmpgt_epi16(down, middle), difference);
        let sum = _mm256_add_epi16(_mm256_add_epi16(upper, half), _mm256_add_epi16(product, missing));
        _mm256_srai_epi16::<BITS>(sum)
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(positions: &[[i32; 2]; 8]) -> [__m256i; 2] {
    let from = positions.as_ptr();
    // SAFETY: eight positions are 64 bytes.
    unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(4).cast())] }
}

/// Whether a position lies further away than one mirror image.
#[inline]
#[target_feature(enable = "avx2")]
fn is_far(positions: [__m256i; 2], round_trip: [i32; 2]) -> bool {
    let half_a_pixel = _mm256_set1_epi32(STEPS / 2);
    let most = _mm256_set1_epi64x(i64::from(round_trip[0]) | i64::from(round_trip[1]) << 32);
    // a sum or absolute value that overflows is large when read without its sign
    let [a, b] = positions.map(|at| _mm256_abs_epi32(_mm256_add_epi32(at, half_a_pixel)));
    let furthest = _mm256_max_epu32(_mm256_max_epu32(a, b), most);
    _mm256_movemask_epi8(_mm256_cmpeq_epi32(furthest, most)) != -1
}
