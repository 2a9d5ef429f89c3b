//! Right-hand sides of products in the order the kernel reads them.
//!
//! A training step packs every weight twice, for the forward pass and for the gradient of the input, so this
//! is done a vector at a time, rounding included: where the columns of the product are not neighbours in
//! memory, by transposing small squares.

use std::marker::PhantomData;

use super::{panels, widest};
use crate::parallel::{self, check_len, extents, scratch};
use crate::simd::{Element, Kernel, Simd, dispatch, for_vectors, lanes};

/// The order of a right-hand side's axes in the buffer it is packed from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// (k, n, taps).
    RowsFirst,
    /// (n, k, taps).
    ColumnsFirst,
}

impl Order {
    /// Where a value lies.
    pub(crate) fn position(
        self,
        Sizes { taps, k, n }: Sizes,
        tap: usize,
        row: usize,
        column: usize,
    ) -> usize {
        match self {
            Order::RowsFirst => (row * n + column) * taps + tap,
            Order::ColumnsFirst => (column * k + row) * taps + tap,
        }
    }
}

/// Sizes of a right-hand side: `taps` matrices of `k` rows and `n` columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) taps: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
}

/// A right-hand side in the order the kernel reads it: panel, tap, word of k, column; columns past `n` are 0.
/// `k` is a whole number of words.
pub(crate) struct Packed<E> {
    pub(super) words: Vec<f32>,
    pub(crate) sizes: Sizes,
    /// Values in a vector of the level it is packed for.
    lanes: usize,
    /// Vectors in a full panel.
    widest: usize,
    of: PhantomData<E>,
}

impl<E: Element> Packed<E> {
    /// Packs `b`, rounded to the element's type.
    ///
    /// # Panics
    /// If its length is not that of the sizes, or `k` not a whole number of words.
    #[track_caller]
    pub(crate) fn new(b: &[f32], sizes: Sizes, order: Order) -> Self {
        /// Right-hand sides smaller than this are packed by one thread.
        const SERIAL: usize = 1 << 14;
        let Sizes { taps, k, n } = sizes;
        check_len("right-hand side", b.len(), extents::values("right-hand side", [taps, k, n]));
        assert!(k.is_multiple_of(E::PER_WORD), "{k} rows are not whole words");
        let (lanes, depth) = (lanes(), k / E::PER_WORD);
        let widest = widest::<E>();
        // all that is computed of the sizes from here on is no more than this
        let padded = extents::values("packed right-hand side", [n.div_ceil(lanes), lanes, taps, depth]);
        let mut words = scratch().take(padded);
        let (mut first, mut rest) = (0, words.as_mut_slice());
        let mut tasks = Vec::new();
        for width in panels(n, lanes, widest).map(|v| v * lanes) {
            let (panel, others) = rest.split_at_mut(taps * depth * width);
            tasks.push((first, width, panel));
            first += width;
            rest = others;
        }
        let of = PhantomData::<E>;
        let pack = |(first, width, panel): (usize, usize, &mut [f32])| {
            // SAFETY: the panel of the columns from `first` on; `b` has the length that was just checked.
            unsafe {
                match order {
                    Order::RowsFirst => dispatch(RowsFirstPanel { of, b, sizes, first, width, panel }),
                    Order::ColumnsFirst => dispatch(ColumnsFirstPanel { of, b, sizes, first, width, panel }),
                }
            }
        };
        if b.len() < SERIAL {
            tasks.into_iter().for_each(pack);
        } else {
            parallel::for_each(tasks, pack);
        }
        Self { words, sizes, lanes, widest, of }
    }

    /// Whether the level in use is the one it was packed for.
    pub(crate) fn fits(&self) -> bool {
        self.lanes == lanes() && self.widest == widest::<E>()
    }
}

impl<E> Packed<E> {
    /// Widths, in vectors, of the panels its columns are cut into.
    pub(crate) fn widths(&self) -> impl Iterator<Item = usize> {
        panels(self.sizes.n, self.lanes, self.widest)
    }

    /// Panels its columns are cut into.
    pub(crate) fn panels(&self) -> usize {
        self.widths().count()
    }
}

impl<E> Drop for Packed<E> {
    fn drop(&mut self) {
        scratch().give(std::mem::take(&mut self.words));
    }
}

/// Packs the panel of `width` columns from `first` on, of a buffer (k, n, taps).
///
/// # Safety
/// `b` has as many values as the sizes say, `panel` has `width` words, whole vectors, for each tap and word
/// of k; `first < n`.
struct RowsFirstPanel<'a, E> {
    of: PhantomData<E>,
    b: &'a [f32],
    sizes: Sizes,
    first: usize,
    width: usize,
    panel: &'a mut [f32],
}

impl<E: Element> Kernel for RowsFirstPanel<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { b, sizes, first, width, panel, .. } = self;
        let Sizes { taps, k, n } = sizes;
        let (depth, columns) = (k / E::PER_WORD, width.min(n - first));
        let mut words = vec![0.0; if taps == 1 { 0 } else { columns * taps }];
        for row in 0..depth {
            // SAFETY: the row and, in a word of two, its successor have `columns * taps` values from column
            // `first` on; the panel has `width` words, whole vectors, for each tap and word of k.
            unsafe {
                let from = b.as_ptr().add((row * E::PER_WORD * n + first) * taps);
                let next = from.add((E::PER_WORD - 1) * n * taps);
                let out = panel.as_mut_ptr().add(row * width);
                if taps == 1 {
                    for_vectors!(S, columns, |c, left| {
                        let word = E::words(s, s.load_n(from.add(c), left), s.load_n(next.add(c), left));
                        s.store(out.add(c), word);
                    });
                    continue;
                }
                let values = columns * taps;
                for_vectors!(S, values, |i, left| {
                    let word = E::words(s, s.load_n(from.add(i), left), s.load_n(next.add(i), left));
                    s.store_n(words.as_mut_ptr().add(i), left, word);
                });
                for c in (0..width).step_by(S::LANES) {
                    for t in (0..taps).step_by(S::LANES) {
                        let (rows, columns) = ((columns - c).min(S::LANES), (taps - t).min(S::LANES));
                        let out = out.add(t * depth * width + c);
                        s.transpose(
                            words.as_ptr().add(c * taps + t),
                            taps,
                            rows,
                            columns,
                            out,
                            depth * width,
                        );
                    }
                }
            }
        }
    }
}

/// Packs the panel of `width` columns from `first` on, of a buffer (n, k, taps).
///
/// # Safety
/// `b` has as many values as the sizes say, `panel` has `width` words, whole vectors, for each tap and word
/// of k; `first < n`.
struct ColumnsFirstPanel<'a, E> {
    of: PhantomData<E>,
    b: &'a [f32],
    sizes: Sizes,
    first: usize,
    width: usize,
    panel: &'a mut [f32],
}

impl<E: Element> Kernel for ColumnsFirstPanel<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { b, sizes, first, width, panel, .. } = self;
        let Sizes { taps, k, n } = sizes;
        let depth = k / E::PER_WORD;
        let mut square = vec![0.0; S::LANES * S::LANES * taps];
        for c in (0..width).step_by(S::LANES) {
            let columns = (n - first - c).min(S::LANES);
            for start in (0..k).step_by(S::LANES) {
                let values = (k - start).min(S::LANES) * taps;
                // SAFETY: each of the columns has `values` values from row `start` on, and `square` as many
                // vectors; the panel has `width` words, whole vectors, for each tap and word of k.
                unsafe {
                    let from = b.as_ptr().add(((first + c) * k + start) * taps);
                    for i in (0..values).step_by(S::LANES) {
                        let out = square.as_mut_ptr().add(i * S::LANES);
                        s.transpose(
                            from.add(i),
                            k * taps,
                            columns,
                            (values - i).min(S::LANES),
                            out,
                            S::LANES,
                        );
                    }
                    for (row, pair) in (0..values).step_by(E::PER_WORD * taps).enumerate() {
                        for t in 0..taps {
                            let from = square.as_ptr().add((pair + t) * S::LANES);
                            let next = from.add((E::PER_WORD - 1) * taps * S::LANES);
                            let out = (t * depth + start / E::PER_WORD + row) * width + c;
                            s.store(panel.as_mut_ptr().add(out), E::words(s, s.load(from), s.load(next)));
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, Packed, Sizes};
    use crate::simd::{Element, bf16, lanes};
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::values;

    /// Every word against the value that belongs there, one at a time.
    fn check<E: Element>(sizes: Sizes, order: Order) {
        let Sizes { taps, k, n } = sizes;
        let b = values(taps * k * n, 3);
        let packed = Packed::<E>::new(&b, sizes, order);
        let rounded = |tap: usize, row: usize, column: usize| {
            if column < n { E::from_f32(b[order.position(sizes, tap, row, column)]) } else { E::default() }
        };
        let (mut words, mut first) = (packed.words.iter(), 0);
        for width in packed.widths().map(|v| v * lanes()) {
            for tap in 0..taps {
                for row in (0..k).step_by(E::PER_WORD) {
                    for column in first..first + width {
                        let pair: Vec<E> =
                            (row..row + E::PER_WORD).map(|r| rounded(tap, r, column)).collect();
                        let found = words.next().expect("a word");
                        // SAFETY: a pair, or one, of the type has the 32 bits of a word.
                        let expected = unsafe { E::word(pair.as_ptr(), 0) };
                        assert_eq!(
                            found.to_bits(),
                            expected.to_bits(),
                            "{sizes:?} {order:?} {tap} {row} {column}"
                        );
                    }
                }
            }
            first += width;
        }
        assert!(words.next().is_none());
    }

    #[test]
    fn every_value_is_where_the_kernel_looks_for_it() {
        at_every_level(|_| {
            for taps in [1, 2, 9, 17, 25] {
                for (k, n) in [(2, 1), (4, 3), (16, 16), (18, 33), (34, 47), (6, 65)] {
                    let sizes = Sizes { taps, k, n };
                    for order in [Order::RowsFirst, Order::ColumnsFirst] {
                        check::<f32>(sizes, order);
                        check::<f32>(Sizes { k: k - 1, ..sizes }, order);
                        check::<bf16>(sizes, order);
                    }
                }
            }
        });
    }
}
