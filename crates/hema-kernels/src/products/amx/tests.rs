//! How many products tiles do, and what comes of them at the borders of tiles.

use super::shape::fills;
use crate::layers::{Conv2d, Pad};
use crate::products::{Epilogue, Order, OuterRows, Packed, Sizes, outer, padded_rows, product};
use crate::simd::{Act, Level, bf16};
use crate::test_support::levels::at_every_level;
use crate::test_support::reference::{self, assert_close, map, values, wide};

fn with_tiles(mut f: impl FnMut()) {
    at_every_level(|level| {
        if level == Level::Amx {
            f();
        }
    });
}

/// Products of tiles on this thread in `f`, or `expected` where they are not emulated; the tiles are released
/// after it.
fn products(expected: usize, f: impl FnOnce()) -> usize {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    if !Level::Amx.is_supported() {
        return crate::test_support::emulator::products(f);
    }
    f();
    expected
}

/// `m` rows of `k` values, and their addresses as [`product`] wants them.
fn rows(x: &[bf16], m: usize, k: usize) -> Vec<*const bf16> {
    let mut rows: Vec<_> = x.chunks_exact(k).map(<[bf16]>::as_ptr).collect();
    rows.resize(padded_rows(m), x.as_ptr());
    rows
}

/// `y` (m, n) = `x` (m, k) * `w` (k, n).
fn multiply(x: &[bf16], w: &[f32], [m, k, n]: [usize; 3], y: &mut [bf16]) {
    let packed = Packed::new(w, Sizes { taps: 1, k, n }, Order::RowsFirst);
    let out: Vec<_> = y.chunks_exact_mut(n).map(<[bf16]>::as_mut_ptr).collect();
    // SAFETY: the rows have k values, and the outputs n that are borrowed here.
    unsafe { product(&packed, 0..packed.panels(), &[0], &rows(x, m, k), &out, Epilogue::default()) };
}

/// Adds the products of `m` rows of `a` (m, p) and `b` (m, q) to `sums` (p, q).
fn add_products(a: &[bf16], b: &[bf16], [m, p, q]: [usize; 3], sums: &mut [f32]) {
    assert_eq!(sums.len(), p * q);
    let [mut left, mut right] = [OuterRows::new(), OuterRows::new()];
    // SAFETY: the rows are as long as is said, and the sums were checked.
    unsafe {
        left.set(&rows(a, m, p)[..m], 0, p);
        right.set(&rows(b, m, q)[..m], 0, q);
        outer::<bf16>(&mut left, &right, [p, q], sums.as_mut_ptr(), true);
    }
}

#[test]
fn tiles_are_used_where_they_are_filled() {
    with_tiles(|| {
        for ([m, k, n], expected) in [
            // two tiles and one of rows, two steps of twelve words, two tiles and one of columns
            ([40, 48, 40], 2 * (2 * 2 + 2 + 2 + 1)),
            ([16, 32, 16], 1),
            ([4, 32, 1], 1),
            ([3, 32, 16], 0),
            ([16, 8, 16], 1),
            ([16, 6, 16], 0),
        ] {
            let (x, w) = (map(m * k, 1), values(k * n, 2));
            let mut y = map(m * n, 3);
            assert_eq!(products(expected, || multiply(&x, &w, [m, k, n], &mut y)), expected, "{m} {k} {n}");
        }
    });
}

#[test]
fn products_are_right_for_any_rows_and_columns() {
    with_tiles(|| {
        for k in [32, 50] {
            for n in [16, 33, 64, 80, 97] {
                let w = values(k * n, 2);
                for m in [1, 15, 16, 17, 32, 33, 48, 49, 70] {
                    let x: Vec<bf16> = map(m * k, 1);
                    let mut y = vec![bf16::NAN; m * n];
                    multiply(&x, &w, [m, k, n], &mut y);
                    let expected: Vec<f32> = x
                        .chunks_exact(k)
                        .flat_map(|x| {
                            let w = &w;
                            (0..n).map(move |column| {
                                let product = |(row, x): (usize, &bf16)| {
                                    x.to_f32() * bf16::from_f32(w[row * n + column]).to_f32()
                                };
                                x.iter().enumerate().map(product).sum()
                            })
                        })
                        .collect();
                    assert_close(&format!("{m} {k} {n}"), &wide(&y), &expected, 1e-2);
                }
            }
        }
    });
}

#[test]
fn gradients_use_them_too() {
    with_tiles(|| {
        for ([m, p, q], expected) in [
            // a step of sixteen pairs and one of five
            ([41, 40, 33], 2 * 3 * 3),
            ([32, 16, 16], 1),
            ([32, 3, 16], 0),
            ([6, 16, 16], 0),
        ] {
            let (a, b) = (map::<bf16>(m * p, 1), map::<bf16>(m * q, 2));
            let mut sums = values(p * q, 3);
            let mut expected_sums = sums.clone();
            for (a, b) in a.chunks_exact(p).zip(b.chunks_exact(q)) {
                for (a, sums) in a.iter().zip(expected_sums.chunks_exact_mut(q)) {
                    sums.iter_mut().zip(b).for_each(|(sum, b)| *sum += a.to_f32() * b.to_f32());
                }
            }
            let found = products(expected, || add_products(&a, &b, [m, p, q], &mut sums));
            assert_eq!(found, expected, "{m} {p} {q}");
            assert_close(&format!("{m} {p} {q}"), &sums, &expected_sums, 1e-5);
        }
    });
}

/// Words that fill up a tile are multiplied by zeros, which would not do if they were anything but zeros.
#[test]
fn a_row_that_is_not_finite_spoils_no_other() {
    with_tiles(|| {
        let [m, k, n] = [37, 34, 20];
        let (mut x, w) = (map::<bf16>(m * k, 1), values(k * n, 2));
        let mut y = vec![bf16::ZERO; m * n];
        x[5 * k..][..k].fill(bf16::NAN);
        x[33 * k..][..k].fill(bf16::INFINITY);
        multiply(&x, &w, [m, k, n], &mut y);
        for (i, y) in y.chunks_exact(n).enumerate() {
            assert!(y.iter().all(|y| y.is_finite() != (i == 5 || i == 33)), "row {i}");
        }
    });
}

/// Buffers go from one product to the next, which may be smaller.
#[test]
fn what_a_product_leaves_behind_does_not_reach_the_next() {
    with_tiles(|| {
        for (fill, [m, k, n]) in [(Some(bf16::NAN), [37, 66, 64]), (None, [21, 34, 20])] {
            let (mut x, mut dy, w) = (map::<bf16>(m * k, 1), map::<bf16>(m * n, 3), values(k * n, 2));
            if let Some(fill) = fill {
                x.fill(fill);
                dy.fill(fill);
            }
            let (mut y, mut sums) = (vec![bf16::ZERO; m * n], vec![0.0; k * n]);
            multiply(&x, &w, [m, k, n], &mut y);
            add_products(&x, &dy, [m, k, n], &mut sums);
            assert!(y.iter().all(|y| y.is_finite() == fill.is_none()));
            assert!(sums.iter().all(|sum| sum.is_finite() == fill.is_none()));
        }
    });
}

/// Sizes on both sides of what one tile, two tiles, and one step hold.
#[test]
fn every_border_of_tiles_matches_the_reference() {
    let sizes = [1, 4, 15, 16, 17, 31, 32, 33, 47, 64, 66, 68, 100, 136];
    with_tiles(|| {
        for i in 0..80 {
            let size = |prime: usize| sizes[i * prime % sizes.len()];
            let (width, inputs, outputs, kernel) = (size(3), size(5).max(2), size(11) % 70, 1 + i % 2);
            let pad = Pad { top: 0, left: kernel / 2, bottom: kernel / 2, right: 0 };
            let shape = Conv2d { batch: 1, height: 1, width, inputs, outputs, kernel, stride: 1, pad };
            let name = format!("{shape:?}");
            let (x, dy) = (map::<bf16>(shape.in_len(), 1), map::<bf16>(shape.out_len(), 2));
            let (w, bias) = (wide(&map::<bf16>(shape.weight_len(), 3)), values(outputs, 4));
            let (mut y, mut dx) = (map::<bf16>(dy.len(), 5), map::<bf16>(x.len(), 6));
            shape.forward(&x, &w, Some(&bias), Act::Relu, &mut y);
            let mut expected = reference::conv(&shape, 1, &wide(&x), &w);
            for (y, bias) in expected.iter_mut().zip(bias.iter().cycle()) {
                *y = (*y + bias).max(0.0);
            }
            assert_close(&name, &wide(&y), &expected, 4e-3);
            shape.grad_input(&dy, &w, &mut dx);
            assert_close(&name, &wide(&dx), &reference::conv_grad_input(&shape, 1, &wide(&dy), &w), 4e-3);
            let mut dw = w.clone();
            shape.grad_weight(&x, &dy, &mut dw);
            assert_close(&name, &dw, &reference::conv_grad_weight(&shape, 1, &wide(&x), &wide(&dy)), 1e-5);
        }
    });
}

#[test]
fn mostly_empty_tiles_are_not_worth_it() {
    assert!(fills(16, 16) && fills(4, 16) && fills(16, 4) && fills(17, 17) && fills(8, 8));
    assert!(!fills(3, 16) && !fills(16, 3) && !fills(7, 8) && !fills(0, 16) && !fills(16, 0));
}
