//! Bias, activation and the way sums are stored at the end of a product.

use crate::simd::Act;

/// The operations on a finished sum before it is stored.
#[derive(Clone, Copy, Default)]
pub(crate) struct Epilogue<'a> {
    /// Added per column.
    pub(crate) bias: Option<&'a [f32]>,
    /// Applied next.
    pub(crate) act: Act,
    /// Whether the sum is added to the output's value; there is no activation then.
    pub(crate) add: bool,
}
