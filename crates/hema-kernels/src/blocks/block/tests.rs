//! A block's results, against differences of its own forward pass and between precisions.

use super::{Block, BlockBackward, BlockGrads, BlockInput, BlockParams, Compiled, Residual};
use crate::blocks::{ConvBnAct, ConvBnActParams, Filter};
use crate::layers::{Conv2d, Depthwise, Gate, Pad, SqueezeParams};
use crate::parallel::Workspace;
use crate::simd::{Act, bf16};
use crate::test_support::levels::at_every_level;
use crate::test_support::reference::{assert_close, assert_slope, map, values, wide};

/// The block's input, then three tensors of each convolution, then four of squeeze-excite.
fn tensors(block: &Block) -> Vec<Vec<f32>> {
    let mut tensors = vec![values(block.in_len(), 1)];
    for (i, conv) in block.convs().iter().enumerate() {
        let (seed, c) = (10 * i as u64, conv.filter.outputs());
        tensors.push(values(conv.filter.weight_len(), 2 + seed));
        tensors.push(values(c, 3 + seed).iter().map(|g| 1.0 + 0.3 * g).collect());
        tensors.push(values(c, 4 + seed));
    }
    if let Some(s) = block.squeeze() {
        let (c, r) = (s.map.channels, s.reduced);
        tensors.extend([c * r, r, c * r, c].iter().enumerate().map(|(i, n)| values(*n, 5 + i as u64)));
    }
    if block.residual == Residual::Other {
        // far enough from zero that the sum's sign is not a matter of rounding
        let far = |(i, v): (usize, f32)| v + if i % 2 == 0 { 5.0 } else { -5.0 };
        tensors.push(values(block.out_len(), 9).into_iter().enumerate().map(far).collect());
    }
    tensors
}

/// The other map, where the block adds one.
fn other<'a>(block: &Block, tensors: &'a [Vec<f32>]) -> Option<&'a [f32]> {
    (block.residual == Residual::Other).then(|| tensors[tensors.len() - 1].as_slice())
}

fn params<'a>(block: &Block, tensors: &'a [Vec<f32>]) -> BlockParams<'a> {
    let (convs, squeeze) = tensors[1..].split_at(3 * block.convs().len());
    let convs = convs
        .chunks(3)
        .map(|t| ConvBnActParams { weight: &t[0], gamma: &t[1], beta: &t[2], fixed: None })
        .collect();
    let squeeze = block.squeeze().map(|_| SqueezeParams {
        reduce_weight: &squeeze[0],
        reduce_bias: &squeeze[1],
        expand_weight: &squeeze[2],
        expand_bias: &squeeze[3],
    });
    BlockParams { convs, squeeze }
}

fn in_order(dx: Vec<f32>, grads: BlockGrads, dother: Vec<f32>) -> Vec<Vec<f32>> {
    let convs = grads.convs.into_iter().flat_map(|u| [u.weight, u.gamma, u.beta]);
    let squeeze = grads
        .squeeze
        .into_iter()
        .flat_map(|s| [s.reduce_weight, s.reduce_bias, s.expand_weight, s.expand_bias]);
    let other = (!dother.is_empty()).then_some(dother);
    std::iter::once(dx).chain(convs).chain(squeeze).chain(other).collect()
}

const ACT: Act = Act::Silu;

/// Chains of convs on a map, made one conv at a time.
struct Chain {
    batch: usize,
    size: [usize; 2],
    channels: usize,
    convs: Vec<ConvBnAct>,
}

impl Chain {
    fn new(batch: usize, size: [usize; 2], channels: usize) -> Self {
        Self { batch, size, channels, convs: vec![] }
    }

    fn push(mut self, filter: Filter, size: [usize; 2], channels: usize, act: Act) -> Self {
        self.convs.push(ConvBnAct { filter, act, eps: 1e-3 });
        Self { size, channels, ..self }
    }

    fn dense(self, outputs: usize, kernel: usize, stride: usize, act: Act) -> Self {
        let ([height, width], batch, inputs) = (self.size, self.batch, self.channels);
        let pad = Pad::same(height, width, kernel, stride);
        let conv = Conv2d { batch, height, width, inputs, outputs, kernel, stride, pad };
        self.push(Filter::Dense(conv), [conv.out_height(), conv.out_width()], outputs, act)
    }

    fn depthwise(self, kernel: usize, stride: usize, act: Act) -> Self {
        let ([height, width], batch, channels) = (self.size, self.batch, self.channels);
        let pad = Pad::same(height, width, kernel, stride);
        let conv = Depthwise { batch, height, width, channels, kernel, stride, pad };
        self.push(Filter::Depthwise(conv), [conv.out_height(), conv.out_width()], channels, act)
    }

    fn project(self, outputs: usize) -> Self {
        self.dense(outputs, 1, 1, Act::Identity)
    }

    fn block(self, reduced: usize, skip: bool) -> Block {
        let residual = if skip { Residual::Input } else { Residual::None };
        Block::chain(self.convs, reduced, ACT, residual)
    }

    /// A block of `ResNet`: another map is added, and the sum rectified.
    fn joined(self) -> Block {
        Block::chain(self.convs, 0, ACT, Residual::Other).with_relu()
    }
}

fn blocks() -> Vec<Block> {
    let on = |channels| Chain::new(3, [5, 6], channels);
    let hard = Act::HardSwish;
    vec![
        on(3).dense(5, 3, 2, ACT).block(0, false),
        on(4).dense(4, 3, 1, ACT).block(0, true),
        on(4).dense(9, 3, 1, ACT).project(4).block(0, true),
        on(4).dense(16, 3, 2, ACT).project(6).block(0, false),
        on(4).dense(24, 1, 1, ACT).depthwise(5, 1, ACT).project(4).block(2, true),
        on(6).dense(18, 1, 1, ACT).depthwise(3, 2, ACT).project(4).block(3, false),
        on(6).depthwise(3, 1, ACT).project(6).block(0, true),
        on(4).dense(6, 3, 2, ACT).dense(6, 3, 1, Act::Identity).joined(),
        on(4)
            .dense(24, 1, 1, hard)
            .depthwise(5, 1, hard)
            .project(4)
            .block(2, true)
            .with_gate(Gate::HardSigmoid),
    ]
}

/// For each tensor, the slope of the loss along a direction, from the forward pass alone, against the
/// gradient's.
#[test]
fn gradients_match_the_slopes_of_the_forward_pass() {
    at_every_level(|level| {
        for (number, block) in blocks().iter().enumerate() {
            let workspace = Workspace::default();
            let tensors = tensors(block);
            let dy = values(block.out_len(), 90);
            for drop_path_mask in [None, Some([1.25, 0.0, 1.25].as_slice())] {
                let loss = |tensors: &[Vec<f32>]| -> f64 {
                    let mut y = vec![9.0; dy.len()];
                    let other = other(block, tensors);
                    let (x, shortcut, params, workspace) =
                        (&tensors[0], other, &params(block, tensors), &workspace);
                    block.forward(&BlockInput { x, shortcut, params, drop_path_mask, workspace }, &mut y);
                    y.iter().zip(&dy).map(|(y, d)| f64::from(*y) * f64::from(*d)).sum()
                };
                let mut y = vec![9.0; dy.len()];
                let given = params(block, &tensors);
                let shortcut = other(block, &tensors);
                let (x, params) = (&tensors[0], &given);
                let input = BlockInput { x, shortcut, params, drop_path_mask, workspace: &workspace };
                let saved = block.forward(&input, &mut y);
                let (mut d, mut dx) = (dy.clone(), vec![9.0; block.in_len()]);
                let mut dother = vec![9.0; shortcut.map_or(0, <[f32]>::len)];
                let into = shortcut.map(|_| dother.as_mut_slice());
                let grads = block.backward(BlockBackward {
                    input,
                    y: &y,
                    saved,
                    d: &mut d,
                    dx: Some(&mut dx),
                    dshortcut: into,
                });
                for (i, grad) in in_order(dx, grads, dother).iter().enumerate() {
                    let name = format!("block {number} tensor {i} {}", level.name());
                    assert_slope(&name, &tensors, i, grad, 5e-3, loss);
                }
            }
        }
    });
}

/// On the same input, narrow maps give the results of wide ones up to their rounding.
#[test]
fn bf16_agrees_with_fp32() {
    fn run<E: Compiled>(block: &Block, tensors: &[Vec<f32>], mask: Option<&[f32]>) -> Vec<Vec<f32>> {
        let workspace = Workspace::default();
        let x: Vec<E> = tensors[0].iter().map(|x| E::from_f32(*x)).collect();
        let (mut y, mut dx) = (map::<E>(block.out_len(), 1), map::<E>(x.len(), 2));
        let given = params(block, tensors);
        let other: Option<Vec<E>> =
            other(block, tensors).map(|o| o.iter().map(|o| E::from_f32(*o)).collect());
        let shortcut = other.as_deref();
        let input =
            BlockInput { x: &x, shortcut, params: &given, drop_path_mask: mask, workspace: &workspace };
        let saved = block.forward(&input, &mut y);
        let stats: Vec<_> = saved.convs.iter().map(|u| u.stats.clone()).collect();
        let mut d = map::<E>(y.len(), 90);
        let grads = block.backward(BlockBackward {
            input,
            y: &y,
            saved,
            d: &mut d,
            dx: Some(&mut dx),
            dshortcut: None,
        });
        let mut inferred = y.clone();
        let folded = block.fold(&given, &stats);
        block.infer(&x, shortcut, &folded, &workspace, &mut inferred);
        let mut all = in_order(wide(&dx), grads, vec![]);
        all.extend([wide(&y), wide(&inferred)]);
        all
    }
    at_every_level(|level| {
        for (number, block) in blocks().iter().enumerate() {
            let mut tensors = tensors(block);
            tensors.iter_mut().flatten().for_each(|x| *x = bf16::from_f32(*x).to_f32());
            for drop_path_mask in [None, Some([1.25, 0.0, 1.25].as_slice())] {
                let pairs = run::<f32>(block, &tensors, drop_path_mask).into_iter().zip(run::<bf16>(
                    block,
                    &tensors,
                    drop_path_mask,
                ));
                for (i, (expected, found)) in pairs.enumerate() {
                    let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|x| x * x).sum::<f32>().sqrt();
                    let size = norm(&mut expected.iter().copied()).max(0.05);
                    let distance = norm(&mut expected.iter().zip(&found).map(|(e, f)| e - f)) / size;
                    let name = level.name();
                    // each map between input and result was rounded to eight bits
                    assert!(distance < 5e-2, "block {number} result {i} {name}: {distance}");
                }
            }
        }
    });
}

/// Large enough to be cut into many tasks.
#[test]
fn the_number_of_threads_changes_nothing() {
    let run = |block: &Block, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (tensors, workspace) = (tensors(block), Workspace::default());
            let given = params(block, &tensors);
            let (mut y, mut dx) = (vec![9.0; block.out_len()], vec![9.0; block.in_len()]);
            let (x, params) = (&tensors[0], &given);
            let input = BlockInput { x, shortcut: None, params, drop_path_mask: None, workspace: &workspace };
            let saved = block.forward(&input, &mut y);
            let mut d = values(y.len(), 90);
            let given = BlockBackward { input, y: &y, saved, d: &mut d, dx: Some(&mut dx), dshortcut: None };
            let grads = block.backward(given);
            (y, in_order(dx, grads, vec![]))
        })
    };
    at_every_level(|_| {
        let on = || Chain::new(8, [13, 13], 24);
        let inverted = on().dense(100, 1, 1, ACT).depthwise(3, 1, ACT).project(24).block(6, true);
        for block in [inverted, on().dense(72, 3, 1, ACT).project(24).block(0, true)] {
            assert!(run(&block, 1) == run(&block, 5));
        }
    });
}

#[test]
fn folded_blocks_give_the_same_output() {
    at_every_level(|level| {
        for (number, block) in blocks().iter().enumerate() {
            let workspace = Workspace::default();
            let tensors = tensors(block);
            let params = params(block, &tensors);
            let (mut y, mut inferred) = (vec![9.0; block.out_len()], vec![8.0; block.out_len()]);
            let other = other(block, &tensors);
            let (x, params, workspace) = (&tensors[0], &params, &workspace);
            let input = BlockInput { x, shortcut: other, params, drop_path_mask: None, workspace };
            let saved = block.forward(&input, &mut y);
            let stats: Vec<_> = saved.convs.into_iter().map(|u| u.stats).collect();
            let folded = block.fold(params, &stats);
            block.infer(x, other, &folded, workspace, &mut inferred);
            assert_close(&format!("block {number} {}", level.name()), &inferred, &y, 1e-5);
        }
    });
}
