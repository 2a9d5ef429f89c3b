//! Products of `bf16` matrices on tiles: Intel's AMX, Sapphire Rapids and later.
//!
//! A tile holds 16 rows of 16 words, a word being a pair of `bf16` or one `f32`. One instruction (`tile`) multiplies a tile of
//! pairs with another and adds to a third of `f32`. The words of [`Packed`](crate::pack::Packed) panels and of joined rows are
//! laid out as its right-hand side wants them, so these load in place; this folder brings left-hand sides into tiles.
//!
//! * [`product`]: a left-hand tile is 16 pixels' words of one tap. Where the pixels are equally far apart it loads in place too:
//!   in 1 x 1 convolutions always, in others where no border of the map comes between, or the map was copied so that none does
//!   ([`Layout`](crate::gather::Layout)). Elsewhere the pixels are copied, once for all columns. Row lengths that are no whole
//!   number of tiles are cut into equal [`Steps`].
//! * [`outer`]: a left-hand tile is 16 columns of the words of 16 rows, transposed. Sums are loaded from and stored to the result
//!   itself, by tiles as small as the rows and columns that are left.
//!
//! Both keep 2 x 2 tiles of sums: of two rows of tiles and one panel, or of the last row, where one is left, and two panels. Shapes
//! that would fill less than a quarter of the tiles stay with the vector kernels ([`takes`]).
//!
//! Rust's intrinsics for tiles are not stable, hence `asm!`; tests run the same machine code on processors without tiles by
//! emulating the instructions as they trap (`emulator`).

#[cfg(all(test, target_os = "linux"))]
pub(crate) mod emulator;
mod outer;
mod permission;
mod product;
#[cfg(test)]
mod tests;
mod tile;

use crate::element::Element;
use crate::gemm::on_tiles;
pub(crate) use {outer::outer, permission::is_permitted, product::product};

/// Rows of a tile, and words of a row.
const SIDE: usize = 16;

/// Rows and columns of the sums that are in tiles at a time.
const BLOCK: usize = 2 * SIDE;

/// A tile in memory.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(crate) struct Tile([[f32; SIDE]; SIDE]);

impl Tile {
    const ZERO: Self = Self([[0.0; SIDE]; SIDE]);
}

/// Whether tiles multiply maps of `E` whose left-hand side is `rows` x `words`.
pub(crate) fn takes<E: Element>(rows: usize, words: usize) -> bool {
    on_tiles::<E>() && fills(rows, words)
}

/// Whether tiles are worth their while for a left-hand side of `rows` x `words`.
///
/// For 16 columns, vectors take an instruction, thus a cycle, for each word of each row. A tile takes 16 cycles whatever is in it,
/// and about three times that to be brought there. Together that is a quarter of the 256 words it can hold.
fn fills(rows: usize, words: usize) -> bool {
    rows * words > 0 && 4 * rows * words >= rows.next_multiple_of(SIDE) * words.next_multiple_of(SIDE)
}

/// How rows of `depth` words are cut up among tiles: into `count` steps of `words`, which are no more than the depth.
///
/// The last step ends where the row does. Words that the one before has had already count as zeros on the left.
#[derive(Clone, Copy)]
struct Steps {
    depth: usize,
    count: usize,
    words: usize,
}

impl Steps {
    fn of(depth: usize) -> Self {
        let count = depth.div_ceil(SIDE);
        Self { depth, count, words: depth.div_ceil(count) }
    }

    /// Words of the last step that the one before has had.
    fn overlap(self) -> usize {
        self.count * self.words - self.depth
    }
}

/// The bytes from each address to the next, if they are the same everywhere.
fn spacing<T>(rows: &[*const T]) -> Option<usize> {
    let distance = |pair: &[*const T]| pair[1].addr().wrapping_sub(pair[0].addr());
    let first = rows.windows(2).next().map_or(0, distance);
    rows.windows(2).all(|pair| distance(pair) == first).then_some(first)
}
