//! Types of the values in maps: `f32`, or `bf16` for half the memory and, where the processor multiplies
//! pairs of them, twice the arithmetic.
//!
//! Only maps and the operands of products are ever narrow. Sums, statistics, parameters and their gradients
//! are `f32`.

pub use half::bf16;

use super::{Simd, math};
use crate::parallel::Shelved;

/// A type that the values of maps are stored in: `f32` or `bf16`.
#[allow(private_bounds)] // sealed: kernels exist for the two types below
pub trait Element:
    Storage + Shelved + Copy + Default + PartialEq + std::fmt::Debug + Send + Sync + 'static
{
    /// The name of the precision.
    const NAME: &'static str;
    /// The nearest value.
    fn from_f32(x: f32) -> Self;
    /// The value as an `f32`.
    fn to_f32(self) -> f32;
}

/// How kernels load, multiply and store an [`Element`].
///
/// A *word* is the 32 bits that a lane of a product takes at a time: one `f32`, or a pair of neighbouring
/// `bf16`.
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
    /// Words of the values `first` and `second` of each lane, rounded to this type; a type of a whole word is
    /// the first.
    fn words<S: Simd>(s: S, first: S::V, second: S::V) -> S::V;
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
        math::sigmoid(s, z)
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
        math::sigmoid_rough(s, z)
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
}
