//! Random shapes on buffers that end at an unreadable page: a kernel that reads or writes one value too many
//! ends the process.

use std::ops::{Deref, DerefMut};

use crate::blocks::{
    Block, BlockBackward, BlockInput, BlockParams, Compiled, ConvBnAct, ConvBnActParams, Filter, Residual,
};
use crate::layers::{Conv2d, Depthwise, Map, MaxPool, Pad, ResponseNorm};
use crate::parallel::Workspace;
use crate::simd::{Act, Element, bf16};
use crate::test_support::levels::at_every_level;
use crate::test_support::reference::{self, assert_close, map, tolerance, values, wide};

/// Values whose last one is followed by memory that nobody may touch.
struct Guarded<E> {
    map: *mut libc::c_void,
    bytes: usize,
    first: *mut E,
    len: usize,
}

impl<E: Element> Guarded<E> {
    fn new(values: &[E]) -> Self {
        const PAGE: usize = 1 << 12;
        let used = size_of_val(values).next_multiple_of(PAGE);
        let bytes = used + PAGE;
        // SAFETY: a fresh private mapping, whose last page is made inaccessible; the values end where that
        // page begins.
        unsafe {
            let (read_write, private) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let map = libc::mmap(std::ptr::null_mut(), bytes, read_write, private, -1, 0);
            assert!(map != libc::MAP_FAILED, "no memory");
            assert_eq!(libc::mprotect(map.byte_add(used), PAGE, libc::PROT_NONE), 0);
            let first = map.byte_add(used - size_of_val(values)).cast::<E>();
            first.copy_from_nonoverlapping(values.as_ptr(), values.len());
            Self { map, bytes, first, len: values.len() }
        }
    }
}

impl<E> Drop for Guarded<E> {
    fn drop(&mut self) {
        // SAFETY: the mapping made by `new`.
        unsafe { libc::munmap(self.map, self.bytes) };
    }
}

impl<E> Deref for Guarded<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        // SAFETY: `new` put `len` values there.
        unsafe { std::slice::from_raw_parts(self.first, self.len) }
    }
}

impl<E> DerefMut for Guarded<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.first, self.len) }
    }
}

/// A stream of small random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }
}

fn guarded<E: Element>(n: usize, seed: u64) -> Guarded<E> {
    Guarded::new(&map::<E>(n, seed))
}

#[test]
fn random_shapes_stay_within_their_buffers_and_match_the_reference() {
    at_every_level(|_| {
        for seed in 0..60 {
            convolution::<f32>(&mut Random(seed));
            convolution::<bf16>(&mut Random(seed));
            depthwise::<f32>(&mut Random(seed));
            depthwise::<bf16>(&mut Random(seed));
            pooling::<f32>(&mut Random(seed));
            pooling::<bf16>(&mut Random(seed));
            response::<f32>(&mut Random(seed));
            response::<bf16>(&mut Random(seed));
            block::<f32>(&mut Random(seed));
            block::<bf16>(&mut Random(seed));
        }
    });
}

fn convolution<E: Element>(random: &mut Random) {
    let kernel = random.between(1, 7);
    let pad = Pad {
        top: random.below(kernel),
        left: random.below(kernel),
        bottom: random.below(kernel),
        right: random.below(kernel),
    };
    let shape = Conv2d {
        batch: random.between(1, 3),
        height: kernel + random.below(7),
        width: kernel + random.below(7),
        inputs: random.between(1, 40),
        outputs: random.between(1, 60),
        kernel,
        stride: random.between(1, 3),
        pad,
    };
    let name = format!("{shape:?} {}", E::NAME);
    let (x, dy) = (guarded::<E>(shape.in_len(), 1), guarded::<E>(shape.out_len(), 2));
    let weight = Guarded::new(&wide(&map::<E>(shape.weight_len(), 3)));
    let (mut y, mut dx) = (guarded::<E>(dy.len, 4), guarded::<E>(x.len, 5));
    let mut dweight = guarded::<f32>(weight.len, 6);
    shape.forward(&x, &weight, None, Act::Identity, &mut y);
    assert_close(&name, &wide(&y), &reference::conv(&shape, 1, &wide(&x), &weight), tolerance::<E>());
    shape.forward_stats(&x, &weight, &mut y);
    shape.grad_input(&dy, &weight, &mut dx);
    let expected = reference::conv_grad_input(&shape, 1, &wide(&dy), &weight);
    assert_close(&name, &wide(&dx), &expected, tolerance::<E>());
    shape.grad_weight(&x, &dy, &mut dweight);
    assert_close(&name, &dweight, &reference::conv_grad_weight(&shape, 1, &wide(&x), &wide(&dy)), 1e-5);
}

fn depthwise<E: Element>(random: &mut Random) {
    let kernel = 3 + 2 * random.below(3);
    let (height, width) = (random.between(1, 14), random.between(1, 14));
    let stride = random.between(1, 2);
    let pad = Pad::same(height, width, kernel, stride);
    let shape = Depthwise {
        batch: random.between(1, 3),
        height,
        width,
        channels: random.between(1, 70),
        kernel,
        stride,
        pad,
    };
    let name = format!("{shape:?} {}", E::NAME);
    let dense = reference::grouped(&shape);
    let (x, dy) = (guarded::<E>(shape.in_len(), 1), guarded::<E>(shape.out_len(), 2));
    let weight = guarded::<f32>(shape.weight_len(), 3);
    let (mut y, mut dx) = (guarded::<E>(dy.len, 4), guarded::<E>(x.len, 5));
    let mut dweight = guarded::<f32>(weight.len, 6);
    shape.forward(&x, &weight, None, Act::Identity, &mut y);
    let expected = reference::conv(&dense, shape.channels, &wide(&x), &weight);
    assert_close(&name, &wide(&y), &expected, tolerance::<E>());
    shape.grad_input(&dy, &weight, &mut dx);
    let expected = reference::conv_grad_input(&dense, shape.channels, &wide(&dy), &weight);
    assert_close(&name, &wide(&dx), &expected, tolerance::<E>());
    shape.grad_weight(&x, &dy, &mut dweight);
    let expected = reference::conv_grad_weight(&dense, shape.channels, &wide(&x), &wide(&dy));
    assert_close(&name, &dweight, &expected, 1e-5);
}

fn pooling<E: Element>(random: &mut Random) {
    let kernel = random.between(1, 4);
    let pool = MaxPool {
        batch: random.between(1, 3),
        height: random.between(kernel, 12),
        width: random.between(kernel, 12),
        channels: random.between(1, 40),
        kernel,
        stride: random.between(1, 3),
        pad: Pad::all(random.below(kernel)),
    };
    let x = guarded::<E>(pool.in_len(), 1);
    let (mut y, mut dx) = (guarded::<E>(pool.out_len(), 2), guarded::<E>(x.len, 3));
    let mut winners = vec![0; y.len];
    pool.forward(&x, &mut y, &mut winners);
    pool.backward(&y, &winners, &mut dx);
    // each output's value returns to one input
    let sum = |x: &[E]| x.iter().map(|x| f64::from(x.to_f32())).sum::<f64>();
    let size: f64 = y.iter().map(|y| f64::from(y.to_f32().abs())).sum();
    assert!((sum(&dx) - sum(&y)).abs() <= 1e-2 * size, "{pool:?}");
}

fn response<E: Element>(random: &mut Random) {
    let map =
        Map { batch: random.between(1, 3), pixels: random.between(1, 9), channels: random.between(1, 70) };
    let (weight, bias) = (guarded::<f32>(map.channels, 1), guarded::<f32>(map.channels, 2));
    let norm = ResponseNorm { weight: &weight, bias: &bias, eps: 1e-6 };
    let x = guarded::<E>(map.numel(), 3);
    let (mut y, mut d) = (Guarded::new(&x), guarded::<E>(x.len, 4));
    let norms = norm.forward(&map, &mut y);
    norm.backward(&map, &x, &norms, &mut d);
    assert!(y.iter().chain(&*d).all(|value| value.to_f32().is_finite()), "{map:?}");
}

/// An inverted residual block without gate: every pass over maps but the gate's.
fn block<E: Compiled>(random: &mut Random) {
    let (batch, height, width) = (random.between(1, 3), random.between(1, 7), random.between(1, 7));
    let (inputs, hidden) = (random.between(1, 24), random.between(1, 50));
    let none = Pad::default();
    let dense = |inputs, outputs| {
        Filter::Dense(Conv2d { batch, height, width, inputs, outputs, kernel: 1, stride: 1, pad: none })
    };
    let pad = Pad::same(height, width, 3, 1);
    let middle = Depthwise { batch, height, width, channels: hidden, kernel: 3, stride: 1, pad };
    // a large epsilon: the spread of two pixels may be next to nothing
    let conv = |filter, act| ConvBnAct { filter, act, eps: 0.5 };
    let convs = vec![
        conv(dense(inputs, hidden), Act::Silu),
        conv(Filter::Depthwise(middle), Act::Silu),
        conv(dense(hidden, inputs), Act::Identity),
    ];
    let block = Block::chain(convs, 0, Act::Silu, Residual::Input);
    let tensors: Vec<Guarded<f32>> = block
        .convs()
        .iter()
        .flat_map(|conv| [conv.filter.weight_len(), conv.filter.outputs(), conv.filter.outputs()])
        .enumerate()
        .map(|(i, n)| Guarded::new(&values(n, i as u64)))
        .collect();
    let convs =
        tensors.chunks(3).map(|t| ConvBnActParams { weight: &t[0], gamma: &t[1], beta: &t[2], fixed: None });
    let params = BlockParams { convs: convs.collect(), squeeze: None };
    let (workspace, x) = (Workspace::default(), guarded::<E>(block.in_len(), 20));
    let (mut y, mut d, mut dx) = (guarded::<E>(x.len, 21), guarded::<E>(x.len, 22), guarded::<E>(x.len, 23));
    let (params, workspace) = (&params, &workspace);
    let input = BlockInput { x: &x, shortcut: None, params, drop_path_mask: None, workspace };
    let saved = block.forward(&input, &mut y);
    let stats: Vec<_> = saved.convs.iter().map(|conv| conv.stats.clone()).collect();
    block.backward(BlockBackward { input, y: &[], saved, d: &mut d, dx: Some(&mut dx), dshortcut: None });
    let mut inferred = guarded::<E>(x.len, 24);
    block.infer(&x, None, &block.fold(params, &stats), workspace, &mut inferred);
    let close = 5.0 * tolerance::<E>();
    assert_close(&format!("{block:?} {}", E::NAME), &wide(&inferred), &wide(&y), close);
    assert!(dx.iter().all(|d| d.to_f32().is_finite()));
}
