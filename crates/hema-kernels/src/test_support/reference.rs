//! Plain loops with `f64` sums that the kernels are tested against, and helpers of the tests.

use crate::layers::{Conv2d, Depthwise};
use crate::simd::{Act, Element};

/// `n` reproducible values in -1..1.
pub(crate) fn values(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// Numbers without order, the same every time.
pub(crate) fn noise(n: usize) -> impl Iterator<Item = u32> {
    (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 7).wrapping_mul(40_503) >> 3)
}

/// `n` reproducible values in -1..1 that `E` can hold.
pub(crate) fn map<E: Element>(n: usize, seed: u64) -> Vec<E> {
    values(n, seed).into_iter().map(E::from_f32).collect()
}

/// The values as `f32`.
pub(crate) fn wide<E: Element>(x: &[E]) -> Vec<f32> {
    x.iter().map(|x| x.to_f32()).collect()
}

/// The most that a kernel's results on maps of `E` may be off by, relative to the largest.
pub(crate) fn tolerance<E: Element>() -> f32 {
    if E::NAME == "bf16" { 1e-2 } else { 1e-5 }
}

/// Panics unless each value is within `tolerance` of the expected one, relative to the largest expected
/// magnitude (or 0.05: the tests' inputs are of the order of 1).
#[track_caller]
pub(crate) fn assert_close(name: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{name}: length");
    let scale = expected.iter().fold(0.05f32, |m, v| m.max(v.abs()));
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= tolerance * scale, "{name}: at {i} found {f}, expected {e}");
    }
}

/// Panics unless the slope of `loss` along a direction of tensor `i`, by differences of the loss alone, is
/// the gradient's within `tolerance` of the gradient's length (or of 0.05).
#[track_caller]
pub(crate) fn assert_slope(
    name: &str,
    tensors: &[Vec<f32>],
    i: usize,
    grad: &[f32],
    tolerance: f64,
    loss: impl Fn(&[Vec<f32>]) -> f64,
) {
    let direction = values(grad.len(), 91);
    let along = |step: f32| {
        let mut moved = tensors.to_vec();
        moved[i].iter_mut().zip(&direction).for_each(|(t, d)| *t += step * d);
        loss(&moved)
    };
    let slope = |step: f32| (along(step) - along(-step)) / (2.0 * f64::from(step));
    // the error's leading term cancels
    let expected = (4.0 * slope(0.004) - slope(0.008)) / 3.0;
    let found: f64 = grad.iter().zip(&direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
    let size = grad.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt().max(0.05);
    assert!((found - expected).abs() < tolerance * size, "{name}: found {found}, expected {expected}");
}

pub(crate) fn act(act: Act, z: f32) -> f32 {
    let z = f64::from(z);
    let sigmoid = 1.0 / (1.0 + (-z).exp());
    (match act {
        Act::Identity => z,
        Act::Relu => z.max(0.0),
        Act::Silu => z * sigmoid,
        Act::Sigmoid => sigmoid,
        Act::Relu6 => z.clamp(0.0, 6.0),
        Act::HardSwish => z * (z + 3.0).clamp(0.0, 6.0) / 6.0,
        Act::Gelu => z * normal_integral(z),
    }) as f32
}

pub(crate) fn act_slope(act: Act, z: f32) -> f32 {
    let z = f64::from(z);
    let sigmoid = 1.0 / (1.0 + (-z).exp());
    (match act {
        Act::HardSwish if z.abs() <= 3.0 => z / 3.0 + 0.5,
        Act::Identity => 1.0,
        Act::Relu => f64::from(u8::from(z > 0.0)),
        Act::Silu => sigmoid * (1.0 + z * (1.0 - sigmoid)),
        Act::Sigmoid => sigmoid * (1.0 - sigmoid),
        Act::Relu6 => f64::from(u8::from(z > 0.0 && z < 6.0)),
        Act::HardSwish => f64::from(u8::from(z > 3.0)),
        Act::Gelu => normal_integral(z) + z * normal_density(z),
    }) as f32
}

/// A convolution with `groups`, as a list of multiply-adds: calls `f(x index, weight index, y index)` for
/// each.
fn for_products(conv: &Conv2d, groups: usize, mut f: impl FnMut(usize, usize, usize)) {
    let (oh, ow, k) = (conv.out_height(), conv.out_width(), conv.kernel);
    let (ci, co) = (conv.inputs / groups, conv.outputs / groups);
    for n in 0..conv.batch {
        for y in 0..oh * ow {
            for tap in 0..k * k {
                let h = (y / ow * conv.stride + tap / k).wrapping_sub(conv.pad.top);
                let w = (y % ow * conv.stride + tap % k).wrapping_sub(conv.pad.left);
                if h >= conv.height || w >= conv.width {
                    continue;
                }
                for o in 0..conv.outputs {
                    for i in 0..ci {
                        let from = ((n * conv.height + h) * conv.width + w) * conv.inputs + o / co * ci + i;
                        let to = (n * oh * ow + y) * conv.outputs + o;
                        f(from, (o * ci + i) * k * k + tap, to);
                    }
                }
            }
        }
    }
}

/// One of a convolution's three products.
fn sum(n: usize, products: impl FnOnce(&mut dyn FnMut(usize, f32, f32))) -> Vec<f32> {
    let mut out = vec![0.0f64; n];
    products(&mut |at, a, b| out[at] += f64::from(a) * f64::from(b));
    out.into_iter().map(|v| v as f32).collect()
}

pub(crate) fn conv(shape: &Conv2d, groups: usize, x: &[f32], w: &[f32]) -> Vec<f32> {
    sum(shape.out_len(), |add| for_products(shape, groups, |i, t, o| add(o, x[i], w[t])))
}

pub(crate) fn conv_grad_input(shape: &Conv2d, groups: usize, dy: &[f32], w: &[f32]) -> Vec<f32> {
    sum(shape.in_len(), |add| for_products(shape, groups, |i, t, o| add(i, dy[o], w[t])))
}

pub(crate) fn conv_grad_weight(shape: &Conv2d, groups: usize, x: &[f32], dy: &[f32]) -> Vec<f32> {
    sum(shape.weight_len() / groups, |add| for_products(shape, groups, |i, t, o| add(t, x[i], dy[o])))
}

/// A depthwise convolution as a dense one with as many groups as channels.
pub(crate) fn grouped(d: &Depthwise) -> Conv2d {
    Conv2d {
        batch: d.batch,
        height: d.height,
        width: d.width,
        inputs: d.channels,
        outputs: d.channels,
        kernel: d.kernel,
        stride: d.stride,
        pad: d.pad,
    }
}

/// Training-mode normalisation with activation, all in `f64`; returns (y, mean, biased variance).
pub(crate) fn norm(
    x: &[f64],
    gamma: &[f32],
    beta: &[f32],
    eps: f32,
    slope: Act,
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let c = gamma.len();
    let rows = (x.len() / c) as f64;
    let mean: Vec<f64> = (0..c).map(|i| x.iter().skip(i).step_by(c).sum::<f64>() / rows).collect();
    let var: Vec<f64> = (0..c)
        .map(|i| x.iter().skip(i).step_by(c).map(|v| (v - mean[i]).powi(2)).sum::<f64>() / rows)
        .collect();
    let y = x
        .iter()
        .enumerate()
        .map(|(at, v)| {
            let i = at % c;
            let z =
                f64::from(gamma[i]) * (v - mean[i]) / (var[i] + f64::from(eps)).sqrt() + f64::from(beta[i]);
            act64(slope, z)
        })
        .collect();
    (y, mean, var)
}

pub(crate) fn act64(act: Act, z: f64) -> f64 {
    match act {
        Act::Identity => z,
        Act::Relu => z.max(0.0),
        Act::Silu => z / (1.0 + (-z).exp()),
        Act::Sigmoid => 1.0 / (1.0 + (-z).exp()),
        Act::Relu6 => z.clamp(0.0, 6.0),
        Act::HardSwish => z * (z + 3.0).clamp(0.0, 6.0) / 6.0,
        Act::Gelu => z * normal_integral(z),
    }
}

/// The standard normal distribution's integral up to `z`, by its series (Marsaglia, 2004).
fn normal_integral(z: f64) -> f64 {
    if z.abs() > 8.0 {
        return f64::from(u8::from(z > 0.0));
    }
    let (mut sum, mut term) = (z, z);
    for i in 1..200 {
        term *= z * z / f64::from(2 * i + 1);
        sum += term;
    }
    0.5 + sum * normal_density(z)
}

fn normal_density(z: f64) -> f64 {
    (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt()
}
