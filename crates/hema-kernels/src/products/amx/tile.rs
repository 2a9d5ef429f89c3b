//! The instructions, and the inner loop that both products share.

use std::arch::asm;

use super::shape::{SIDE, Tile};

/// The sizes that the tiles of sums and operands are configured for; the second of two may be empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Rows of the tiles of sums, and of left-hand tiles.
    pub(super) rows: [usize; 2],
    /// Columns of the tiles of sums, and of right-hand tiles.
    pub(super) columns: [usize; 2],
    /// Words of a left-hand row: rows of a right-hand tile.
    pub(super) words: usize,
}

impl Shape {
    /// Nothing.
    const NONE: Self = Self { rows: [0; 2], columns: [0; 2], words: 0 };
}

/// How two tiles cover the rest of `n` rows or columns.
pub(super) fn halves(n: usize) -> [usize; 2] {
    [n.min(SIDE), n.saturating_sub(SIDE).min(SIDE)]
}

/// Whether the second row and the second column of tiles are used.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    pub(super) tall: bool,
    pub(super) wide: bool,
}

/// Where the tiles of one operand lie, in bytes from row to row and from step to step.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) at: *const f32,
    pub(super) row: usize,
    pub(super) step: usize,
}

impl Place {
    /// The place of whole tiles that lie one after the other.
    pub(super) fn of_tiles(at: *const Tile) -> Self {
        Self { at: at.cast(), row: size_of::<[f32; SIDE]>(), step: size_of::<Tile>() }
    }

    /// The place so many steps on.
    pub(super) fn after(self, steps: usize) -> Self {
        Self { at: self.at.wrapping_byte_add(steps * self.step), ..self }
    }
}

/// A configuration, as `ldtilecfg` loads it.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

macro_rules! load {
    ($tile:tt, $at:expr, $row:expr) => {
        asm!(
            concat!("tileloadd ", $tile, ", [{at} + {row} * 1]"),
            at = in(reg) $at,
            row = in(reg) $row,
            out($tile) _,
            options(nostack, preserves_flags, readonly)
        )
    };
}

macro_rules! store {
    ($tile:tt, $at:expr, $row:expr) => {
        asm!(
            concat!("tilestored [{at} + {row} * 1], ", $tile),
            at = in(reg) $at,
            row = in(reg) $row,
            options(nostack, preserves_flags)
        )
    };
}

macro_rules! multiply {
    ($sums:tt, $left:tt, $right:tt) => {
        asm!(
            concat!("tdpbf16ps ", $sums, ", ", $left, ", ", $right),
            out($sums) _,
            options(nostack, preserves_flags, nomem)
        )
    };
}

/// This thread's tiles, from their configuration to their release.
///
/// Tiles 0 to 3 are the sums, row by row, 4 and 5 left-hand, 6 and 7 right-hand. The compiler has no use of
/// its own for tiles, so they keep their contents from one `asm!` to the next; as long as this lives, no
/// other code that uses tiles may run on the thread.
pub(super) struct Tiles(Shape);

#[allow(clippy::unused_self)] // who has it, has tiles
impl Tiles {
    /// # Safety
    /// The processor has AMX and the process may use it.
    pub(super) unsafe fn new() -> Self {
        Self(Shape::NONE)
    }

    /// Configures the tiles for the shape, which empties them, unless they are.
    #[inline(always)]
    pub(super) fn set(&mut self, shape: Shape) {
        if shape == self.0 {
            return;
        }
        let Shape { rows, columns, words } = shape;
        let mut config =
            Config { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        let tiles = [
            (rows[0], columns[0]),
            (rows[0], columns[1]),
            (rows[1], columns[0]),
            (rows[1], columns[1]),
            (rows[0], words),
            (rows[1], words),
            (words, columns[0]),
            (words, columns[1]),
        ];
        for (i, (rows, words)) in tiles.into_iter().enumerate().filter(|(_, (rows, words))| rows * words > 0)
        {
            config.rows[i] = rows as u8;
            config.row_bytes[i] = (words * size_of::<f32>()) as u16;
        }
        // SAFETY: `new`'s condition; the configuration is of 64 bytes.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack, preserves_flags, readonly));
        }
        self.0 = shape;
    }

    /// Loads the sums from rows that are `row` bytes apart: of each row of tiles from its own place on, where
    /// a single row, 0 bytes from itself, may stand for all.
    ///
    /// # Safety
    /// The rows of the grid's tiles are readable there; the tiles were set.
    #[inline(always)]
    pub(super) unsafe fn load_sums(&self, grid: Grid, [upper, lower]: [*const f32; 2], row: usize) {
        // SAFETY: the caller's conditions.
        unsafe {
            load!("tmm0", upper, row);
            if grid.wide {
                load!("tmm1", upper.add(SIDE), row);
            }
            if grid.tall {
                load!("tmm2", lower, row);
            }
            if grid.tall && grid.wide {
                load!("tmm3", lower.add(SIDE), row);
            }
        }
    }

    /// Stores the sums in rows that are `row` bytes apart.
    ///
    /// # Safety
    /// The rows of the grid's tiles are writable there; the tiles were set.
    #[inline(always)]
    pub(super) unsafe fn store_sums(&self, grid: Grid, at: *mut f32, row: usize) {
        // SAFETY: the caller's conditions.
        unsafe {
            let below = at.wrapping_byte_add(SIDE * row);
            store!("tmm0", at, row);
            if grid.wide {
                store!("tmm1", at.add(SIDE), row);
            }
            if grid.tall {
                store!("tmm2", below, row);
            }
            if grid.tall && grid.wide {
                store!("tmm3", below.add(SIDE), row);
            }
        }
    }

    /// Adds the products of so many steps to the sums.
    ///
    /// Between two products that add to one tile are three others where the grid is whole, which covers the
    /// 52 cycles that one takes.
    ///
    /// # Safety
    /// The tiles of all steps are readable in the places that the grid uses; the tiles were set.
    #[inline(always)]
    pub(super) unsafe fn multiply(&self, grid: Grid, left: [Place; 2], right: [Place; 2], steps: usize) {
        // SAFETY: the caller's conditions.
        unsafe {
            match (grid.tall, grid.wide) {
                (true, true) => self.multiply_grid::<true, true>(left, right, steps),
                (true, false) => self.multiply_grid::<true, false>(left, right, steps),
                (false, true) => self.multiply_grid::<false, true>(left, right, steps),
                (false, false) => self.multiply_grid::<false, false>(left, right, steps),
            }
        }
    }

    /// [`multiply`](Self::multiply) by a loop that is the grid's own: with one for all, a training step of
    /// ResNet-18 took 2 % longer.
    ///
    /// # Safety
    /// The conditions of [`multiply`](Self::multiply).
    #[inline(always)]
    unsafe fn multiply_grid<const TALL: bool, const WIDE: bool>(
        &self,
        left: [Place; 2],
        right: [Place; 2],
        steps: usize,
    ) {
        let mut at = [left[0].at, left[1].at, right[0].at, right[1].at];
        for _ in 0..steps {
            // SAFETY: the caller's conditions.
            unsafe {
                load!("tmm4", at[0], left[0].row);
                load!("tmm6", at[2], right[0].row);
                multiply!("tmm0", "tmm4", "tmm6");
                if WIDE {
                    load!("tmm7", at[3], right[1].row);
                    multiply!("tmm1", "tmm4", "tmm7");
                }
                if TALL {
                    load!("tmm5", at[1], left[1].row);
                    multiply!("tmm2", "tmm5", "tmm6");
                }
                if TALL && WIDE {
                    multiply!("tmm3", "tmm5", "tmm7");
                }
            }
            for (at, place) in at.iter_mut().zip(left.iter().chain(&right)) {
                *at = at.wrapping_byte_add(place.step);
            }
        }
    }

    /// Adds the products of one row of tiles on the left: the second row of sums is that of a second
    /// right-hand side.
    ///
    /// # Safety
    /// The conditions of [`multiply`](Self::multiply).
    #[inline(always)]
    pub(super) unsafe fn multiply_by_two(
        &self,
        wide: bool,
        left: Place,
        right: [[Place; 2]; 2],
        steps: usize,
    ) {
        let mut at = [left.at, right[0][0].at, right[0][1].at, right[1][0].at, right[1][1].at];
        for _ in 0..steps {
            // SAFETY: the caller's conditions.
            unsafe {
                load!("tmm4", at[0], left.row);
                load!("tmm6", at[1], right[0][0].row);
                multiply!("tmm0", "tmm4", "tmm6");
                load!("tmm7", at[2], right[0][1].row);
                multiply!("tmm1", "tmm4", "tmm7");
                load!("tmm6", at[3], right[1][0].row);
                multiply!("tmm2", "tmm4", "tmm6");
                if wide {
                    load!("tmm7", at[4], right[1][1].row);
                    multiply!("tmm3", "tmm4", "tmm7");
                }
            }
            for (at, place) in at.iter_mut().zip([left].iter().chain(right.as_flattened())) {
                *at = at.wrapping_byte_add(place.step);
            }
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: `new`'s condition.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
    }
}
