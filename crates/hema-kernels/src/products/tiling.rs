//! How products are cut into tiles: of registers, or the processor's own.

use std::mem::MaybeUninit;

use crate::simd::{Element, Level, level};

/// Rows a table must have for `m` rows: kernels read whole tiles of addresses.
pub(crate) const fn padded_rows(m: usize) -> usize {
    m + REGISTER_ROWS - 1
}

/// Rows that are whole tiles of every height.
pub(crate) const ROW_MULTIPLE: usize = 36;

/// The most rows a tile has: with 27 vectors of sums, 31 of 32 registers are in use. Networks halve a side of
/// 3 * 2^n pixels until 3 are left, so that the smallest map of a single image has nine pixels, which divides
/// the pixels of all.
pub(crate) const REGISTER_ROWS: usize = 9;

/// Rows of the processor's tiles.
pub(crate) const AMX_ROWS: usize = 16;

/// Values of `bf16` in a row of a tile.
pub(crate) const AMX_ROW_VALUES: usize = 32;

/// Whether products of maps of `E` go to the processor's tiles, if these are filled.
pub(crate) fn uses_amx<E: Element>() -> bool {
    level() == Level::Amx && E::PER_WORD == 2
}

/// The most rows a tile of two vectors has where there are 16 registers: 12 sums, two vectors of the
/// right-hand side and one of the left leave a register over. With four rows of three vectors the compiler
/// kept two broadcasts alive and a sum in memory (docs/experiments/0044-sixteen-registers.md).
pub(crate) const FEW_REGISTER_ROWS: usize = 6;

/// Vectors in a full panel of a product whose sums are in 32 registers.
const PANEL_VECTORS: usize = 3;

/// Vectors in a full panel where there are 16 registers, or where pairs of `bf16` are multiplied half by
/// half: the halves need registers, too. Where there are 32 of these, only outer products of pairs gain from
/// it.
const NARROW_PANEL_VECTORS: usize = 2;

/// Vectors in a full panel where products go to tiles, of whose sums four are at hand, two by two.
const AMX_PANEL_VECTORS: usize = 2;

/// Vectors in a full panel of a packed right-hand side.
pub(crate) fn widest<E: Element>() -> usize {
    match level() {
        Level::Amx if E::PER_WORD > 1 => AMX_PANEL_VECTORS,
        Level::Scalar | Level::Avx2 => NARROW_PANEL_VECTORS,
        _ => PANEL_VECTORS,
    }
}

/// Vectors in a full panel of the right-hand side of an outer product.
pub(crate) fn outer_widest<E: Element>() -> usize {
    match level() {
        Level::Scalar | Level::Avx2 => NARROW_PANEL_VECTORS,
        Level::Avx512 if E::PER_WORD > 1 => NARROW_PANEL_VECTORS,
        _ => PANEL_VECTORS,
    }
}

/// Rows of the next tile of an outer product, of those that are left: eight where there are 32 registers,
/// else six of values or four of pairs, and so that no more than three are left for tiles of one row.
pub(crate) fn outer_rows<E: Element>(wide: bool, left: usize) -> usize {
    match left {
        8.. if wide => 8,
        6.. if !wide && E::PER_WORD == 1 && left != 8 => FEW_REGISTER_ROWS,
        4.. => 4,
        _ => 1,
    }
}

/// Widths, in vectors, of the panels that cover `n` columns, each of `widest` at most; a lone last vector is
/// evened out, as 4 = 2 + 2.
pub(crate) fn panels(n: usize, lanes: usize, widest: usize) -> impl Iterator<Item = usize> {
    let mut left = n.div_ceil(lanes);
    std::iter::from_fn(move || {
        let width = if left == widest + 1 { 2 } else { left.min(widest) };
        left -= width;
        (width > 0).then_some(width)
    })
}

/// A tile's finished sums, moved to memory.
///
/// It stands between a product and whatever is done with its sums. Were there a loop over the sums themselves
/// that the compiler does not unroll, it would keep them in memory throughout the product, at half the speed
/// and less.
#[inline(always)]
pub(crate) fn in_memory<V: Copy, const MR: usize, const NV: usize>(
    acc: [[V; NV]; MR],
) -> [[MaybeUninit<V>; NV]; MR] {
    let mut sums = [[const { MaybeUninit::uninit() }; NV]; MR];
    for r in 0..MR {
        for j in 0..NV {
            sums[r][j].write(acc[r][j]);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::outer_rows;
    use crate::simd::{Element, bf16};

    /// Rows that tiles of one row get, of so many.
    fn alone<E: Element>(wide: bool, rows: usize) -> usize {
        let (mut left, mut alone) = (rows, 0);
        while left > 0 {
            let tile = outer_rows::<E>(wide, left);
            alone += usize::from(tile == 1);
            left -= tile;
        }
        alone
    }

    #[test]
    fn tiles_of_an_outer_product_leave_no_more_than_three_rows_alone() {
        for rows in 1..100 {
            for wide in [false, true] {
                assert!(alone::<f32>(wide, rows) <= 3 && alone::<bf16>(wide, rows) <= 3, "{wide} {rows}");
            }
        }
        assert_eq!(alone::<f32>(false, 32), 0, "four tiles of six rows and two of four");
    }
}
