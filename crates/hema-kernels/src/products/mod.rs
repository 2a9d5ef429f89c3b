//! Matrix products.

#[cfg(target_arch = "x86_64")]
mod amx;
mod epilogue;
mod gather;
mod outer;
mod pack;
mod product;
mod rows;
mod tiling;

pub(crate) use epilogue::Epilogue;
pub(crate) use gather::{Axis, FEW_CHANNELS, Gather, Layout, copies, row_of};
pub(crate) use outer::{OuterRows, outer};
pub(crate) use pack::{Order, Packed, Sizes};
pub(crate) use product::product;
pub(crate) use rows::{JoinRows, copy_rows};
pub(crate) use tiling::{
    AMX_ROW_VALUES, AMX_ROWS, PANEL_VECTORS, REGISTER_ROWS, ROW_MULTIPLE, in_memory, padded_rows, panels,
    uses_amx, widest,
};
