//! Outer products on tiles.

use std::cell::Cell;

use super::shape::{BLOCK, SIDE, Tile, spacing};
use super::tile::{Grid, Place, Shape, Tiles, halves};
use crate::simd::{Avx512, Simd};

/// [`products::outer`](crate::products::outer) on tiles: `out` is `sizes[0]` rows of `sizes[1]` values.
/// `tiles` holds `a` transposed, or nothing where that is still to be done.
///
/// # Safety
/// Both sides are of equally many rows of words, as long as the sizes say, which stay as they are until
/// `tiles` is emptied; `out` is this call's alone; the processor has AMX and the process may use it.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
pub(crate) unsafe fn outer(
    a: &[*const f32],
    tiles: &mut Vec<Tile>,
    b: &[*const f32],
    sizes: [usize; 2],
    out: *mut f32,
    add: bool,
) {
    assert_eq!(a.len(), b.len());
    let [ps, qs] = sizes;
    let steps = a.len().div_ceil(SIDE);
    // SAFETY: the caller's conditions, and this function's own target features.
    let s = unsafe { Avx512::<true>::new() };
    if tiles.is_empty() {
        // SAFETY: as above.
        unsafe { transpose(s, a, ps, tiles) };
    }
    assert_eq!(tiles.len(), ps.div_ceil(SIDE) * steps);
    let mut right = RIGHT.take();
    // SAFETY: as above.
    unsafe { right.fill(b, qs) };
    // SAFETY: as above.
    let mut processor = unsafe { Tiles::new() };
    let zeros = [0.0; BLOCK];
    for q in (0..qs).step_by(BLOCK) {
        for p in (0..ps).step_by(BLOCK) {
            let shape = Shape { rows: halves(ps - p), columns: halves(qs - q), words: SIDE };
            let grid = Grid { tall: shape.rows[1] > 0, wide: shape.columns[1] > 0 };
            processor.set(shape);
            // where there is one row of tiles, the second place is not used
            let left = [0, 1].map(|i| Place::of_tiles(tiles.as_ptr().wrapping_add((p / SIDE + i) * steps)));
            let row = qs * size_of::<f32>();
            // SAFETY: the tiles are no larger than the rest of the rows and columns; `right` has a place for
            // each step.
            unsafe {
                let out = out.add(p * qs + q);
                if add {
                    processor.load_sums(
                        grid,
                        [out, out.wrapping_byte_add(SIDE * row)].map(<*mut f32>::cast_const),
                        row,
                    );
                } else {
                    processor.load_sums(grid, [zeros.as_ptr(); 2], 0);
                }
                for (step, place) in right.places.iter().enumerate() {
                    let left = left.map(|place| place.after(step));
                    let right =
                        [q, q + SIDE].map(|column| Place { at: place.at.wrapping_add(column), ..*place });
                    processor.multiply(grid, left, right, 1);
                }
                processor.store_sums(grid, out, row);
            }
        }
    }
    RIGHT.set(right);
}

/// The rows' first `n` words as left-hand tiles: of every 16 columns one tile for every 16 rows. Rows that
/// are missing at the end count as zeros.
///
/// # Safety
/// Every address has `n` readable words.
#[inline(always)]
unsafe fn transpose<S: Simd>(s: S, rows: &[*const f32], n: usize, tiles: &mut Vec<Tile>) {
    let mut square = [[0.0; SIDE]; SIDE];
    for column in (0..n).step_by(SIDE) {
        let live = (n - column).min(SIDE);
        for rows in rows.chunks(SIDE) {
            let mut tile = Tile::ZERO;
            // SAFETY: `live` words remain from the column; the square and the tile have whole vectors.
            unsafe {
                for (row, to) in rows.iter().zip(&mut square) {
                    s.store(to.as_mut_ptr(), s.load_n(row.add(column), live));
                }
                let to = tile.0.as_mut_ptr().cast();
                s.transpose(square.as_ptr().cast(), SIDE, rows.len(), live, to, SIDE);
            }
            tiles.push(tile);
        }
    }
}

thread_local! {
    /// This thread's, so that its memory is used again.
    static RIGHT: Cell<Right> = Cell::default();
}

/// The right-hand side of a product.
#[derive(Default)]
struct Right {
    /// Copies of rows that cannot be loaded where they are.
    copies: Vec<f32>,
    /// The rows of each step.
    places: Vec<Place>,
}

impl Right {
    /// Finds places for rows of `n` words, of zeros at the end where there is no whole step.
    ///
    /// # Safety
    /// Every address has `n` readable words.
    unsafe fn fill(&mut self, rows: &[*const f32], n: usize) {
        self.places.clear();
        // never shorter, or it would be filled with zeros again
        self.copies.resize((rows.len().next_multiple_of(SIDE) * n).max(self.copies.len()), 0.0);
        for (rows, copies) in rows.chunks(SIDE).zip(self.copies.chunks_exact_mut(SIDE * n)) {
            if let Some(row) = spacing(rows).filter(|_| rows.len() == SIDE) {
                self.places.push(Place { at: rows[0], row, step: 0 });
                continue;
            }
            let (used, empty) = copies.split_at_mut(rows.len() * n);
            for (row, to) in rows.iter().zip(used.chunks_exact_mut(n)) {
                // SAFETY: the caller's condition; the copies are other memory than the rows.
                unsafe { to.as_mut_ptr().copy_from_nonoverlapping(*row, n) };
            }
            empty.fill(0.0);
            self.places.push(Place { at: copies.as_ptr(), row: n * size_of::<f32>(), step: 0 });
        }
    }
}
