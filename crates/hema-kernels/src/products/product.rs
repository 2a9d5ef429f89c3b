//! Products of rows reached through pointers with a packed right-hand side: the engine of every dense
//! convolution.
//!
//! The right-hand side is cut into panels of up to three vectors; a panel (K x 48 values on AVX-512) stays in
//! L1/L2 while all rows of the block pass. The kernel keeps 9 rows x 3 vectors of sums in registers (6 x 2
//! where there are 16 registers) over the whole of K, so the output is written once. Left-hand values are
//! broadcast straight from the map: packing them would cost as much as the product when N is 16 to 64, which
//! is the usual case.
//!
//! Left out on purpose: blocking over K (a packed panel of our largest K fits L2) and alpha/beta.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::{Epilogue, FEW_REGISTER_ROWS, Packed, REGISTER_ROWS, Sizes, in_memory, padded_rows};
use crate::parallel::check_len;
use crate::simd::{Act, Activation, Element, Kernel, Simd, dispatch, with_activation};

/// For the columns of the given panels, `out[i][..n] = epilogue(sum over t, j of rows[t * padded_rows(m) +
/// i][j] * b[taps[t]][j][..])` for `i < m`.
///
/// # Safety
/// `rows` holds `taps.len() * padded_rows(m)` addresses of `k` readable values each; `out` holds `m`
/// addresses of `n` values that only this call touches.
pub(crate) unsafe fn product<E: Element>(
    b: &Packed<E>,
    columns: Range<usize>,
    taps: &[usize],
    rows: &[*const E],
    out: &[*mut E],
    epilogue: Epilogue,
) {
    assert!(b.fits(), "packed for another instruction set");
    assert!(
        taps.len().checked_mul(padded_rows(out.len())) == Some(rows.len()),
        "rows of whole tiles, of each tap"
    );
    assert!(taps.iter().all(|&tap| tap < b.sizes.taps), "found taps {taps:?} of {}", b.sizes.taps);
    assert!(!epilogue.add || epilogue.act == Act::Identity, "an activation of sums that are added");
    epilogue.bias.inspect(|bias| check_len("bias", bias.len(), b.sizes.n));
    #[cfg(target_arch = "x86_64")]
    if amx::takes::<E>(out.len(), b.sizes.k / E::PER_WORD) {
        // SAFETY: the caller's conditions; the tables' sizes were just checked.
        return unsafe { amx::product(b, columns, taps, rows, out, epilogue) };
    }
    // SAFETY: as above.
    unsafe { dispatch(Product { b, columns, taps, rows, out, epilogue }) }
}

struct Product<'a, E> {
    b: &'a Packed<E>,
    columns: Range<usize>,
    taps: &'a [usize],
    rows: &'a [*const E],
    out: &'a [*mut E],
    epilogue: Epilogue<'a>,
}

impl<E: Element> Kernel for Product<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { b, columns, taps, rows, out, epilogue } = self;
        let (mut first, mut panel) = (0, b.words.as_ptr());
        let Sizes { taps: all, k, n } = b.sizes;
        let depth = k / E::PER_WORD;
        for (i, width) in b.widths().enumerate() {
            let task = PanelProduct { taps, rows, out, depth, n, first, panel, epilogue };
            // SAFETY: the caller's conditions; `panel` is the packed panel of `width` vectors that starts at
            // column `first`.
            unsafe {
                match (S::WIDE, E::PER_WORD, width) {
                    _ if !columns.contains(&i) => {}
                    (true, _, 1) | (false, 1, 1) => task.run::<S, REGISTER_ROWS, 1>(s),
                    (true, _, 2) => task.run::<S, REGISTER_ROWS, 2>(s),
                    (true, _, _) => task.run::<S, REGISTER_ROWS, 3>(s),
                    (false, 1, _) => task.run::<S, FEW_REGISTER_ROWS, 2>(s),
                    // the halves of pairs take registers as well
                    (false, _, 1) => task.run::<S, 4, 1>(s),
                    (false, _, _) => task.run::<S, 4, 2>(s),
                }
                panel = panel.add(all * depth * width * S::LANES);
            }
            first += width * S::LANES;
        }
    }
}

/// One panel of a [`product`].
struct PanelProduct<'a, E> {
    taps: &'a [usize],
    rows: &'a [*const E],
    out: &'a [*mut E],
    depth: usize,
    n: usize,
    first: usize,
    panel: *const f32,
    epilogue: Epilogue<'a>,
}

impl<E: Element> PanelProduct<'_, E> {
    /// # Safety
    /// The conditions of [`product`]; the panel has `NV` vectors.
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
                // SAFETY: i * MR + MR < m + MR <= stride + 1, so the MR addresses lie in tap t's part of the
                // table; each has k readable values; the panel has `depth` rows of `width` words for each
                // tap.
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
            // SAFETY: all sums are written; each output has n values, of which `live[j]` remain from this
            // column.
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
