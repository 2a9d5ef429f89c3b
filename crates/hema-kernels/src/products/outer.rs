//! Outer products summed over rows: the gradient of the weights.
//!
//! Rows of both sides are read in place; the sums of a tile of 8 rows and 2 or 3 vectors (6 x 2 where there
//! are 16 registers) stay in registers over the rows of the block. Of a narrow type a word is a value and its
//! neighbour in the next row, joined beforehand ([`OuterRows`]).

use std::marker::PhantomData;

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::{FEW_REGISTER_ROWS, JoinRows, in_memory, outer_rows, outer_widest, panels};
use crate::parallel::extents;
use crate::simd::{Element, Kernel, Simd, dispatch};

/// One side of an [`outer`] product: rows of words, each a value or, of a narrow type, the pair of it and its
/// neighbour in the next row.
pub(crate) struct OuterRows {
    rows: Vec<*const f32>,
    /// Words of each row.
    words: usize,
    joined: Vec<f32>,
    /// The transposition of a left-hand side that was multiplied by AMX tiles, for further products.
    #[cfg(target_arch = "x86_64")]
    tiles: Vec<amx::Tile>,
}

impl OuterRows {
    pub(crate) fn new() -> Self {
        Self {
            rows: Vec::new(),
            words: 0,
            joined: Vec::new(),
            #[cfg(target_arch = "x86_64")]
            tiles: Vec::new(),
        }
    }

    /// Forgets the rows, for others of `n` words.
    fn clear(&mut self, n: usize) {
        self.rows.clear();
        self.words = n;
        #[cfg(target_arch = "x86_64")]
        self.tiles.clear();
    }

    /// The `n` values from `from` on of the rows at the addresses.
    ///
    /// # Safety
    /// Every address has `from + n` readable values for as long as the rows are used.
    pub(crate) unsafe fn set<E: Element>(&mut self, rows: &[*const E], from: usize, n: usize) {
        self.clear(n);
        if E::PER_WORD == 1 {
            self.rows.extend(rows.iter().map(|row| row.cast::<f32>().wrapping_add(from)));
            return;
        }
        self.joined.resize(extents::values("joined rows", [rows.len().div_ceil(2), n]), 0.0);
        // SAFETY: the caller's condition; the buffer was just given room for every two rows.
        unsafe { dispatch(JoinRows { rows, from, n, out: self.joined.as_mut_ptr() }) };
        self.rows.extend(self.joined.chunks_exact(n).map(<[f32]>::as_ptr));
    }

    /// Rows of `n` words joined before.
    ///
    /// # Safety
    /// The words stay where they are for as long as the rows are used.
    pub(crate) unsafe fn set_joined(&mut self, words: &[f32], n: usize) {
        self.clear(n);
        self.rows.extend(words.chunks_exact(n).map(<[f32]>::as_ptr));
    }
}

/// `out[p][q] = sum over m of a[m][p] * b[m][q]` for `p < sizes[0]`, `q < sizes[1]`, added to the values of
/// `out` if `add`; `out` has rows of `sizes[1]` values.
///
/// # Safety
/// `a` and `b` were set from rows of `E` that are still readable; `out` has values for both sizes that only
/// this call touches.
pub(crate) unsafe fn outer<E: Element>(
    a: &mut OuterRows,
    b: &OuterRows,
    sizes: [usize; 2],
    out: *mut f32,
    add: bool,
) {
    assert!(a.rows.len() == b.rows.len(), "found {} and {} rows", a.rows.len(), b.rows.len());
    let words = [a.words, b.words];
    assert!(
        sizes[0] <= words[0] && sizes[1] <= words[1],
        "found rows of {words:?} words, expected {sizes:?}"
    );
    #[cfg(target_arch = "x86_64")]
    if amx::takes::<E>(sizes[0], a.rows.len()) {
        // SAFETY: the caller's conditions.
        return unsafe { amx::outer(&a.rows, &mut a.tiles, &b.rows, sizes, out, add) };
    }
    // SAFETY: the caller's conditions.
    unsafe { dispatch(OuterProduct { a: &a.rows, b: &b.rows, sizes, out, add, of: PhantomData::<E> }) }
}

struct OuterProduct<'a, E> {
    a: &'a [*const f32],
    b: &'a [*const f32],
    sizes: [usize; 2],
    out: *mut f32,
    add: bool,
    of: PhantomData<E>,
}

impl<E: Element> Kernel for OuterProduct<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { a, b, sizes, out, add, of } = self;
        let [ps, qs] = sizes;
        let mut q = 0;
        for width in panels(qs, S::LANES, outer_widest::<E>()) {
            let mut p = 0;
            while p < ps {
                let rows = outer_rows::<E>(S::WIDE, ps - p);
                let tile = OuterTile { a, b, p, q, qs, add, of };
                // SAFETY: the caller's conditions; the tile's rows p.. and columns q.. lie in the output.
                unsafe {
                    let out = out.add(p * qs + q);
                    match (S::WIDE, rows, width) {
                        (true, 8, 1) => tile.run::<S, 8, 1>(s, out),
                        (true, 8, 2) => tile.run::<S, 8, 2>(s, out),
                        (true, 8, _) => tile.run::<S, 8, 3>(s, out),
                        (false, FEW_REGISTER_ROWS, 1) => tile.run::<S, FEW_REGISTER_ROWS, 1>(s, out),
                        (false, FEW_REGISTER_ROWS, _) => tile.run::<S, FEW_REGISTER_ROWS, 2>(s, out),
                        (_, 4, 1) => tile.run::<S, 4, 1>(s, out),
                        (_, 4, 2) => tile.run::<S, 4, 2>(s, out),
                        (true, 4, _) => tile.run::<S, 4, 3>(s, out),
                        (_, _, 1) => tile.run::<S, 1, 1>(s, out),
                        (_, _, 2) => tile.run::<S, 1, 2>(s, out),
                        (true, _, _) => tile.run::<S, 1, 3>(s, out),
                        (false, ..) => unreachable!("panels of three vectors where there are 16 registers"),
                    }
                }
                p += rows;
            }
            q += width * S::LANES;
        }
    }
}

/// One tile of an [`outer`] product.
struct OuterTile<'a, E> {
    a: &'a [*const f32],
    b: &'a [*const f32],
    p: usize,
    q: usize,
    qs: usize,
    add: bool,
    of: PhantomData<E>,
}

impl<E: Element> OuterTile<'_, E> {
    /// Stores the tile of `PR` rows and `NV` vectors in `out`, or adds it.
    ///
    /// # Safety
    /// The conditions of [`outer`]; rows p..p + PR exist, as do columns from q to the last vector's first.
    #[inline(always)]
    unsafe fn run<S: Simd, const PR: usize, const NV: usize>(&self, s: S, out: *mut f32) {
        let live: [usize; NV] = std::array::from_fn(|j| (self.qs - self.q - j * S::LANES).min(S::LANES));
        let mut acc = [[s.splat(0.0); NV]; PR];
        if live[NV - 1] == S::LANES {
            for (a, b) in self.a.iter().zip(self.b) {
                // SAFETY: the addresses are of rows long enough for PR values from p and NV whole vectors
                // from q.
                unsafe {
                    let (a, b) = (a.add(self.p), b.add(self.q));
                    let b_m: [S::V; NV] = std::array::from_fn(|j| s.load(b.add(j * S::LANES)));
                    for r in 0..PR {
                        let a_m = *a.add(r);
                        for j in 0..NV {
                            acc[r][j] = E::multiply_add(s, a_m, b_m[j], acc[r][j]);
                        }
                    }
                }
            }
        } else {
            for (a, b) in self.a.iter().zip(self.b) {
                // SAFETY: as above, but only `live[j]` values of each vector are read.
                unsafe {
                    let (a, b) = (a.add(self.p), b.add(self.q));
                    let b_m: [S::V; NV] = std::array::from_fn(|j| s.load_n(b.add(j * S::LANES), live[j]));
                    for r in 0..PR {
                        let a_m = *a.add(r);
                        for j in 0..NV {
                            acc[r][j] = E::multiply_add(s, a_m, b_m[j], acc[r][j]);
                        }
                    }
                }
            }
        }
        for (r, sums) in in_memory(acc).iter().enumerate() {
            for j in 0..NV {
                // SAFETY: row r < PR of the tile, and the `live[j]` columns from q that the output has; all
                // sums are written.
                unsafe {
                    let out = out.add(r * self.qs + j * S::LANES);
                    let before = if self.add { s.load_n(out, live[j]) } else { s.splat(0.0) };
                    s.store_n(out, live[j], s.add(before, sums[j].assume_init()));
                }
            }
        }
    }
}
