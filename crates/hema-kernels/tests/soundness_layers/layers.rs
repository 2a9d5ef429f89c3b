//! Layers: wrong shapes, wrong lengths, wrong parameters.

use hema_kernels::{
    Act, Conv2d, Depthwise, Element, LayerNorm, Map, MaxPool, Norm, Pad, ResponseNorm, Stats, bf16,
};

use crate::{MAP, assert_finite, map, refused, wrong_lengths, wrong_shapes};

/// Buffers of a layer: its input or that's gradient, its output or that's gradient, weights, and one value a
/// channel of the output.
#[derive(Clone)]
struct Buffers<E> {
    x: Vec<E>,
    y: Vec<E>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    winners: Vec<u8>,
}

type Call<T, E> = (&'static str, fn(&T, &mut Buffers<E>));

/// Makes each call as it should be, then with wrong shapes, and with wrong buffers for input, output and,
/// where there are some, weights.
fn try_layer<T: Copy + std::fmt::Debug, E: Element>(
    shape: T,
    fields: &[fn(&mut T) -> &mut usize],
    right: &Buffers<E>,
    calls: &[Call<T, E>],
) {
    for (name, call) in calls {
        let mut buffers = right.clone();
        call(&shape, &mut buffers);
        assert_finite(name, &buffers.x);
        assert_finite(name, &buffers.y);
        for wrong in wrong_shapes(shape, fields) {
            refused(&format!("{name} of {wrong:?}"), || call(&wrong, &mut right.clone()));
        }
        let mut wrong: Vec<Buffers<E>> = Vec::new();
        wrong.extend(wrong_lengths(&right.x).map(|x| Buffers { x, ..right.clone() }));
        wrong.extend(wrong_lengths(&right.y).map(|y| Buffers { y, ..right.clone() }));
        if !right.weight.is_empty() {
            wrong.extend(wrong_lengths(&right.weight).map(|weight| Buffers { weight, ..right.clone() }));
        }
        for mut wrong in wrong {
            let lengths = [wrong.x.len(), wrong.y.len(), wrong.weight.len()];
            refused(&format!("{name} of {lengths:?} values"), || call(&shape, &mut wrong));
        }
    }
}

const CONV: [fn(&mut Conv2d) -> &mut usize; 11] = [
    |c| &mut c.batch,
    |c| &mut c.height,
    |c| &mut c.width,
    |c| &mut c.inputs,
    |c| &mut c.outputs,
    |c| &mut c.kernel,
    |c| &mut c.stride,
    |c| &mut c.pad.top,
    |c| &mut c.pad.left,
    |c| &mut c.pad.bottom,
    |c| &mut c.pad.right,
];

#[test]
fn convolutions_refuse_what_does_not_fit() {
    fn run<E: Element>(shape: Conv2d) {
        let right = Buffers {
            x: map::<E>(shape.in_len()),
            y: map::<E>(shape.out_len()),
            weight: map(shape.weight_len()),
            bias: map(shape.outputs),
            winners: vec![],
        };
        let calls: [Call<Conv2d, E>; 5] = [
            ("forward", |c, b| c.forward(&b.x, &b.weight, Some(&b.bias), Act::Relu, &mut b.y)),
            ("forward_stats", |c, b| drop(c.forward_stats(&b.x, &b.weight, &mut b.y))),
            ("grad_input", |c, b| c.grad_input(&b.y, &b.weight, &mut b.x)),
            ("grad_input_add", |c, b| c.grad_input_add(&b.y, &b.weight, &mut b.x)),
            ("grad_weight", |c, b| c.grad_weight(&b.x, &b.y, &mut b.weight)),
        ];
        try_layer(shape, &CONV, &right, &calls);
        for bias in wrong_lengths(&right.bias) {
            let mut y = right.y.clone();
            refused("bias", || shape.forward(&right.x, &right.weight, Some(&bias), Act::Identity, &mut y));
        }
    }
    // few channels, which are copied, and many
    for (inputs, outputs) in [(1, 4), (8, 16), (40, 64)] {
        let pad = Pad { top: 1, left: 1, bottom: 2, right: 2 };
        let shape = Conv2d { batch: 2, height: 4, width: 8, inputs, outputs, kernel: 3, stride: 1, pad };
        run::<f32>(shape);
        run::<bf16>(shape);
    }
    let shape = Conv2d {
        batch: 2,
        height: 2,
        width: 2,
        inputs: 4,
        outputs: 4,
        kernel: 2,
        stride: 1 << 40,
        pad: Pad::default(),
    };
    let (x, weight) = (map::<f32>(shape.in_len()), map(shape.weight_len()));
    let mut dx = x.clone();
    shape.grad_input(&map(shape.out_len()), &weight, &mut dx);
    assert_ne!(dx, x, "a stride longer than the map is one position");
    for (name, length) in [
        ("in_len", Conv2d::in_len as fn(&Conv2d) -> usize),
        ("out_len", Conv2d::out_len),
        ("weight_len", Conv2d::weight_len),
    ] {
        let wrong = Conv2d { batch: 1 << 62, outputs: usize::MAX / 2, kernel: 2, ..shape };
        refused(name, || length(&wrong));
    }
    for length in [Conv2d::out_height, Conv2d::out_width, Conv2d::macs] {
        refused("a filter larger than the map", || length(&Conv2d { kernel: 3, ..shape }));
        refused("stride 0", || length(&Conv2d { stride: 0, ..shape }));
        refused("padding", || length(&Conv2d { pad: Pad::all(usize::MAX / 2), ..shape }));
    }
    for [height, width, kernel, stride] in [[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 0]] {
        refused("same padding", || Pad::same(height, width, kernel, stride));
    }
    assert_eq!(Pad::same(7, 7, usize::MAX, 2).top, (usize::MAX - 1) / 2);
}

const DEPTHWISE: [fn(&mut Depthwise) -> &mut usize; 10] = [
    |d| &mut d.batch,
    |d| &mut d.height,
    |d| &mut d.width,
    |d| &mut d.channels,
    |d| &mut d.kernel,
    |d| &mut d.stride,
    |d| &mut d.pad.top,
    |d| &mut d.pad.left,
    |d| &mut d.pad.bottom,
    |d| &mut d.pad.right,
];

#[test]
fn depthwise_convolutions_refuse_what_does_not_fit() {
    fn run<E: Element>(shape: Depthwise) {
        let right = Buffers {
            x: map::<E>(shape.in_len()),
            y: map::<E>(shape.out_len()),
            weight: map(shape.weight_len()),
            bias: map(shape.channels),
            winners: vec![],
        };
        let calls: [Call<Depthwise, E>; 4] = [
            ("forward", |d, b| d.forward(&b.x, &b.weight, Some(&b.bias), Act::Relu, &mut b.y)),
            ("forward_stats", |d, b| drop(d.forward_stats(&b.x, &b.weight, &mut b.y))),
            ("grad_input", |d, b| d.grad_input(&b.y, &b.weight, &mut b.x)),
            ("grad_weight", |d, b| d.grad_weight(&b.x, &b.y, &mut b.weight)),
        ];
        // at a stride of 2 a pixel of padding may make no difference
        let fields = if shape.stride == 1 { &DEPTHWISE[..] } else { &DEPTHWISE[..6] };
        try_layer(shape, fields, &right, &calls);
        for bias in wrong_lengths(&right.bias) {
            let mut y = right.y.clone();
            refused("bias", || shape.forward(&right.x, &right.weight, Some(&bias), Act::Identity, &mut y));
        }
        for kernel in [1, 2, 4, 6, 9] {
            let wrong = Depthwise { kernel, ..shape };
            let weight = map(wrong.weight_len());
            refused("kernel", || wrong.grad_input(&right.y, &weight, &mut right.x.clone()));
        }
    }
    for (kernel, stride) in [(3, 1), (5, 1), (3, 2)] {
        let pad = Pad::all(kernel / 2);
        let shape = Depthwise { batch: 2, height: 8, width: 8, channels: 20, kernel, stride, pad };
        run::<f32>(shape);
        run::<bf16>(shape);
    }
}

const POOL: [fn(&mut MaxPool) -> &mut usize; 10] = [
    |p| &mut p.batch,
    |p| &mut p.height,
    |p| &mut p.width,
    |p| &mut p.channels,
    |p| &mut p.kernel,
    |p| &mut p.stride,
    |p| &mut p.pad.top,
    |p| &mut p.pad.left,
    |p| &mut p.pad.bottom,
    |p| &mut p.pad.right,
];

#[test]
fn pools_refuse_what_does_not_fit() {
    fn run<E: Element>() {
        let pad = Pad::all(1);
        let shape = MaxPool { batch: 2, height: 4, width: 8, channels: 20, kernel: 3, stride: 1, pad };
        let (x, y) = (map::<E>(shape.in_len()), map::<E>(shape.out_len()));
        let right = Buffers { winners: vec![4; y.len()], x, y, weight: vec![], bias: vec![] };
        let calls: [Call<MaxPool, E>; 3] = [
            ("forward", |p, b| p.forward(&b.x, &mut b.y, &mut b.winners)),
            ("forward without winners", |p, b| p.forward(&b.x, &mut b.y, &mut [])),
            ("backward", |p, b| p.backward(&b.y, &b.winners, &mut b.x)),
        ];
        try_layer(shape, &POOL, &right, &calls);
        let Buffers { x, y, winners, .. } = right;
        for winners in [winners[1..].to_vec(), [&winners[..], &[0]].concat()] {
            refused("winners", || shape.forward(&x, &mut y.clone(), &mut winners.clone()));
            refused("winners", || shape.backward(&y, &winners, &mut x.clone()));
        }
        refused("no winners", || shape.backward(&y, &[], &mut x.clone()));
        for tap in [9, 255] {
            refused("a tap", || shape.backward(&y, &vec![tap; y.len()], &mut x.clone()));
        }
        let wide = MaxPool { kernel: 16, pad: Pad::all(15), ..shape };
        refused("a window of more than a byte's taps", || {
            wide.forward(&x, &mut map(wide.out_len()), &mut []);
        });
    }
    run::<f32>();
    run::<bf16>();
}

#[test]
fn passes_over_maps_refuse_what_does_not_fit() {
    fn run<E: Element>() {
        let shape = Map { batch: 2, pixels: 16, channels: 20 };
        // here `weight` is one value an image and channel, `bias` one an image
        let vectors = shape.batch * shape.channels;
        let right = Buffers {
            x: map::<E>(shape.numel()),
            y: map::<E>(shape.numel()),
            weight: map(vectors),
            bias: map(shape.batch),
            winners: vec![],
        };
        let calls: [Call<Map, E>; 1] = [("dot", |m, b| m.dot(&b.x, &b.y, &mut b.weight))];
        try_layer(shape, &MAP, &right, &calls);
        let right = Buffers { weight: vec![], ..right };
        let calls: [Call<Map, E>; 2] = [
            ("add", |m, b| m.add(&b.x, &mut b.y)),
            ("keep_positive", |m, b| m.keep_positive(&b.x, &mut b.y)),
        ];
        try_layer(shape, &MAP, &right, &calls);
        let calls: [Call<Map, E>; 5] = [
            ("mean", |m, b| m.mean(&b.x, &mut b.weight)),
            ("sums", |m, b| drop(m.sums(&b.x))),
            ("mean_backward", |m, b| m.mean_backward(&b.weight, &mut b.x)),
            ("scale", |m, b| m.scale(&mut b.x, &b.weight)),
            ("scale_images", |m, b| m.scale_images(&b.bias, &mut b.x)),
        ];
        let right = Buffers { weight: map(vectors), ..right };
        for (name, call) in calls {
            call(&shape, &mut right.clone());
            for wrong in wrong_shapes(shape, &MAP) {
                refused(&format!("{name} of {wrong:?}"), || call(&wrong, &mut right.clone()));
            }
            for x in wrong_lengths(&right.x) {
                refused(name, || call(&shape, &mut Buffers { x, ..right.clone() }));
            }
            if name != "sums" {
                for short in [0, 1] {
                    let (weight, bias) = (map(vectors - 1 + 2 * short), map(shape.batch - 1 + 2 * short));
                    refused(name, || call(&shape, &mut Buffers { weight, bias, ..right.clone() }));
                }
            }
        }
        refused("numel", || Map { batch: 1 << 62, ..shape }.numel());
    }
    run::<f32>();
    run::<bf16>();
}

const ROWS: usize = 12;
const CHANNELS: usize = 20;

/// Two vectors of parameters, one of them of a wrong length.
fn wrong_pairs(one: &[f32], other: &[f32]) -> impl Iterator<Item = (Vec<f32>, Vec<f32>)> {
    wrong_lengths(one)
        .into_iter()
        .flat_map(|wrong| [(wrong.clone(), other.to_vec()), (other.to_vec(), wrong)])
}

#[test]
fn statistics_refuse_what_is_no_rows() {
    fn run<E: Element>() {
        let x = map::<E>(ROWS * CHANNELS);
        let stats = Stats::of(&x, CHANNELS);
        assert_finite("stats", &stats.var);
        for channels in [0, 7, usize::MAX, usize::MAX / 2, 1 << 62] {
            refused("channels", || Stats::of(&x, channels));
        }
        refused("no rows", || Stats::of::<E>(&[], CHANNELS));
    }
    run::<f32>();
    run::<bf16>();
}

fn norm<'a>(gamma: &'a [f32], beta: &'a [f32], fixed: bool) -> Norm<'a> {
    Norm { gamma, beta, eps: 1e-3, act: Act::Silu, fixed }
}

#[test]
fn batch_normalisations_refuse_what_does_not_fit() {
    fn run<E: Element>() {
        let (x, y) = (map::<E>(ROWS * CHANNELS), map::<E>(ROWS * CHANNELS));
        let (one, other) = (map(CHANNELS), map(CHANNELS));
        let stats = Stats::of(&x, CHANNELS);
        for fixed in [false, true] {
            let right = norm(&one, &other, fixed);
            right.forward(&x, &stats, &mut y.clone());
            right.backward(&x, &stats, &mut y.clone());
            for wrong in wrong_lengths(&x) {
                refused("x", || right.forward(&wrong, &stats, &mut y.clone()));
                refused("y", || right.forward(&x, &stats, &mut wrong.clone()));
                refused("x", || right.backward(&wrong, &stats, &mut y.clone()));
                refused("d", || right.backward(&x, &stats, &mut wrong.clone()));
            }
            let of_stats = wrong_pairs(&one, &other)
                .map(|(mean, var)| (one.clone(), other.clone(), Stats { mean, var }));
            for (gamma, beta, stats) in
                wrong_pairs(&one, &other).map(|(gamma, beta)| (gamma, beta, stats.clone())).chain(of_stats)
            {
                let wrong = norm(&gamma, &beta, fixed);
                refused("parameters", || wrong.forward(&x, &stats, &mut y.clone()));
                refused("parameters", || wrong.backward(&x, &stats, &mut y.clone()));
                refused("parameters", || wrong.fold(&stats));
            }
            let none = Stats { mean: vec![], var: vec![] };
            refused("no channels", || norm(&[], &[], fixed).forward(&x, &none, &mut y.clone()));
            refused("no channels", || norm(&[], &[], fixed).backward(&x, &none, &mut y.clone()));
        }
    }
    run::<f32>();
    run::<bf16>();
}

#[test]
fn layer_normalisations_refuse_what_does_not_fit() {
    fn run<E: Element>() {
        let (x, y) = (map::<E>(ROWS * CHANNELS), map::<E>(ROWS * CHANNELS));
        let (one, other) = (map(CHANNELS), map(CHANNELS));
        let right = LayerNorm { weight: &one, bias: &other, eps: 1e-3 };
        let row_stats = right.forward(&x, &mut y.clone());
        right.backward(&x, &row_stats, &mut y.clone());
        for wrong in wrong_lengths(&x) {
            refused("x", || right.forward(&wrong, &mut y.clone()));
            refused("y", || right.forward(&x, &mut wrong.clone()));
            refused("x", || right.backward(&wrong, &row_stats, &mut y.clone()));
            refused("d", || right.backward(&x, &row_stats, &mut wrong.clone()));
        }
        for stats in [&row_stats[1..], &[], &[&row_stats[..], &row_stats[..]].concat()] {
            refused("stats", || right.backward(&x, stats, &mut y.clone()));
        }
        for (weight, bias) in wrong_pairs(&one, &other) {
            let wrong = LayerNorm { weight: &weight, bias: &bias, eps: 1e-3 };
            refused("parameters", || wrong.forward(&x, &mut y.clone()));
            refused("parameters", || wrong.backward(&x, &row_stats, &mut y.clone()));
        }
    }
    run::<f32>();
    run::<bf16>();
}

#[test]
fn response_normalisations_refuse_what_does_not_fit() {
    fn run<E: Element>() {
        let (x, y) = (map::<E>(ROWS * CHANNELS), map::<E>(ROWS * CHANNELS));
        let (one, other) = (map(CHANNELS), map(CHANNELS));
        let shape = Map { batch: 3, pixels: 4, channels: CHANNELS };
        let right = ResponseNorm { weight: &one, bias: &other, eps: 1e-3 };
        let norms = right.forward(&shape, &mut x.clone());
        let calls = |norm: &ResponseNorm, shape: &Map, x: &[E], norms: &[f32], d: &[E]| {
            refused("forward", || norm.forward(shape, &mut x.to_vec()));
            refused("apply", || norm.apply(shape, norms, &mut x.to_vec()));
            refused("backward", || norm.backward(shape, x, norms, &mut d.to_vec()));
        };
        right.apply(&shape, &norms, &mut x.clone());
        right.backward(&shape, &x, &norms, &mut y.clone());
        for wrong in wrong_shapes(shape, &MAP) {
            calls(&right, &wrong, &x, &norms, &y);
        }
        for wrong in wrong_lengths(&x) {
            calls(&right, &shape, &wrong, &norms, &y);
            refused("d", || right.backward(&shape, &x, &norms, &mut wrong.clone()));
        }
        for wrong in wrong_lengths(&norms) {
            refused("norms", || right.apply(&shape, &wrong, &mut x.clone()));
            refused("norms", || right.backward(&shape, &x, &wrong, &mut y.clone()));
        }
        for (weight, bias) in wrong_pairs(&one, &other) {
            calls(&ResponseNorm { weight: &weight, bias: &bias, eps: 1e-3 }, &shape, &x, &norms, &y);
        }
    }
    run::<f32>();
    run::<bf16>();
}
