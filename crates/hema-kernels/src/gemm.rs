//! Matrix products on rows reached through pointers: the engine of every dense convolution.
//!
//! A convolution never needs its im2col matrix in memory: the k values that one tap of the filter contributes to one output
//! pixel are contiguous in an NHWC map, so the product only needs the *address* of each (tap, pixel). Both products here
//! therefore take tables of row addresses; padding is the address of a row of zeros. A plain matrix is the case of one tap.
//!
//! * [`product`]: `out[m] = sum over taps t of rows[t][m] * B[t]`, for `B` packed by [`pack`](crate::pack). The right-hand side is cut into
//!   panels of up to three vectors; a panel (K x 48 values on AVX-512) stays in L1/L2 while all rows of the block pass. The
//!   kernel keeps 8 rows x 3 vectors of sums in registers (4 x 3 where there are 16 registers) over the whole of K, so the
//!   output is written once. Left-hand values are broadcast straight from the map: packing them would cost as much as the
//!   product when N is 16 to 64, which is the usual case.
//! * [`outer`]: `out[p][q] = sum over m of a[m][p] * b[m][q]`, the gradient of the weights. Rows of both sides are read in
//!   place; the sums of an 8 x 3-vector tile stay in registers over the rows of the block.
//!
//! Both take 32 bits of a row at a time, a *word*: one `f32`, or a pair of `bf16` that one instruction multiplies and adds. For the
//! outer product the pair is a value and its neighbour in the next row, joined beforehand ([`OuterRows`]).
//!
//! Where the processor multiplies tiles, products of `bf16` go to `amx` unless they would leave most of a tile empty.
//!
//! Left out on purpose: blocking over K (a packed panel of our largest K fits L2) and alpha/beta.

use crate::act::{Act, Activation, with_activation};
#[cfg(target_arch = "x86_64")]
use crate::amx;
use crate::element::Element;
use crate::norm::for_vectors;
use crate::pack::{PANEL, Packed, Sizes, panels};
use crate::simd::{Level, Simd, level, simd_fn};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

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

/// Rows a table must have for `m` rows: kernels read whole tiles of addresses.
pub(crate) const fn padded_rows(m: usize) -> usize {
    m + TILE_ROWS - 1
}

/// Rows that are whole tiles of every height.
pub(crate) const WHOLE_TILES: usize = 36;

/// The most rows a tile has: with 27 vectors of sums, 31 of 32 registers are in use. Networks halve a side of 3 * 2^n pixels until
/// 3 are left, so that nine is what the smallest map of a single image has, and divides all of them.
pub(crate) const TILE_ROWS: usize = 9;

/// Rows of the processor's tiles.
pub(crate) const ROWS_OF_TILE: usize = 16;

/// Values of `bf16` in a row of a tile.
pub(crate) const ROW_OF_TILE: usize = 32;

/// Whether products of maps of `E` go to the processor's tiles, if these are filled.
pub(crate) fn on_tiles<E: Element>() -> bool {
    level() == Level::Amx && E::PER_WORD == 2
}

/// For the columns of the given panels, `out[i][..n] = epilogue(sum over t, j of rows[t * padded_rows(m) + i][j] * b[taps[t]][j][..])` for `i < m`.
///
/// # Safety
/// `rows` holds `taps.len() * padded_rows(m)` addresses of `k` readable values each; `out` holds `m` addresses of `n`
/// values that only this call touches.
pub(crate) unsafe fn product<E: Element>(
    b: &Packed<E>,
    columns: Range<usize>,
    taps: &[usize],
    rows: &[*const E],
    out: &[*mut E],
    epilogue: Epilogue,
) {
    assert!(b.fits(), "packed for another instruction set");
    assert!(rows.len() == taps.len() * padded_rows(out.len()) && taps.iter().all(|&t| t < b.sizes.taps));
    assert!(!epilogue.add || epilogue.act == Act::Identity);
    assert!(epilogue.bias.is_none_or(|bias| bias.len() == b.sizes.n));
    #[cfg(target_arch = "x86_64")]
    if amx::takes::<E>(out.len(), b.sizes.k / E::PER_WORD) {
        // SAFETY: the caller's conditions; the tables' sizes were just checked.
        return unsafe { amx::product(b, columns, taps, rows, out, epilogue) };
    }
    // SAFETY: as above.
    unsafe { product_simd(b, columns, taps, rows, out, epilogue) }
}

simd_fn!(
    unsafe fn product_simd<E>(
        b: &Packed<E>,
        columns: Range<usize>,
        taps: &[usize],
        rows: &[*const E],
        out: &[*mut E],
        epilogue: Epilogue,
    ) = product_body
);

#[inline(always)]
unsafe fn product_body<S: Simd, E: Element>(
    s: S,
    b: &Packed<E>,
    columns: Range<usize>,
    taps: &[usize],
    rows: &[*const E],
    out: &[*mut E],
    epilogue: Epilogue,
) {
    let (mut first, mut panel) = (0, b.words.as_ptr());
    let Sizes { taps: all, k, n } = b.sizes;
    let depth = k / E::PER_WORD;
    for (i, width) in b.widths().enumerate() {
        let task = Tiles { taps, rows, out, depth, n, first, panel, epilogue };
        // SAFETY: the caller's conditions; `panel` is the packed panel of `width` vectors that starts at column `first`.
        unsafe {
            match (S::WIDE, width) {
                _ if !columns.contains(&i) => {}
                (true, 1) => task.run::<S, TILE_ROWS, 1>(s),
                (true, 2) => task.run::<S, TILE_ROWS, 2>(s),
                (true, _) => task.run::<S, TILE_ROWS, 3>(s),
                (false, 1) => task.run::<S, 4, 1>(s),
                (false, 2) => task.run::<S, 4, 2>(s),
                (false, _) => task.run::<S, 4, 3>(s),
            }
            panel = panel.add(all * depth * width * S::LANES);
        }
        first += width * S::LANES;
    }
}

/// One panel of a [`product`].
struct Tiles<'a, E> {
    taps: &'a [usize],
    rows: &'a [*const E],
    out: &'a [*mut E],
    depth: usize,
    n: usize,
    first: usize,
    panel: *const f32,
    epilogue: Epilogue<'a>,
}

impl<E: Element> Tiles<'_, E> {
    /// # Safety
    /// As [`product`]; the panel has `NV` vectors.
    #[inline(always)]
    unsafe fn run<S: Simd, const MR: usize, const NV: usize>(&self, s: S) {
        let stride = padded_rows(self.out.len());
        let width = NV * S::LANES;
        let columns = (self.n - self.first).min(width);
        // lanes of each vector that are columns of the result
        let live: [usize; NV] = std::array::from_fn(|j| (columns - j * S::LANES).min(S::LANES));
        let mut start = [s.splat(0.0); NV];
        if let Some(bias) = self.epilogue.bias {
            for j in 0..NV {
                // SAFETY: `live[j]` columns remain from first + j * LANES in the n values of the bias.
                start[j] = unsafe { s.load_n(bias.as_ptr().add(self.first + j * S::LANES), live[j]) };
            }
        }
        for (i, out) in self.out.chunks(MR).enumerate() {
            let mut acc = [start; MR];
            for (t, &tap) in self.taps.iter().enumerate() {
                // SAFETY: i * MR + MR < m + MR <= stride + 1, so the MR addresses lie in tap t's part of the table; each has k readable
                // values; the panel has `depth` rows of `width` words for each tap.
                unsafe {
                    let a: [*const E; MR] =
                        *self.rows.as_ptr().add(t * stride + i * MR).cast::<[*const E; MR]>();
                    let mut b = self.panel.add(tap * self.depth * width);
                    for k in 0..self.depth {
                        let b_k: [S::V; NV] = std::array::from_fn(|j| s.load(b.add(j * S::LANES)));
                        for r in 0..MR {
                            let a_k = E::word(a[r], k);
                            for j in 0..NV {
                                acc[r][j] = E::multiply_add(s, a_k, b_k[j], acc[r][j]);
                            }
                        }
                        b = b.add(width);
                    }
                }
            }
            let sums = in_memory(acc);
            // SAFETY: all sums are written; each output has n values, of which `live[j]` remain from this column.
            unsafe {
                if self.epilogue.add {
                    for (out, sums) in out.iter().zip(&sums) {
                        for j in 0..NV {
                            let out = out.add(self.first + j * S::LANES);
                            let sum = s.add(sums[j].assume_init(), E::load_n(s, out, live[j]));
                            E::store_n(s, out, live[j], sum);
                        }
                    }
                    continue;
                }
                with_activation!(self.epilogue.act, A => {
                    for (out, sums) in out.iter().zip(&sums) {
                        for j in 0..NV {
                            let out = out.add(self.first + j * S::LANES);
                            E::store_n(s, out, live[j], A::value::<S, E>(s, sums[j].assume_init()));
                        }
                    }
                });
            }
        }
    }
}

/// A tile's finished sums, moved to memory.
///
/// It stands between a product and whatever is done with its sums. Were there a loop over the sums themselves that the compiler
/// does not unroll, it would keep them in memory throughout the product, at half the speed and less.
#[inline(always)]
fn in_memory<V: Copy, const MR: usize, const NV: usize>(acc: [[V; NV]; MR]) -> [[MaybeUninit<V>; NV]; MR] {
    let mut sums = [[const { MaybeUninit::uninit() }; NV]; MR];
    for r in 0..MR {
        for j in 0..NV {
            sums[r][j].write(acc[r][j]);
        }
    }
    sums
}

/// Copies `rows` rows of `n` values from places `step` apart in `from` to places `width` apart in `to`.
///
/// # Panics
/// If a row does not lie within the slices.
pub(crate) fn copy_rows<E: Element>(
    from: &[E],
    step: usize,
    n: usize,
    rows: usize,
    to: &mut [E],
    width: usize,
) {
    assert!(rows > 0 && (rows - 1) * step + n <= from.len() && (rows - 1) * width + n <= to.len());
    // SAFETY: every row lies within the slices, as was just checked.
    unsafe { copy_rows_simd(from.as_ptr(), step, n, rows, to.as_mut_ptr(), width) }
}

#[inline(always)]
unsafe fn copy_rows_body<S: Simd, E: Element>(
    _: S,
    from: *const E,
    step: usize,
    n: usize,
    rows: usize,
    to: *mut E,
    width: usize,
) {
    let size = size_of::<E>();
    let (from, to) = ((from.cast::<u8>(), step * size), (to.cast::<u8>(), width * size));
    // SAFETY: the caller's conditions; a row has as many bytes as are moved at once, or more.
    unsafe {
        match n * size {
            32.. => copy_pieces::<32>(from, to, n * size, rows),
            16.. => copy_pieces::<16>(from, to, n * size, rows),
            8.. => copy_pieces::<8>(from, to, n * size, rows),
            4.. => copy_pieces::<4>(from, to, n * size, rows),
            2.. => copy_pieces::<2>(from, to, n * size, rows),
            bytes => copy_pieces::<1>(from, to, bytes, rows),
        }
    }
}
simd_fn!(
    unsafe fn copy_rows_simd<E>(from: *const E, step: usize, n: usize, rows: usize, to: *mut E, width: usize) =
        copy_rows_body
);

/// Copies rows of so many bytes, `PIECE` at a time, the last of which may be in part those before; both places are addresses and
/// the bytes from row to row.
///
/// # Safety
/// The bytes are readable and writable there, and no fewer than a piece, or none.
#[inline(always)]
unsafe fn copy_pieces<const PIECE: usize>(
    from: (*const u8, usize),
    to: (*mut u8, usize),
    bytes: usize,
    rows: usize,
) {
    for i in 0..rows {
        let (from, to) = (from.0.wrapping_add(i * from.1), to.0.wrapping_add(i * to.1));
        for at in (0..bytes).step_by(PIECE).map(|at| at.min(bytes - PIECE)) {
            // SAFETY: the caller's conditions.
            unsafe {
                let piece = from.add(at).cast::<[u8; PIECE]>().read_unaligned();
                to.add(at).cast::<[u8; PIECE]>().write_unaligned(piece);
            }
        }
    }
}

#[inline(always)]
unsafe fn join_rows_body<S: Simd, E: Element>(s: S, rows: &[*const E], from: usize, n: usize, out: *mut f32) {
    for (i, pair) in rows.chunks(2).enumerate() {
        for_vectors!(S, n, |c, left| {
            // SAFETY: the caller's conditions; a last row without a partner is joined with zeros.
            unsafe {
                let first = E::load_n(s, pair[0].add(from + c), left);
                let second = pair.get(1).map_or(s.splat(0.0), |row| E::load_n(s, row.add(from + c), left));
                s.store_n(out.add(i * n + c), left, s.pair(first, second));
            }
        });
    }
}
simd_fn!(
    /// Joins the `n` values from `from` on of every two rows, side by side, to a row of pairs.
    ///
    /// # Safety
    /// Every address has `from + n` values, `out` has `n` words for every two addresses.
    unsafe fn join_rows<E>(rows: &[*const E], from: usize, n: usize, out: *mut f32) = join_rows_body
);

/// One side of an [`outer`] product: rows of words, each a value or, of a narrow type, the pair of it and its neighbour in the
/// next row.
pub(crate) struct OuterRows {
    rows: Vec<*const f32>,
    joined: Vec<f32>,
    /// Of a left-hand side that was multiplied by tiles: its transposition, for further products.
    #[cfg(target_arch = "x86_64")]
    tiles: Vec<amx::Tile>,
}

impl OuterRows {
    pub(crate) fn new() -> Self {
        Self {
            rows: Vec::new(),
            joined: Vec::new(),
            #[cfg(target_arch = "x86_64")]
            tiles: Vec::new(),
        }
    }

    /// Forgets the rows.
    fn clear(&mut self) {
        self.rows.clear();
        #[cfg(target_arch = "x86_64")]
        self.tiles.clear();
    }

    /// The `n` values from `from` on of the rows at the addresses.
    ///
    /// # Safety
    /// Every address has `from + n` readable values for as long as the rows are used.
    pub(crate) unsafe fn set<E: Element>(&mut self, rows: &[*const E], from: usize, n: usize) {
        self.clear();
        if E::PER_WORD == 1 {
            self.rows.extend(rows.iter().map(|row| row.cast::<f32>().wrapping_add(from)));
            return;
        }
        self.joined.resize(rows.len().div_ceil(2) * n, 0.0);
        // SAFETY: the caller's condition; the buffer was just given room for every two rows.
        unsafe { join_rows(rows, from, n, self.joined.as_mut_ptr()) };
        self.rows.extend(self.joined.chunks_exact(n).map(<[f32]>::as_ptr));
    }
}

impl OuterRows {
    /// Rows of `n` words joined before, which must outlive their use.
    pub(crate) fn set_joined(&mut self, words: &[f32], n: usize) {
        self.clear();
        self.rows.extend(words.chunks_exact(n).map(<[f32]>::as_ptr));
    }
}

/// `out[p][q] = sum over m of a[m][p] * b[m][q]` for `p < sizes[0]`, `q < sizes[1]`, added to what `out` holds if `add`; `out` has rows of
/// `sizes[1]` values.
///
/// # Safety
/// `a` and `b` were set from equally many rows of `E`, of as many values as the sizes say; `out` has values for both that only this call
/// touches.
pub(crate) unsafe fn outer<E: Element>(
    a: &mut OuterRows,
    b: &OuterRows,
    sizes: [usize; 2],
    out: *mut f32,
    add: bool,
) {
    assert_eq!(a.rows.len(), b.rows.len());
    #[cfg(target_arch = "x86_64")]
    if amx::takes::<E>(sizes[0], a.rows.len()) {
        // SAFETY: the caller's conditions.
        return unsafe { amx::outer(&a.rows, &mut a.tiles, &b.rows, sizes, out, add) };
    }
    // SAFETY: the caller's conditions.
    unsafe { outer_simd(&a.rows, &b.rows, sizes, out, add, PhantomData::<E>) }
}

simd_fn!(
    unsafe fn outer_simd<E>(
        a: &[*const f32],
        b: &[*const f32],
        sizes: [usize; 2],
        out: *mut f32,
        add: bool,
        of: PhantomData<E>,
    ) = outer_body
);

#[inline(always)]
unsafe fn outer_body<S: Simd, E: Element>(
    s: S,
    a: &[*const f32],
    b: &[*const f32],
    [ps, qs]: [usize; 2],
    out: *mut f32,
    add: bool,
    of: PhantomData<E>,
) {
    let mut q = 0;
    for width in panels(qs, S::LANES, PANEL) {
        let mut p = 0;
        while p < ps {
            let left = ps - p;
            let tile = Outer { a, b, p, q, qs, add, of };
            // SAFETY: the caller's conditions; the tile's rows p.. and columns q.. lie in the output.
            unsafe {
                let out = out.add(p * qs + q);
                match (S::WIDE && left >= 8, left >= 4, width) {
                    (true, _, 1) => p += tile.run::<S, 8, 1>(s, out),
                    (true, _, 2) => p += tile.run::<S, 8, 2>(s, out),
                    (true, _, _) => p += tile.run::<S, 8, 3>(s, out),
                    (_, true, 1) => p += tile.run::<S, 4, 1>(s, out),
                    (_, true, 2) => p += tile.run::<S, 4, 2>(s, out),
                    (_, true, _) => p += tile.run::<S, 4, 3>(s, out),
                    (_, _, 1) => p += tile.run::<S, 1, 1>(s, out),
                    (_, _, 2) => p += tile.run::<S, 1, 2>(s, out),
                    (_, _, _) => p += tile.run::<S, 1, 3>(s, out),
                }
            }
        }
        q += width * S::LANES;
    }
}

/// One tile of an [`outer`] product.
struct Outer<'a, E> {
    a: &'a [*const f32],
    b: &'a [*const f32],
    p: usize,
    q: usize,
    qs: usize,
    add: bool,
    of: PhantomData<E>,
}

impl<E: Element> Outer<'_, E> {
    /// Stores the tile of `PR` rows and `NV` vectors in `out`, or adds it, and returns `PR`.
    ///
    /// # Safety
    /// As [`outer`]; rows p..p + PR exist, as do columns from q to the last vector's first.
    #[inline(always)]
    unsafe fn run<S: Simd, const PR: usize, const NV: usize>(&self, s: S, out: *mut f32) -> usize {
        let live: [usize; NV] = std::array::from_fn(|j| (self.qs - self.q - j * S::LANES).min(S::LANES));
        let mut acc = [[s.splat(0.0); NV]; PR];
        if live[NV - 1] == S::LANES {
            for (a, b) in self.a.iter().zip(self.b) {
                // SAFETY: the addresses are of rows long enough for PR values from p and NV whole vectors from q.
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
                // SAFETY: row r < PR of the tile, and the `live[j]` columns from q that the output has; all sums are written.
                unsafe {
                    let out = out.add(r * self.qs + j * S::LANES);
                    let before = if self.add { s.load_n(out, live[j]) } else { s.splat(0.0) };
                    s.store_n(out, live[j], s.add(before, sums[j].assume_init()));
                }
            }
        }
        PR
    }
}
