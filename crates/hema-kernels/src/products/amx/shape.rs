//! Tiles in memory, and how sides of products are cut into them.

use crate::products::{AMX_ROWS, uses_amx};
use crate::simd::Element;

/// Rows of a tile, and words of a row.
pub(super) const SIDE: usize = AMX_ROWS;

/// Rows and columns of the sums that are in tiles at a time.
pub(super) const BLOCK: usize = 2 * SIDE;

/// A tile in memory.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(crate) struct Tile(pub(super) [[f32; SIDE]; SIDE]);

impl Tile {
    pub(super) const ZERO: Self = Self([[0.0; SIDE]; SIDE]);
}

/// Whether tiles multiply maps of `E` whose left-hand side is `rows` x `words`.
pub(crate) fn takes<E: Element>(rows: usize, words: usize) -> bool {
    uses_amx::<E>() && fills(rows, words)
}

/// Whether tiles are worth their while for a left-hand side of `rows` x `words`.
///
/// For 16 columns, vectors take an instruction, thus a cycle, for each word of each row. A tile takes 16
/// cycles whatever is in it, and about three times that to be brought there. Together that is a quarter of
/// the 256 words it can hold.
pub(super) fn fills(rows: usize, words: usize) -> bool {
    rows * words > 0 && 4 * rows * words >= rows.next_multiple_of(SIDE) * words.next_multiple_of(SIDE)
}

/// How rows of `depth` words are cut up among tiles: into `count` steps of `words`, which are no more than
/// the depth.
///
/// The last step ends where the row does. Words that the one before has had already count as zeros on the
/// left.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    pub(super) depth: usize,
    pub(super) count: usize,
    pub(super) words: usize,
}

impl Steps {
    pub(super) fn of(depth: usize) -> Self {
        let count = depth.div_ceil(SIDE);
        Self { depth, count, words: depth.div_ceil(count) }
    }

    /// Words of the last step that the one before has had.
    pub(super) fn overlap(self) -> usize {
        self.count * self.words - self.depth
    }
}

/// The bytes from each address to the next, if they are the same everywhere.
pub(super) fn spacing<T>(rows: &[*const T]) -> Option<usize> {
    let distance = |pair: &[*const T]| pair[1].addr().wrapping_sub(pair[0].addr());
    let first = rows.windows(2).next().map_or(0, distance);
    rows.windows(2).all(|pair| distance(pair) == first).then_some(first)
}
