//! GFLOP/s of each convolution of EfficientNetV2-B0 or ResNet-18 at 96 px, forward and both gradients:
//! `layers [batch] [bf16] [resnet18]`.

#![allow(clippy::print_stdout)] // the result

use std::time::Instant;

use hema_kernels::{Act, CacheLines, Conv2d, Depthwise, Element, Map, Norm, Pad, Stats, bf16};

#[global_allocator]
static ALLOCATOR: CacheLines = CacheLines;

/// Median seconds of a few runs.
fn time(mut f: impl FnMut()) -> f64 {
    f();
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// How often a dense layer occurs, the size of its map, channels in and out, size of the filter, stride.
type Layer = (usize, usize, usize, usize, usize, usize);

const RESNET18: &[Layer] = &[
    (1, 96, 3, 64, 7, 2),
    (4, 24, 64, 64, 3, 1),
    (1, 24, 64, 128, 3, 2),
    (3, 12, 128, 128, 3, 1),
    (1, 12, 128, 256, 3, 2),
    (3, 6, 256, 256, 3, 1),
    (1, 6, 256, 512, 3, 2),
    (3, 3, 512, 512, 3, 1),
];

const V2_B0: &[Layer] = &[
    (1, 96, 3, 32, 3, 2),
    (1, 48, 32, 16, 3, 1),
    (1, 48, 16, 64, 3, 2),
    (1, 24, 64, 32, 1, 1),
    (1, 24, 32, 128, 3, 1),
    (1, 24, 128, 32, 1, 1),
    (1, 24, 32, 128, 3, 2),
    (1, 12, 128, 48, 1, 1),
    (1, 12, 48, 192, 3, 1),
    (1, 12, 192, 48, 1, 1),
    (1, 12, 48, 192, 1, 1),
    (1, 6, 192, 96, 1, 1),
    (2, 6, 96, 384, 1, 1),
    (2, 6, 384, 96, 1, 1),
    (1, 6, 96, 576, 1, 1),
    (1, 6, 576, 112, 1, 1),
    (5, 6, 112, 672, 1, 1),
    (4, 6, 672, 112, 1, 1),
    (1, 3, 672, 192, 1, 1),
    (7, 3, 192, 1152, 1, 1),
    (7, 3, 1152, 192, 1, 1),
    (1, 3, 192, 1280, 1, 1),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let batch = args.first().map_or(32, |a| a.parse().expect("a number"));
    let has = |word: &str| args.iter().any(|a| a == word);
    let layers = if has("resnet18") { RESNET18 } else { V2_B0 };
    hema_kernels::step(|| if has("bf16") { run::<bf16>(batch, layers) } else { run::<f32>(batch, layers) });
}

fn run<E: Element>(batch: usize, layers: &[Layer]) {
    println!("{} {} batch {batch}", hema_kernels::level().name(), E::NAME);
    let mut total = [0.0; 3];
    for &(count, size, inputs, outputs, kernel, stride) in layers {
        let pad = Pad::same(size, size, kernel, stride);
        let c = Conv2d { batch, height: size, width: size, inputs, outputs, kernel, stride, pad };
        let (x, w) = (vec![E::from_f32(0.5); c.in_len()], vec![0.1; c.weight_len()]);
        let (mut y, mut dx, mut dw) = (vec![E::from_f32(0.1); c.out_len()], x.clone(), w.clone());
        let dy = y.clone();
        let times = [
            time(|| drop(c.forward_stats(&x, &w, &mut y))),
            time(|| c.grad_input(&dy, &w, &mut dx)),
            time(|| c.grad_weight(&x, &dy, &mut dw)),
        ];
        print!("{count} x {size:2}px {inputs:4} -> {outputs:4} k{kernel} s{stride}:");
        for (t, total) in times.iter().zip(&mut total) {
            print!("  {:6.0} us {:4.0} GF/s", t * 1e6, 2e-9 * c.macs() as f64 / t);
            *total += t * count as f64;
        }
        println!();
    }
    println!("dense, ms: {:.1} {:.1} {:.1}", total[0] * 1e3, total[1] * 1e3, total[2] * 1e3);
    for (count, size, channels, kernel, stride) in [
        (1, 12, 192, 3, 2),
        (2, 6, 384, 3, 1),
        (1, 6, 576, 3, 1),
        (5, 6, 672, 3, 1),
        (7, 3, 1152, 3, 1),
        (1, 24, 144, 5, 1),
    ] {
        let pad = Pad::same(size, size, kernel, stride);
        let d = Depthwise { batch, height: size, width: size, channels, kernel, stride, pad };
        let (x, w) = (vec![E::from_f32(0.5); d.in_len()], vec![0.1; d.weight_len()]);
        let (mut y, mut dx, mut dw) = (vec![E::from_f32(0.1); d.out_len()], x.clone(), w.clone());
        let dy = y.clone();
        let times = [
            time(|| drop(d.forward_stats(&x, &w, &mut y))),
            time(|| d.grad_input(&dy, &w, &mut dx)),
            time(|| d.grad_weight(&x, &dy, &mut dw)),
        ];
        print!("{count} x {size:2}px {channels:4} depthwise k{kernel} s{stride}:");
        for t in times {
            let gflop = 2e-9 * (d.out_len() * kernel * kernel) as f64;
            print!("  {:6.0} us {:4.0} GF/s", t * 1e6, gflop / t);
        }
        println!();
    }
    for (pixels, channels) in [(48 * 48, 32), (24 * 24, 128), (12 * 12, 192), (36, 672), (9, 1152)] {
        let map = Map { batch, pixels, channels };
        let x: Vec<E> = (0..map.numel()).map(|i| E::from_f32((i % 97) as f32 * 0.1 - 4.0)).collect();
        let mut y = x.clone();
        let (gamma, beta) = (vec![1.0; channels], vec![0.1; channels]);
        let norm = Norm { gamma: &gamma, beta: &beta, eps: 1e-3, act: Act::Silu, fixed: false };
        let stats = Stats::of(&x, channels);
        let gb = size_of_val(x.as_slice()) as f64 * 1e-9;
        let t = [
            time(|| drop(Stats::of(&x, channels))),
            time(|| norm.forward(&x, &stats, &mut y)),
            time(|| drop(norm.backward(&x, &stats, &mut y))),
        ];
        println!(
            "{pixels} x {channels}, {:.1} MB: stats {:.0} us, norm+silu {:.0} us, backward {:.0} us; {:.1} {:.1} {:.1} GB/s of map",
            gb * 1e3,
            t[0] * 1e6,
            t[1] * 1e6,
            t[2] * 1e6,
            gb / t[0],
            gb / t[1],
            gb / t[2]
        );
    }
}
