//! Depthwise convolutions and their gradients against the reference.

use super::Depthwise;
use crate::layers::{Pad, Stats};
use crate::simd::{Act, Element, bf16};
use crate::test_support::levels::at_every_level;
use crate::test_support::reference::{self, assert_close, map, tolerance, values, wide};

#[test]
fn forward_and_gradients_match_the_reference() {
    at_every_level(|level| {
        for kernel in [3, 5, 7] {
            for stride in [1, 2] {
                for (i, channels) in [1, 5, 8, 16, 19, 33, 72].into_iter().enumerate() {
                    for size in [1, 2, 3, 5, 6, 7, 13] {
                        let (batch, height, width) = (1 + i % 3, size, 1 + (size + 4 * i) % 13);
                        let mut pad = Pad::same(height, width, kernel, stride);
                        if i % 2 == 0 && size + 2 >= kernel {
                            pad = Pad { top: 0, left: kernel - 1, bottom: 2, right: 1 };
                        }
                        let d = Depthwise { batch, height, width, channels, kernel, stride, pad };
                        check::<f32>(&d, level.name());
                        check::<bf16>(&d, level.name());
                    }
                }
            }
        }
    });
}

fn check<E: Element>(d: &Depthwise, level: &str) {
    let (name, tolerance) = (format!("{d:?} {} {level}", E::NAME), tolerance::<E>());
    let dense = reference::grouped(d);
    let (x, w, dy) = (map::<E>(d.in_len(), 1), values(d.weight_len(), 2), map::<E>(d.out_len(), 3));
    let mut y = map::<E>(dy.len(), 4);
    let stats = d.forward_stats(&x, &w, &mut y);
    let expected = reference::conv(&dense, d.channels, &wide(&x), &w);
    assert_close(&name, &wide(&y), &expected, tolerance);
    let direct = Stats::of(&y, d.channels);
    assert_close(&name, &stats.mean, &direct.mean, 1e-5);
    assert_close(&name, &stats.var, &direct.var, 1e-5);
    let bias = values(d.channels, 4);
    d.forward(&x, &w, Some(&bias), Act::Silu, &mut y);
    let activated = expected.iter().enumerate();
    let activated = activated.map(|(i, v)| reference::act(Act::Silu, v + bias[i % d.channels]));
    assert_close(&name, &wide(&y), &activated.collect::<Vec<_>>(), tolerance);
    let mut dx = map::<E>(x.len(), 5);
    d.grad_input(&dy, &w, &mut dx);
    let expected = reference::conv_grad_input(&dense, d.channels, &wide(&dy), &w);
    assert_close(&name, &wide(&dx), &expected, tolerance);
    let mut dw = vec![9.0; w.len()];
    d.grad_weight(&x, &dy, &mut dw);
    let expected = reference::conv_grad_weight(&dense, d.channels, &wide(&x), &wide(&dy));
    assert_close(&name, &dw, &expected, 1e-5);
}

#[test]
#[should_panic(expected = "found kernel 4 and stride 1")]
fn unsupported_kernel_is_named() {
    let d = Depthwise { batch: 1, height: 4, width: 4, channels: 1, kernel: 4, stride: 1, pad: Pad::all(1) };
    d.forward(&[0.0f32; 16], &[0.0; 16], None, Act::Identity, &mut [0.0; 9]);
}
