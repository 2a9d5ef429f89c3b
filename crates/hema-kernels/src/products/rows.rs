//! Rows moved to where products can read them.

use crate::simd::{Element, Kernel, Simd, dispatch, for_vectors};

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
    // the end of the last row
    let end = |step: usize| rows.checked_sub(1)?.checked_mul(step)?.checked_add(n);
    assert!(
        end(step).is_some_and(|end| end <= from.len()) && end(width).is_some_and(|end| end <= to.len()),
        "found {rows} rows of {n} values {step} apart in {} values, and {width} apart in {}",
        from.len(),
        to.len()
    );
    // SAFETY: every row lies within the slices, as was just checked.
    unsafe { dispatch(CopyRows { from: from.as_ptr(), step, n, rows, to: to.as_mut_ptr(), width }) }
}

struct CopyRows<E> {
    from: *const E,
    step: usize,
    n: usize,
    rows: usize,
    to: *mut E,
    width: usize,
}

impl<E: Element> Kernel for CopyRows<E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, _: S) {
        let Self { from, step, n, rows, to, width } = self;
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
}

/// Copies rows of so many bytes, `PIECE` at a time, the last of which may be in part those before; both
/// places are addresses and the bytes from row to row.
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

/// Joins the `n` values from `from` on of every two rows, side by side, to a row of pairs.
///
/// # Safety
/// Every address has `from + n` values, `out` has `n` words for every two addresses.
pub(crate) struct JoinRows<'a, E> {
    pub(crate) rows: &'a [*const E],
    pub(crate) from: usize,
    pub(crate) n: usize,
    pub(crate) out: *mut f32,
}

impl<E: Element> Kernel for JoinRows<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { rows, from, n, out } = self;
        for (i, pair) in rows.chunks(2).enumerate() {
            for_vectors!(S, n, |c, left| {
                // SAFETY: the caller's conditions; a last row without a partner is joined with zeros.
                unsafe {
                    let first = E::load_n(s, pair[0].add(from + c), left);
                    let second =
                        pair.get(1).map_or(s.splat(0.0), |row| E::load_n(s, row.add(from + c), left));
                    s.store_n(out.add(i * n + c), left, s.pair(first, second));
                }
            });
        }
    }
}
