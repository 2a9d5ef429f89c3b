//! The end of a product.

use crate::simd::Act;

/// What happens to a finished sum before it is stored.
#[derive(Clone, Copy, Default)]
pub(crate) struct Epilogue<'a> {
    /// Added per column.
    pub(crate) bias: Option<&'a [f32]>,
    /// Applied next.
    pub(crate) act: Act,
    /// Whether the sum is added to what the output holds; there is no activation then.
    pub(crate) add: bool,
}
