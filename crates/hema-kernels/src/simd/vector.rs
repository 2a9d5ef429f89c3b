//! The interface to vectors that kernels are written against, and loops over rows of them.
//!
//! Left out on purpose: `f64`, integers and shuffles (no kernel needs them).

use half::bf16;

/// Vectors of `LANES` values of `f32`.
///
/// `load_n`/`store_n` touch only the first `n <= LANES` values; the other lanes of a loaded vector are 0.
/// `min` and `max` hand a NaN of their second operand on, as in `max(0, x)`; of a NaN in the first, some
/// processors return the second.
///
/// `bf16` values are widened when loaded and rounded to nearest even when stored. For products, two of them
/// lie in the 32 bits of one lane, the first in the low half: a *pair*.
pub(crate) trait Simd: Copy {
    /// A vector.
    type V: Copy;
    /// Values in a vector.
    const LANES: usize;
    /// Whether there are 32 vector registers (else 16): decides how large a block of sums a kernel keeps.
    const WIDE: bool;

    fn splat(self, x: f32) -> Self::V;
    unsafe fn load(self, p: *const f32) -> Self::V;
    unsafe fn store(self, p: *mut f32, v: Self::V);
    unsafe fn load_n(self, p: *const f32, n: usize) -> Self::V;
    unsafe fn store_n(self, p: *mut f32, n: usize, v: Self::V);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a * b + c` with one `a` for all lanes.
    #[inline(always)]
    fn fma_word(self, a: f32, b: Self::V, c: Self::V) -> Self::V {
        self.fma(self.splat(a), b, c)
    }
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `1 / a`, for normal `a` with a normal inverse, to within one unit in the last place or two.
    fn recip(self, a: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `1 / a` to eleven bits.
    fn recip_rough(self, a: Self::V) -> Self::V;
    /// `a` rounded to the nearest integer.
    fn round(self, a: Self::V) -> Self::V;
    /// `a * 2^n` for integral `n`; beyond -126..=127, the result at the limit, or 0 and infinity.
    fn scale2(self, a: Self::V, n: Self::V) -> Self::V;
    /// `a` where `cond > 0`, else 0.
    fn keep_positive(self, cond: Self::V, a: Self::V) -> Self::V;
    unsafe fn load_bf16_n(self, p: *const bf16, n: usize) -> Self::V;
    unsafe fn store_bf16_n(self, p: *mut bf16, n: usize, v: Self::V);
    /// `a` rounded to the nearest `bf16`, and widened again.
    #[inline(always)]
    fn round_bf16(self, a: Self::V) -> Self::V {
        let mut narrow = [bf16::ZERO; MAX_LANES];
        // SAFETY: no vector has more than `MAX_LANES` values.
        unsafe {
            self.store_bf16_n(narrow.as_mut_ptr(), Self::LANES, a);
            self.load_bf16_n(narrow.as_ptr(), Self::LANES)
        }
    }
    /// Pairs of widened values.
    fn pair(self, first: Self::V, second: Self::V) -> Self::V;
    /// `c` plus the product of the first and the product of the second halves of the pairs `a`, one for all
    /// lanes, and `b`.
    fn dot(self, a: f32, b: Self::V, c: Self::V) -> Self::V;
    /// Turns up to `LANES` x `LANES` values over: the vector at `to + j * to_step` gets value j of each of
    /// the `rows` rows at `from + i * step` and 0 in the other lanes, for every j below `columns`.
    #[inline(always)]
    unsafe fn transpose(
        self,
        from: *const f32,
        step: usize,
        rows: usize,
        columns: usize,
        to: *mut f32,
        to_step: usize,
    ) {
        for j in 0..columns {
            for i in 0..Self::LANES {
                // SAFETY: the caller vouches for `columns` values in each row and for whole vectors of the
                // output.
                unsafe {
                    *to.add(j * to_step + i) = if i < rows { *from.add(i * step + j) } else { 0.0 };
                }
            }
        }
    }
}

/// Most values in a vector.
pub(crate) const MAX_LANES: usize = 16;

/// The sum of a vector's values.
#[inline(always)]
pub(crate) fn lanes_sum<S: Simd>(s: S, v: S::V) -> f32 {
    let mut lanes = [0.0; MAX_LANES];
    // SAFETY: no vector has more than `MAX_LANES` values.
    unsafe { s.store(lanes.as_mut_ptr(), v) };
    lanes[..S::LANES].iter().sum()
}

/// Runs `$body` for each vector of a row: `$c` is its first channel, `$n` how many of its lanes are channels.
macro_rules! for_vectors {
    ($s:ty, $channels:expr, |$c:ident, $n:ident| $body:block) => {
        // the body twice: with a constant number of lanes, loads and stores need no masks
        let mut $c = 0;
        while $c + <$s>::LANES <= $channels {
            let $n = <$s>::LANES;
            $body
            $c += <$s>::LANES;
        }
        if $c < $channels {
            let $n = $channels - $c;
            $body
        }
    };
}
pub(crate) use for_vectors;
