//! Images per second of a training step of EfficientNetV2-B0 at 96 px made of this crate's blocks: forward
//! and backward with every gradient, without loss and optimizer. `train_step [batch] [steps] [bf16]`

#![allow(clippy::print_stdout)] // the result

use std::time::{Duration, Instant};

use hema_kernels::{
    Act, Block, BlockBackward, BlockInput, BlockParams, CacheLines, Compiled, Conv2d, ConvBnAct,
    ConvBnActParams, Depthwise, Filter, Map, Pad, Residual, SqueezeParams, Stats, Workspace, bf16,
};

#[global_allocator]
static ALLOCATOR: CacheLines = CacheLines;

/// Kind, repeats, kernel, stride, expansion, channels of each stage.
const STAGES: [(Kind, usize, usize, usize, usize, usize); 8] = [
    (Kind::Conv, 1, 3, 2, 1, 32),
    (Kind::Conv, 1, 3, 1, 1, 16),
    (Kind::Fused, 2, 3, 2, 4, 32),
    (Kind::Fused, 2, 3, 2, 4, 48),
    (Kind::Inverted, 3, 3, 2, 4, 96),
    (Kind::Inverted, 5, 3, 1, 6, 112),
    (Kind::Inverted, 8, 3, 2, 6, 192),
    (Kind::Conv, 1, 1, 1, 1, 1280),
];

#[derive(Clone, Copy)]
enum Kind {
    Conv,
    Fused,
    Inverted,
}

/// A block and its parameters.
struct Layer {
    stage: usize,
    block: Block,
    convs: Vec<[Vec<f32>; 3]>,
    squeeze: Option<[Vec<f32>; 4]>,
}

impl Layer {
    fn params(&self) -> BlockParams<'_> {
        BlockParams {
            convs: self
                .convs
                .iter()
                .map(|[weight, gamma, beta]| ConvBnActParams { weight, gamma, beta, fixed: None })
                .collect(),
            squeeze: self.squeeze_params(),
        }
    }

    fn squeeze_params(&self) -> Option<SqueezeParams<'_>> {
        self.squeeze.as_ref().map(|[reduce_weight, reduce_bias, expand_weight, expand_bias]| SqueezeParams {
            reduce_weight,
            reduce_bias,
            expand_weight,
            expand_bias,
        })
    }
}

/// Reproducible values in -limit..limit.
fn values(n: usize, limit: f32) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 % 10007) as f32 / 5003.5 - 1.0) * limit).collect()
}

fn network(batch: usize) -> Vec<Layer> {
    let (mut size, mut inputs) = (96usize, 3);
    let mut layers = Vec::new();
    for (stage, (kind, repeats, kernel, stride, expansion, outputs)) in STAGES.into_iter().enumerate() {
        for repeat in 0..repeats {
            let stride = if repeat == 0 { stride } else { 1 };
            let hidden = inputs * expansion;
            let normed = |filter, act| ConvBnAct { filter, act, eps: 1e-3 };
            let dense = |size: usize, inputs, outputs, kernel, stride, act| {
                let pad = Pad::same(size, size, kernel, stride);
                let conv = Conv2d { batch, height: size, width: size, inputs, outputs, kernel, stride, pad };
                normed(Filter::Dense(conv), act)
            };
            let small = size.div_ceil(stride);
            let project = dense(small, hidden, outputs, 1, 1, Act::Identity);
            let (convs, reduced) = match kind {
                Kind::Conv => (vec![dense(size, inputs, outputs, kernel, stride, Act::Silu)], 0),
                Kind::Fused => (vec![dense(size, inputs, hidden, kernel, stride, Act::Silu), project], 0),
                Kind::Inverted => {
                    let pad = Pad::same(size, size, kernel, stride);
                    let (height, width) = (size, size);
                    let middle = Depthwise { batch, height, width, channels: hidden, kernel, stride, pad };
                    let expand = dense(size, inputs, hidden, 1, 1, Act::Silu);
                    (vec![expand, normed(Filter::Depthwise(middle), Act::Silu), project], inputs / 4)
                }
            };
            let skip = stride == 1 && inputs == outputs;
            let residual = if skip { Residual::Input } else { Residual::None };
            let block = Block::chain(convs, reduced, Act::Silu, residual);
            let convs = block.convs().iter().map(|conv| {
                let (n, c) = (conv.filter.weight_len(), conv.filter.outputs());
                [values(n, (6.0 * c as f32 / n as f32).sqrt()), vec![1.0; c], vec![0.0; c]]
            });
            let convs = convs.collect();
            let squeeze = block.squeeze().map(|s| {
                let (c, r) = (s.map.channels, s.reduced);
                [values(c * r, 0.1), vec![0.0; r], values(c * r, 0.1), vec![0.0; c]]
            });
            layers.push(Layer { stage, block, convs, squeeze });
            (size, inputs) = (size.div_ceil(stride), outputs);
        }
    }
    layers
}

fn block_input<'a, E>(x: &'a [E], params: &'a BlockParams, workspace: &'a Workspace) -> BlockInput<'a, E> {
    BlockInput { x, shortcut: None, params, drop_path_mask: None, workspace }
}

/// One step; adds the time of each stage's forward and backward pass to `times`.
fn step<E: Compiled>(layers: &[Layer], x: &[E], workspace: &Workspace, times: &mut [[Duration; 2]]) -> f32 {
    let mut maps: Vec<Vec<E>> = Vec::new();
    let mut saved = Vec::new();
    for layer in layers {
        let start = Instant::now();
        let mut y = workspace.take(layer.block.out_len());
        let input = maps.last().map_or(x, Vec::as_slice);
        saved.push(layer.block.forward(&block_input(input, &layer.params(), workspace), &mut y));
        maps.push(y);
        times[layer.stage][0] += start.elapsed();
    }
    let head = layers.last().expect("a network").block.squeeze();
    assert!(head.is_none());
    let last = maps.pop().expect("a map");
    let batch = layers[0].block.in_len() / (96 * 96 * 3);
    let map = Map { batch, pixels: 9, channels: 1280 };
    let mut pooled = vec![0.0; batch * 1280];
    map.mean(&last, &mut pooled);
    let mut d = workspace.take(last.len());
    map.mean_backward(&values(pooled.len(), 0.01), &mut d);
    let mut checksum = pooled[0];
    workspace.give(last);
    for (i, layer) in layers.iter().enumerate().rev() {
        let start = Instant::now();
        let input = maps.pop();
        let mut dx = workspace.take(layer.block.in_len());
        let grads = layer.block.backward(BlockBackward {
            input: block_input(input.as_deref().unwrap_or(x), &layer.params(), workspace),
            y: &[],
            saved: saved.pop().expect("as many as layers"),
            d: &mut d,
            dx: (i > 0).then_some(&mut dx),
            dshortcut: None,
        });
        checksum += grads.convs[0].weight[0];
        workspace.give(std::mem::replace(&mut d, dx));
        if let Some(done) = input {
            workspace.give(done);
        }
        times[layer.stage][1] += start.elapsed();
    }
    workspace.give(d);
    checksum
}

/// Floating-point operations and bytes that the passes over maps and weights must move, forward and backward:
/// every pass counts what it reads and writes, as if no cache kept anything between two passes.
fn costs<'a, E: Compiled>(layers: impl Iterator<Item = &'a Layer>) -> [(f64, f64); 2] {
    let mut costs = [(0.0, 0.0); 2];
    for layer in layers {
        for (i, conv) in layer.block.convs().iter().enumerate() {
            let (input, output) = (conv.filter.in_len() as f64, conv.filter.out_len() as f64);
            let weights = conv.filter.weight_len() as f64;
            let macs = output * weights / conv.filter.outputs() as f64;
            // convolution; normalisation with activation
            let forward = (input + output) + 2.0 * output;
            // two passes of the normalisation, both gradients, and the input computed again unless it is the
            // block's own
            let again = if i > 0 { 2.0 * input } else { 0.0 };
            let backward = 6.0 * output + 2.0 * (input + output) + again;
            for (cost, map, times) in [(0, forward, 1.0), (1, backward, 2.0)] {
                costs[cost].0 += 2.0 * times * macs;
                costs[cost].1 += map * size_of::<E>() as f64 + 4.0 * times * weights;
            }
        }
    }
    costs
}

/// Quickest, median and slowest rate.
fn rates(batch: usize, mut times: Vec<Duration>) -> String {
    times.sort();
    let rate = |t: Duration| batch as f64 / t.as_secs_f64();
    format!(
        "{:.0} images/s (best {:.0}, worst {:.0})",
        rate(times[times.len() / 2]),
        rate(times[0]),
        rate(times[times.len() - 1])
    )
}

fn main() {
    // as one job of the pool, as a trainer should: otherwise each block's passes are one each
    hema_kernels::step(|| {
        let mut args = std::env::args().skip(1);
        let mut number = |default| args.next().map_or(default, |a| a.parse().expect("a number"));
        let (batch, steps) = (number(32), number(20));
        if args.next().is_some_and(|a| a == "bf16") {
            run::<bf16>(batch, steps);
        } else {
            run::<f32>(batch, steps);
        }
    });
}

fn run<E: Compiled>(batch: usize, steps: usize) {
    let layers = network(batch);
    let x: Vec<E> = values(batch * 96 * 96 * 3, 2.0).into_iter().map(E::from_f32).collect();
    let workspace = Workspace::default();
    let mut stages = [[Duration::ZERO; 2]; STAGES.len()];
    let checksum = step(&layers, &x, &workspace, &mut stages);
    step(&layers, &x, &workspace, &mut stages);
    stages.fill([Duration::ZERO; 2]);
    let times: Vec<Duration> = (0..steps)
        .map(|_| {
            let start = Instant::now();
            step(&layers, &x, &workspace, &mut stages);
            start.elapsed()
        })
        .collect();
    println!("{} {} batch {batch}, checksum {checksum}", hema_kernels::level().name(), E::NAME);
    println!("stage      forward: ms  MFLOP/image  GFLOP/s  MB  GB/s      backward: the same");
    for (i, times) in stages.iter().enumerate() {
        let costs = costs::<E>(layers.iter().filter(|layer| layer.stage == i));
        print!("{i:5}");
        for (time, (flops, bytes)) in times.iter().zip(costs) {
            let seconds = time.as_secs_f64() / steps as f64;
            print!(
                "      {:11.2}  {:11.1}  {:7.0}  {:4.0}  {:4.0}",
                seconds * 1e3,
                flops / batch as f64 * 1e-6,
                flops / seconds * 1e-9,
                bytes * 1e-6,
                bytes / seconds * 1e-9
            );
        }
        println!();
    }
    println!("training: {}", rates(batch, times));

    let folded: Vec<_> = layers
        .iter()
        .map(|layer| {
            let stats: Vec<Stats> = layer
                .convs
                .iter()
                .map(|[_, gamma, _]| Stats { mean: vec![0.0; gamma.len()], var: vec![1.0; gamma.len()] })
                .collect();
            layer.block.fold(&layer.params(), &stats)
        })
        .collect();
    let times = (0..steps)
        .map(|_| {
            let start = Instant::now();
            let mut map: Option<Vec<E>> = None;
            for (layer, folded) in layers.iter().zip(&folded) {
                let mut y = workspace.take(layer.block.out_len());
                let input = map.as_deref().unwrap_or(x.as_slice());
                layer.block.infer(input, None, folded, &workspace, &mut y);
                map.replace(y).into_iter().for_each(|done| workspace.give(done));
            }
            if let Some(done) = map {
                workspace.give(done);
            }
            start.elapsed()
        })
        .collect();
    println!("inference: {}", rates(batch, times));
}
