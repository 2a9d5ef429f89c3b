//! What does not fit together is refused before anything is read through an address.

use std::collections::BTreeSet;

use super::{
    Axis, Epilogue, Gather, Order, OuterRows, Packed, Sizes, copy_rows, outer, padded_rows, product,
};
use crate::simd::{Act, Element, bf16, lanes};
use crate::test_support::levels::at_every_level;
use crate::test_support::panics::message;

/// The greatest size whose double wraps around to nothing, and one more.
const HALF: usize = usize::MAX / 2 + 1;

#[track_caller]
fn refused(expected: &str, f: impl FnOnce()) {
    let found = message(f);
    assert!(found.contains(expected), "found {found:?}, expected {expected:?}");
}

#[test]
fn right_hand_sides_are_of_the_length_of_their_sizes() {
    fn check<E: Element>(taps: usize, k: usize, n: usize, values: usize, expected: &str) {
        for order in [Order::RowsFirst, Order::ColumnsFirst] {
            refused(expected, || drop(Packed::<E>::new(&vec![1.0; values], Sizes { taps, k, n }, order)));
        }
    }
    at_every_level(|_| {
        for values in [0, 59, 61] {
            check::<f32>(
                3,
                4,
                5,
                values,
                &format!("length of `right-hand side`: found {values}, expected 60"),
            );
            check::<bf16>(
                3,
                4,
                5,
                values,
                &format!("length of `right-hand side`: found {values}, expected 60"),
            );
        }
        // these wrap around to the length that is there
        for (taps, k, n) in
            [(HALF, 2, 1), (2, HALF, 1), (1, 2, HALF), (1 << 32, 1 << 16, 1 << 16), (1, 0, !0)]
        {
            check::<f32>(taps, k, n, 0, "expected no more values than fit into memory");
            check::<bf16>(taps, k, n, 0, "expected no more values than fit into memory");
        }
        check::<bf16>(1, 3, 5, 15, "3 rows are not whole words");
    });
}

#[test]
fn maps_are_of_the_length_of_their_sizes() {
    fn check(expected: &str, values: usize, channels: usize, batch: usize, axis: impl Fn() -> Axis) {
        let map = vec![1.0_f32; values];
        refused(expected, || drop(Gather::new(&map, channels, batch, axis(), axis())));
    }
    let axis = |source: usize| move || Axis::forward(source, source, 3, 1, 1);
    for values in [0, 95, 97] {
        check(&format!("length of `map`: found {values}, expected 96"), values, 3, 2, axis(4));
    }
    for (channels, batch, source) in [(HALF, 2, 1), (4, 1, 1 << 31), (0, 1, 1 << 40), (2, HALF, 1)] {
        check("expected no more values than fit into memory", 0, channels, batch, axis(source));
    }
    // a destination that no map has
    check("pixels along an axis", 16, 1, 1, || Axis::forward(4, HALF, 1, 4, 0));
    check("than fit into memory", 16, 1, 1, || Axis::forward(4, 1 << 40, 1, 1, 0));
    check("pixels along an axis", 16, 1, 1, || Axis::forward(4, 4, 3, 1, HALF));
    check("pixels along an axis", 16, 1, 1, || Axis::backward(4, 4, 3, 1, HALF, 0));
    check("pixels along an axis", 16, 1, 1, || Axis::backward(4, 4, 3, 1, 1, HALF));
}

#[test]
fn only_pixels_that_there_are_are_gathered() {
    let map = [1.0_f32; 36];
    let axis = || Axis::forward(3, 3, 3, 1, 1);
    let gather = Gather::new(&map, 4, 1, axis(), axis());
    let (mut table, mut of, mut buffer) = (vec![], vec![], vec![]);
    for (start, m) in [(0, 0), (0, 10), (9, 1), (8, 2), (1, usize::MAX), (usize::MAX, 1), (HALF, HALF)] {
        refused("expected some of 9", || gather.fill(start, m, &mut table));
        refused("expected some of 9", || gather.fill_side_by_side(start, m, &mut table, &mut buffer));
        refused("expected some of 9", || gather.fill_evenly(start, m, &mut table, &mut of, &mut buffer));
    }
    gather.fill(8, 1, &mut table);
    assert_eq!(table.len(), 9 * padded_rows(1));
}

#[test]
fn rows_are_copied_within_their_slices() {
    at_every_level(|_| {
        let (from, mut to) = ([1_u8; 20].map(f32::from), [0.0; 12]);
        for (step, n, rows, width) in [
            (7, 7, 3, 4),
            (8, 4, 3, 5),
            (8, 4, 4, 1),
            (4, 4, 0, 4),
            (4, usize::MAX, 1, 4),
            // these wrap around to places that there are
            (HALF, 4, 3, 4),
            (4, 4, 3, HALF),
            (usize::MAX, 1, 3, 4),
            (1, 4, HALF + 1, 2),
        ] {
            refused("rows of", || copy_rows(&from, step, n, rows, &mut to, width));
        }
        copy_rows(&from, 8, 4, 3, &mut to, 4);
        assert_eq!(to, [1.0; 12]);
    });
}

/// Rows of `k` values of a product, of one pixel and one tap.
fn table<E: Element>(x: &[E]) -> Vec<*const E> {
    vec![x.as_ptr(); padded_rows(1)]
}

#[test]
fn products_fit_their_right_hand_side() {
    fn check<E: Element>() {
        let [k, n] = [4, 5];
        let packed = Packed::<E>::new(&vec![1.0; 2 * k * n], Sizes { taps: 2, k, n }, Order::RowsFirst);
        let (x, mut y, bias) = (vec![E::from_f32(1.0); k], vec![E::default(); n], vec![0.5; n + 1]);
        let (rows, out) = (table(&x), [y.as_mut_ptr()]);
        let run = |taps: &[usize], rows: &[*const E], epilogue: Epilogue| {
            // SAFETY: rows of k values, and an output of n; whatever else is wrong is refused.
            unsafe { product(&packed, 0..packed.panels(), taps, rows, &out, epilogue) };
        };
        let none = Epilogue::default();
        refused("rows of whole tiles", || run(&[0], &rows[1..], none));
        refused("rows of whole tiles", || run(&[0, 1], &rows, none));
        refused("rows of whole tiles", || run(&[], &rows, none));
        refused("found taps [2] of 2", || run(&[2], &rows, none));
        refused("of 2", || run(&[usize::MAX], &rows, none));
        for length in [0, n - 1, n + 1] {
            let bias = Some(&bias[..length]);
            refused("length of `bias`", || run(&[0], &rows, Epilogue { bias, ..none }));
        }
        refused("an activation", || run(&[0], &rows, Epilogue { act: Act::Relu, add: true, ..none }));
        run(&[1], &rows, Epilogue { bias: Some(&bias[..n]), ..none });
        assert_eq!(y, vec![E::from_f32(4.5); n]);
    }
    at_every_level(|_| {
        check::<f32>();
        check::<bf16>();
    });
}

#[test]
fn a_right_hand_side_packed_for_another_level_is_refused() {
    fn check<E: Element>(before: &mut Option<Packed<E>>) -> bool {
        let (x, mut y) = ([E::from_f32(1.0); 4], vec![E::default(); 70]);
        let (rows, out) = (table(&x), [y.as_mut_ptr()]);
        let run = |packed: &Packed<E>| {
            // SAFETY: rows of 4 values, and an output of 70; the packing is checked.
            unsafe { product(packed, 0..packed.panels(), &[0], &rows, &out, Epilogue::default()) };
        };
        let packed = Packed::new(&[1.0; 4 * 70], Sizes { taps: 1, k: 4, n: 70 }, Order::RowsFirst);
        let other = before.as_ref().is_some_and(|before| !before.widths().eq(packed.widths()));
        if let Some(before) = before.as_ref().filter(|_| other) {
            refused("packed for another instruction set", || run(before));
        }
        run(&packed);
        assert_eq!(y, vec![E::from_f32(4.0); 70]);
        *before = Some(packed);
        other
    }
    let (mut wide, mut narrow, mut refused, mut lengths) = (None, None, false, BTreeSet::new());
    at_every_level(|_| {
        refused |= check::<f32>(&mut wide) | check::<bf16>(&mut narrow);
        lengths.insert(lanes());
    });
    assert_eq!(refused, lengths.len() > 1);
}

#[test]
fn outer_products_fit_their_rows() {
    fn check<E: Element>() {
        let x = [E::from_f32(1.0); 12];
        let rows: Vec<_> = x.chunks_exact(4).map(<[E]>::as_ptr).collect();
        let [mut a, mut b] = [OuterRows::new(), OuterRows::new()];
        let mut sums = [9.0; 25];
        let mut run = |left: usize, right: usize, sizes: [usize; 2]| {
            // SAFETY: rows of 4 values; the sums are 5 by 5, and larger sizes are refused.
            unsafe {
                a.set(&rows[..left], 0, 4);
                b.set(&rows[..right], 0, 4);
                outer::<E>(&mut a, &b, sizes, sums.as_mut_ptr(), false);
            }
        };
        refused("rows", || run(3, 1, [4, 4]));
        for sizes in [[5, 4], [4, 5], [usize::MAX, 4], [4, HALF]] {
            refused("found rows of [4, 4] words", || run(3, 3, sizes));
        }
        run(3, 3, [4, 4]);
        assert_eq!(sums[..16], [3.0; 16]);
        assert_eq!(sums[16..], [9.0; 9]);
    }
    at_every_level(|_| {
        check::<f32>();
        check::<bf16>();
    });
}
