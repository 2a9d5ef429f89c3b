//! Convolutions and their gradients against the reference.

use super::{Conv2d, Pad};
use crate::layers::Stats;
use crate::simd::{Act, Element, Level, bf16};
use crate::test_support::levels::at_every_level;
use crate::test_support::reference::{self, assert_close, map, tolerance, values, wide};

/// Odd sizes of everything, and channel counts on both sides of the vector and panel widths.
fn shapes() -> Vec<Conv2d> {
    let mut shapes = Vec::new();
    let channels = [(1, 1), (3, 5), (3, 32), (8, 17), (13, 16), (16, 64), (31, 48), (33, 7), (50, 70)];
    for (i, &(inputs, outputs)) in channels.iter().enumerate() {
        for (j, &(kernel, stride)) in
            [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (5, 1), (5, 2), (7, 3)].iter().enumerate()
        {
            let (batch, height, width) = (1 + (i + j) % 3, 1 + (3 * i + 5 * j) % 13, 1 + (7 * i + j) % 13);
            let mut pad = Pad::same(height, width, kernel, stride);
            if (i + j) % 2 == 0 && height >= kernel && width >= kernel {
                pad = Pad { top: 0, left: 1, bottom: 2, right: 0 };
            }
            shapes.push(Conv2d { batch, height, width, inputs, outputs, kernel, stride, pad });
        }
    }
    shapes
}

#[test]
fn forward_and_gradients_match_the_reference() {
    at_every_level(|level| {
        for shape in shapes() {
            check::<f32>(&shape, level);
            check::<bf16>(&shape, level);
        }
    });
}

/// Sizes at which a problem is cut into several blocks, parts and groups.
#[test]
fn several_tasks_match_the_reference() {
    at_every_level(|level| {
        for (height, inputs, outputs, kernel, stride) in [
            (40, 3, 16, 3, 2),
            (33, 16, 24, 3, 1),
            (24, 40, 8, 1, 1),
            (6, 72, 136, 1, 1),
            (1, 100, 300, 1, 1),
        ] {
            let pad = Pad::same(height, height, kernel, stride);
            let shape = Conv2d { batch: 3, height, width: height, inputs, outputs, kernel, stride, pad };
            check::<f32>(&shape, level);
            check::<bf16>(&shape, level);
        }
    });
}

/// Enough channels that tiles pay, on maps that are no whole tiles, with paddings of all sorts.
#[test]
fn predictions_by_tiles_match_the_reference() {
    at_every_level(|level| {
        for (inputs, outputs) in [(34, 50), (48, 96), (64, 64), (130, 34)] {
            for (i, (height, width)) in [(1, 1), (2, 5), (3, 3), (7, 4), (12, 9)].into_iter().enumerate() {
                for pad in [Pad::all(1), Pad { top: 2, left: 0, bottom: i % 2, right: 2 }, Pad::all(3)] {
                    if height + pad.top + pad.bottom < 3 || width + pad.left + pad.right < 3 {
                        continue;
                    }
                    let shape =
                        Conv2d { batch: 2, height, width, inputs, outputs, kernel: 3, stride: 1, pad };
                    let x = map::<bf16>(shape.in_len(), 1);
                    let (w, bias) = (values(shape.weight_len(), 2), values(outputs, 4));
                    let packed = shape.pack_to_predict::<bf16>(&w);
                    assert_ne!(packed.winograd, level == Level::Amx);
                    assert!(!shape.pack_to_predict::<f32>(&w).winograd);
                    let mut y = map::<bf16>(shape.out_len(), 5);
                    shape.forward_packed(&x, &packed, Some(&bias), Act::Relu, &mut y);
                    let expected: Vec<f32> = reference::conv(&shape, 1, &wide(&x), &w)
                        .iter()
                        .enumerate()
                        .map(|(i, v)| (v + bias[i % outputs]).max(0.0))
                        .collect();
                    let name = format!("{shape:?} {}", level.name());
                    assert_close(&name, &wide(&y), &expected, tolerance::<bf16>());
                }
            }
        }
    });
}

fn check<E: Element>(shape: &Conv2d, level: Level) {
    let (name, tolerance) = (format!("{shape:?} {} {}", E::NAME, level.name()), tolerance::<E>());
    let (x, w) = (map::<E>(shape.in_len(), 1), wide(&map::<E>(shape.weight_len(), 2)));
    let (dy, bias) = (map::<E>(shape.out_len(), 3), values(shape.outputs, 4));
    let expected = reference::conv(shape, 1, &wide(&x), &w);

    let mut y = map::<E>(shape.out_len(), 5);
    let stats = shape.forward_stats(&x, &w, &mut y);
    assert_close(&name, &wide(&y), &expected, tolerance);
    let direct = Stats::of(&y, shape.outputs);
    // a mean may be small beside the values it is the mean of
    assert_close(&name, &stats.mean, &direct.mean, 1e-4);
    assert_close(&name, &stats.var, &direct.var, 1e-5);

    shape.forward(&x, &w, Some(&bias), Act::Silu, &mut y);
    let with_bias: Vec<f32> = expected
        .iter()
        .enumerate()
        .map(|(i, v)| reference::act(Act::Silu, v + bias[i % shape.outputs]))
        .collect();
    assert_close(&name, &wide(&y), &with_bias, tolerance);

    let mut dx = map::<E>(x.len(), 6);
    shape.grad_input(&dy, &w, &mut dx);
    let expected = reference::conv_grad_input(shape, 1, &wide(&dy), &w);
    assert_close(&name, &wide(&dx), &expected, tolerance);
    let before = wide(&dx);
    shape.grad_input_add(&dy, &w, &mut dx);
    let twice: Vec<f32> = before.iter().map(|d| 2.0 * d).collect();
    assert_close(&name, &wide(&dx), &twice, tolerance);

    // sums of exact products: as good from narrow maps as from wide ones
    let mut dw = vec![9.0; w.len()];
    shape.grad_weight(&x, &dy, &mut dw);
    assert_close(&name, &dw, &reference::conv_grad_weight(shape, 1, &wide(&x), &wide(&dy)), 1e-5);
}

/// The reference's own gradients: the loss `sum(y * dy)` is linear in each argument, so differences are exact
/// but for rounding.
#[test]
fn reference_gradients_agree_with_finite_differences() {
    for (groups, inputs, outputs) in [(1, 2, 3), (2, 4, 6), (3, 3, 3)] {
        let pad = Pad { top: 1, left: 0, bottom: 2, right: 1 };
        let shape = Conv2d { batch: 2, height: 4, width: 5, inputs, outputs, kernel: 3, stride: 2, pad };
        let x = values(shape.in_len(), 1);
        let w = values(shape.weight_len() / groups, 2);
        let dy = values(shape.out_len(), 3);
        let loss = |x: &[f32], w: &[f32]| -> f64 {
            let y = reference::conv(&shape, groups, x, w);
            y.iter().zip(&dy).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let slope = |f: &dyn Fn(f32) -> f64| ((f(0.5) - f(-0.5)) as f32).clamp(-1e6, 1e6);
        let moved = |v: &[f32], i: usize, by: f32| {
            let mut v = v.to_vec();
            v[i] += by;
            v
        };
        let dx: Vec<f32> = (0..x.len()).map(|i| slope(&|by| loss(&moved(&x, i, by), &w))).collect();
        let dw: Vec<f32> = (0..w.len()).map(|i| slope(&|by| loss(&x, &moved(&w, i, by)))).collect();
        assert_close("dx", &reference::conv_grad_input(&shape, groups, &dy, &w), &dx, 1e-5);
        assert_close("dw", &reference::conv_grad_weight(&shape, groups, &x, &dy), &dw, 1e-5);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    fn run<E: Element>(threads: usize) -> (Vec<E>, Vec<f32>, Stats) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let pad = Pad::same(17, 17, 3, 1);
            let shape = Conv2d {
                batch: 4,
                height: 17,
                width: 17,
                inputs: 12,
                outputs: 20,
                kernel: 3,
                stride: 1,
                pad,
            };
            let (x, w) = (map::<E>(shape.in_len(), 1), values(shape.weight_len(), 2));
            let (mut y, mut dw) = (map::<E>(shape.out_len(), 3), vec![0.0; w.len()]);
            let stats = shape.forward_stats(&x, &w, &mut y);
            shape.grad_weight(&x, &y, &mut dw);
            (y, dw, stats)
        })
    }
    at_every_level(|_| {
        assert_eq!(run::<f32>(1), run::<f32>(5));
        assert_eq!(run::<bf16>(1), run::<bf16>(5));
    });
}

#[test]
#[should_panic(expected = "length of `x`: found 3, expected 4")]
fn wrong_length_is_named() {
    let shape = Conv2d {
        batch: 1,
        height: 2,
        width: 2,
        inputs: 1,
        outputs: 1,
        kernel: 1,
        stride: 1,
        pad: Pad::default(),
    };
    shape.forward(&[0.0f32; 3], &[1.0], None, Act::Identity, &mut [0.0; 4]);
}

#[test]
#[should_panic(expected = "a padded map no smaller than the filter")]
fn impossible_shape_is_named() {
    let pad = Pad::default();
    let shape = Conv2d { batch: 1, height: 2, width: 2, inputs: 1, outputs: 1, kernel: 3, stride: 1, pad };
    shape.forward::<f32>(&[0.0; 4], &[0.0; 9], None, Act::Identity, &mut []);
}

#[test]
fn same_padding_is_tensorflows() {
    let pad = |size, kernel, stride| {
        let p = Pad::same(size, size, kernel, stride);
        (p.top, p.bottom)
    };
    assert_eq!(pad(96, 3, 2), (0, 1));
    assert_eq!(pad(96, 3, 1), (1, 1));
    assert_eq!(pad(7, 5, 2), (2, 2));
    assert_eq!(pad(6, 5, 2), (1, 2));
    assert_eq!(pad(1, 1, 2), (0, 0));
}
