//! Products of `bf16` matrices on tiles: Intel's AMX, Sapphire Rapids and later.
//!
//! A tile holds 16 rows of 16 words, a word being a pair of `bf16` or one `f32`. One instruction (`tile`)
//! multiplies a tile of pairs with another and adds to a third of `f32`. The words of
//! [`Packed`](crate::products::Packed) panels and of joined rows are laid out as its right-hand side wants
//! them, so these load in place; this folder brings left-hand sides into tiles.
//!
//! * [`product`]: a left-hand tile is 16 pixels' words of one tap. Where the pixels are equally far apart it
//!   loads in place too: in 1 x 1 convolutions always, in others where no border of the map comes between, or
//!   the map was copied so that none does ([`Layout`](crate::products::Layout)). Elsewhere the pixels are
//!   copied, once for all columns. Row lengths that are no whole number of tiles are cut into equal
//!   [`Steps`].
//! * [`outer`]: a left-hand tile is 16 columns of the words of 16 rows, transposed. Sums are loaded from and
//!   stored to the result itself, by tiles as small as the rows and columns that are left.
//!
//! Both keep 2 x 2 tiles of sums: of two rows of tiles and one panel, or of the last row, where one is left,
//! and two panels. Shapes that would fill less than a quarter of the tiles stay with the vector kernels
//! ([`takes`]).
//!
//! Rust's intrinsics for tiles are not stable, hence `asm!`; tests run the same machine code on processors
//! without tiles by emulating the instructions as they trap (`emulator`).

mod outer;
mod product;
mod shape;
#[cfg(test)]
mod tests;
mod tile;

pub(crate) use outer::outer;
pub(crate) use product::product;
pub(crate) use shape::{Tile, takes};
