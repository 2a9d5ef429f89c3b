//! What maps are stored in: `f32`, or `bf16` for half the memory and, where the processor multiplies pairs of them, twice the
//! arithmetic.
//!
//! Only maps and the operands of products are ever narrow. Sums, statistics, parameters and their gradients are `f32`.

use crate::act;
use crate::block::Compiled;
use crate::norm::for_vectors;
use crate::simd::{Simd, simd_fn};
use crate::workspace::{Shelf, Workspace};
use crate::{check_len, par_chunks};
pub use half::bf16;

/// A type that maps are stored in.
#[allow(private_bounds)] // sealed: kernels exist for the two types below
pub trait Element:
    Storage + Compiled + Copy + Default + PartialEq + std::fmt::Debug + Send + Sync + 'static
{
    /// The name of the precision.
    const NAME: &'static str;
    /// The nearest value.
    fn from_f32(x: f32) -> Self;
    /// The same value.
    fn to_f32(self) -> f32;
}

/// How kernels load, multiply and store an [`Element`].
///
/// A *word* is the 32 bits that a lane of a product takes at a time: one `f32`, or a pair of neighbouring `bf16`.
pub(crate) trait Storage: Sized {
    /// Values in a word.
    const PER_WORD: usize;

    unsafe fn load_n<S: Simd>(s: S, p: *const Self, n: usize) -> S::V;
    unsafe fn store_n<S: Simd>(s: S, p: *mut Self, n: usize, v: S::V);
    /// `sum + a * b` for the word `a` and the words `b`.
    fn multiply_add<S: Simd>(s: S, a: f32, b: S::V, sum: S::V) -> S::V;
    /// `1 / (1 + e^-z)`, as good as the type can hold.
    fn sigmoid<S: Simd>(s: S, z: S::V) -> S::V;
    /// Word `k` of a row.
    unsafe fn word(row: *const Self, k: usize) -> f32;
    /// Words of the values `first` and `second` of each lane, rounded to this type; a type of a whole word is the first.
    fn words<S: Simd>(s: S, first: S::V, second: S::V) -> S::V;
    /// Where a workspace keeps buffers of this type.
    fn shelf(workspace: &Workspace) -> &Shelf<Self>;
}

impl Element for f32 {
    const NAME: &'static str = "fp32";

    fn from_f32(x: f32) -> Self {
        x
    }
    fn to_f32(self) -> f32 {
        self
    }
}

impl Storage for f32 {
    const PER_WORD: usize = 1;

    #[inline(always)]
    unsafe fn load_n<S: Simd>(s: S, p: *const Self, n: usize) -> S::V {
        // SAFETY: the caller's conditions.
        unsafe { s.load_n(p, n) }
    }
    #[inline(always)]
    unsafe fn store_n<S: Simd>(s: S, p: *mut Self, n: usize, v: S::V) {
        // SAFETY: the caller's conditions.
        unsafe { s.store_n(p, n, v) }
    }
    #[inline(always)]
    fn multiply_add<S: Simd>(s: S, a: f32, b: S::V, sum: S::V) -> S::V {
        s.fma_word(a, b, sum)
    }
    #[inline(always)]
    fn sigmoid<S: Simd>(s: S, z: S::V) -> S::V {
        act::sigmoid(s, z)
    }
    #[inline(always)]
    unsafe fn word(row: *const Self, k: usize) -> f32 {
        // SAFETY: the caller's conditions.
        unsafe { *row.add(k) }
    }
    #[inline(always)]
    fn words<S: Simd>(_: S, first: S::V, _: S::V) -> S::V {
        first
    }
    fn shelf(workspace: &Workspace) -> &Shelf<Self> {
        &workspace.wide
    }
}

impl Element for bf16 {
    const NAME: &'static str = "bf16";

    fn from_f32(x: f32) -> Self {
        bf16::from_f32(x)
    }
    fn to_f32(self) -> f32 {
        bf16::to_f32(self)
    }
}

impl Storage for bf16 {
    const PER_WORD: usize = 2;

    #[inline(always)]
    unsafe fn load_n<S: Simd>(s: S, p: *const Self, n: usize) -> S::V {
        // SAFETY: the caller's conditions.
        unsafe { s.load_bf16_n(p, n) }
    }
    #[inline(always)]
    unsafe fn store_n<S: Simd>(s: S, p: *mut Self, n: usize, v: S::V) {
        // SAFETY: the caller's conditions.
        unsafe { s.store_bf16_n(p, n, v) }
    }
    #[inline(always)]
    fn multiply_add<S: Simd>(s: S, a: f32, b: S::V, sum: S::V) -> S::V {
        s.dot(a, b, sum)
    }
    #[inline(always)]
    fn sigmoid<S: Simd>(s: S, z: S::V) -> S::V {
        act::sigmoid_rough(s, z)
    }
    #[inline(always)]
    #[allow(clippy::cast_ptr_alignment)] // read as unaligned
    unsafe fn word(row: *const Self, k: usize) -> f32 {
        // SAFETY: the caller's conditions.
        unsafe { row.cast::<f32>().add(k).read_unaligned() }
    }
    #[inline(always)]
    fn words<S: Simd>(s: S, first: S::V, second: S::V) -> S::V {
        s.pair(s.round_bf16(first), s.round_bf16(second))
    }
    fn shelf(workspace: &Workspace) -> &Shelf<Self> {
        &workspace.narrow
    }
}

/// Values handled by one task of a conversion.
const CHUNK: usize = 1 << 15;

/// `y = x`, rounded to nearest.
///
/// # Panics
/// If the lengths differ.
pub fn narrow<E: Element>(x: &[f32], y: &mut [E]) {
    check_len("y", y.len(), x.len());
    par_chunks(y, CHUNK, |i, y| {
        // SAFETY: equally long by the slicing.
        unsafe { narrow_slice(&x[i * CHUNK..][..y.len()], y) }
    });
}

#[inline(always)]
unsafe fn narrow_body<S: Simd, E: Element>(s: S, x: &[f32], y: &mut [E]) {
    let n = y.len();
    for_vectors!(S, n, |i, left| {
        // SAFETY: `left` values remain from i in both slices.
        unsafe { E::store_n(s, y.as_mut_ptr().add(i), left, s.load_n(x.as_ptr().add(i), left)) };
    });
}
simd_fn!(
    /// # Safety
    /// `x` and `y` are equally long.
    unsafe fn narrow_slice<E>(x: &[f32], y: &mut [E]) = narrow_body
);

#[cfg(test)]
mod tests {
    use super::{bf16, narrow};
    use crate::reference::{values, wide};
    use crate::simd::testing::at_every_level;

    #[test]
    fn rounding_is_to_nearest_even_at_every_level() {
        at_every_level(|level| {
            for n in [0, 1, 7, 16, 31, super::CHUNK + 5] {
                let mut x = values(n, 1);
                // halfway between two neighbours, above and below an even one; and what rounding must not lose
                let special = [
                    1.00390625,
                    1.01171875,
                    f32::MAX,
                    f32::INFINITY,
                    -0.0,
                    f32::NAN,
                    f32::from_bits(0x7FFF_FFFF),
                ];
                x.iter_mut().zip(special).for_each(|(x, special)| *x = special);
                let mut y = vec![bf16::ONE; n];
                narrow(&x, &mut y);
                for (i, (x, found)) in x.iter().zip(wide(&y)).enumerate() {
                    let expected = bf16::from_f32(*x).to_f32();
                    assert!(
                        found == expected || (found.is_nan() && expected.is_nan()),
                        "{}: at {i} {x} became {found}, expected {expected}",
                        level.name()
                    );
                }
            }
        });
    }
}
