//! Matrix products on rows reached through pointers.
//!
//! A convolution never needs its im2col matrix in memory: the k values that one tap of the filter contributes
//! to one output pixel are contiguous in an NHWC map, so a product only needs the *address* of each (tap,
//! pixel). Both products therefore take tables of row addresses ([`Gather`] makes them); padding is the
//! address of a row of zeros. A plain matrix is the case of one tap.
//!
//! * [`product`]: `out[m] = sum over taps t of rows[t][m] * B[t]`, for `B` packed ([`Packed`]).
//! * [`outer`]: `out[p][q] = sum over m of a[m][p] * b[m][q]`.
//!
//! Both take 32 bits of a row at a time, a *word*: one `f32`, or a pair of `bf16` that one instruction
//! multiplies and adds. Where the processor multiplies tiles (`amx`), products of `bf16` go there unless they
//! would leave most of a tile empty.

#[cfg(target_arch = "x86_64")]
mod amx;
mod epilogue;
mod gather;
mod outer;
mod pack;
mod product;
mod rows;
#[cfg(test)]
mod tests;
mod tiling;

pub(crate) use epilogue::Epilogue;
pub(crate) use gather::{Axis, FEW_CHANNELS, Gather, Layout, copies, row_of};
pub(crate) use outer::{OuterRows, outer};
pub(crate) use pack::{Order, Packed, Sizes};
pub(crate) use product::product;
pub(crate) use rows::{JoinRows, copy_rows};
pub(crate) use tiling::{
    AMX_ROW_VALUES, AMX_ROWS, FEW_REGISTER_ROWS, REGISTER_ROWS, ROW_MULTIPLE, in_memory, outer_rows,
    outer_widest, padded_rows, panels, uses_amx, widest,
};
