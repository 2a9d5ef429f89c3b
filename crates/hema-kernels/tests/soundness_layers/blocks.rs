//! Blocks: wrong shapes and lengths, and kept maps and folded parameters of other blocks.

use hema_kernels::{
    Act, Block, BlockBackward, BlockInput, BlockParams, Compiled, Conv2d, ConvBnAct, ConvBnActParams,
    ConvNextBackward, ConvNextBlock, ConvNextInput, ConvNextParams, Depthwise, Element, Filter, Gate,
    InputGrad, Map, Pad, Residual, ResponseNorm, SqueezeExcite, SqueezeParams, Stats, Workspace, bf16,
};

use crate::{MAP, assert_finite, map, refused, wrong_lengths, wrong_shapes, wrong_sizes};

fn dense([batch, height, width]: [usize; 3], inputs: usize, outputs: usize, kernel: usize) -> Filter {
    let pad = Pad::same(height, width, kernel, 1);
    Filter::Dense(Conv2d { batch, height, width, inputs, outputs, kernel, stride: 1, pad })
}

fn depthwise([batch, height, width]: [usize; 3], channels: usize, kernel: usize) -> Filter {
    let pad = Pad::same(height, width, kernel, 1);
    Filter::Depthwise(Depthwise { batch, height, width, channels, kernel, stride: 1, pad })
}

/// The filter with a stride of 2.
fn halving(filter: Filter) -> Filter {
    match filter {
        Filter::Dense(c) => Filter::Dense(Conv2d { stride: 2, ..c }),
        Filter::Depthwise(d) => Filter::Depthwise(Depthwise { stride: 2, ..d }),
    }
}

fn conv(filter: Filter) -> ConvBnAct {
    ConvBnAct { filter, act: Act::Silu, eps: 0.5 }
}

const SIZE: [usize; 3] = [2, 5, 6];

/// Blocks that differ from the first in one thing each: number of layers, widths, filters, kinds, the gate.
fn blocks() -> Vec<Block> {
    let chain = |filters: &[Filter], reduced| {
        Block::chain(filters.iter().copied().map(conv).collect(), reduced, Act::Silu, Residual::None)
    };
    let inverted = |inputs, hidden, outputs, kernel, reduced| {
        let filters = [
            dense(SIZE, inputs, hidden, 1),
            depthwise(SIZE, hidden, kernel),
            dense(SIZE, hidden, outputs, 1),
        ];
        chain(&filters, reduced)
    };
    vec![
        inverted(40, 48, 40, 3, 4),
        inverted(40, 48, 40, 3, 0),
        inverted(40, 48, 40, 3, 5),
        inverted(40, 48, 40, 5, 4),
        inverted(40, 50, 40, 3, 4),
        inverted(40, 48, 44, 3, 4),
        inverted(36, 48, 40, 3, 4),
        chain(&[dense(SIZE, 40, 48, 1), dense(SIZE, 48, 40, 1)], 4),
        chain(&[dense(SIZE, 40, 48, 1), dense(SIZE, 48, 48, 3), dense(SIZE, 48, 40, 1)], 4),
        // enough channels that maps of bf16 are cut into tiles
        chain(&[dense(SIZE, 64, 96, 3)], 0),
        chain(&[dense(SIZE, 96, 64, 3)], 0),
        chain(&[dense(SIZE, 64, 96, 1)], 0),
        chain(&[halving(dense(SIZE, 64, 96, 3))], 0),
        chain(&[depthwise(SIZE, 40, 3), dense(SIZE, 40, 40, 1)], 0),
        chain(&[halving(depthwise(SIZE, 40, 3)), dense([2, 3, 3], 40, 40, 1)], 0),
        chain(&[dense(SIZE, 40, 40, 1)], 0),
    ]
}

/// A block's tensors: three of each convolution, four of squeeze-excite.
fn tensors(block: &Block) -> Vec<Vec<f32>> {
    let of_convs = block.convs().iter().flat_map(|conv| {
        let channels = conv.filter.outputs();
        [conv.filter.weight_len(), channels, channels]
    });
    let of_gate = block
        .squeeze()
        .map(|s| [s.map.channels * s.reduced, s.reduced, s.map.channels * s.reduced, s.map.channels]);
    of_convs.chain(of_gate.into_iter().flatten()).map(map).collect()
}

fn params<'a>(block: &Block, tensors: &'a [Vec<f32>]) -> BlockParams<'a> {
    let (convs, gate) = tensors.split_at(3 * block.convs().len());
    let of = |t: &'a [Vec<f32>]| ConvBnActParams { weight: &t[0], gamma: &t[1], beta: &t[2], fixed: None };
    let squeeze = block.squeeze().map(|_| squeeze_params(gate));
    BlockParams { convs: convs.chunks(3).map(of).collect(), squeeze }
}

fn squeeze_params(tensors: &[Vec<f32>]) -> SqueezeParams<'_> {
    let [reduce_weight, reduce_bias, expand_weight, expand_bias] = tensors else { panic!("four tensors") };
    SqueezeParams { reduce_weight, reduce_bias, expand_weight, expand_bias }
}

/// Lengths of the maps that a block keeps, and channels between the layers of its gate.
fn kept_shapes(block: &Block) -> (Vec<usize>, Option<usize>) {
    let maps = block.convs().iter().map(|conv| conv.filter.out_len());
    (maps.collect(), block.squeeze().map(|squeeze| squeeze.reduced))
}

fn statistics(block: &Block) -> Vec<Stats> {
    let of =
        |conv: &ConvBnAct| Stats { mean: map(conv.filter.outputs()), var: vec![1.0; conv.filter.outputs()] };
    block.convs().iter().map(of).collect()
}

/// Runs a block forward and backward, with a part of the call replaced by `change`.
fn train<'a, E: Compiled>(
    block: &Block,
    tensors: &'a [Vec<f32>],
    change: impl FnOnce(&mut Call<'a, E>),
) -> Vec<E> {
    let workspace = Workspace::default();
    let mut call = Call {
        params: params(block, tensors),
        x: map(block.in_len()),
        y: map(block.out_len()),
        shortcut: None,
        mask: None,
        d: map(block.out_len()),
        dx: map(block.in_len()),
        kept_by: None,
    };
    change(&mut call);
    let Call { params, x, mut y, shortcut, mask, mut d, mut dx, kept_by } = call;
    let (shortcut, drop_path_mask) = (shortcut.as_deref(), mask.as_deref());
    let input = BlockInput { x: &x, shortcut, params: &params, drop_path_mask, workspace: &workspace };
    let saved = match kept_by {
        None => block.forward(&input, &mut y),
        Some((other, tensors)) => {
            let (x, params) = (map::<E>(other.in_len()), self::params(&other, &tensors));
            let input = BlockInput { x: &x, params: &params, ..input };
            other.forward(&input, &mut map(other.out_len()))
        }
    };
    block.backward(BlockBackward { input, y: &y, saved, d: &mut d, dx: Some(&mut dx), dshortcut: None });
    dx
}

struct Call<'a, E> {
    params: BlockParams<'a>,
    x: Vec<E>,
    y: Vec<E>,
    shortcut: Option<Vec<E>>,
    mask: Option<Vec<f32>>,
    d: Vec<E>,
    dx: Vec<E>,
    /// The block whose forward pass is the one before the backward pass, and its tensors.
    kept_by: Option<(Block, Vec<Vec<f32>>)>,
}

#[test]
fn blocks_refuse_what_is_of_another_block() {
    fn run<E: Compiled>() {
        let blocks = blocks();
        let folded = |block: &Block| block.fold::<E>(&params(block, &tensors(block)), &statistics(block));
        for (i, block) in blocks.iter().enumerate() {
            let (own, workspace) = (tensors(block), Workspace::default());
            assert_finite("dx", &train::<E>(block, &own, |_| ()));
            let (x, mut y) = (map::<E>(block.in_len()), map(block.out_len()));
            block.infer(&x, None, &folded(block), &workspace, &mut y);
            assert_finite("y", &y);
            for (j, other) in blocks.iter().enumerate().filter(|(j, _)| *j != i) {
                let name = format!("parameters of block {j} for block {i}");
                refused(&name, || {
                    block.infer(&x, None, &folded(other), &workspace, &mut map(block.out_len()));
                });
                let theirs = tensors(other);
                if theirs != own {
                    refused(&name, || block.fold::<E>(&params(other, &theirs), &statistics(block)));
                    refused(&name, || train::<E>(block, &own, |call| call.params = params(other, &theirs)));
                }
                let kept_by = Some((other.clone(), theirs.clone()));
                // the maps that two blocks keep may have the same shapes
                if kept_shapes(block) != kept_shapes(other) {
                    refused(&name, || train::<E>(block, &own, |call| call.kept_by = kept_by));
                }
            }
        }
    }
    run::<f32>();
    run::<bf16>();
}

#[test]
fn blocks_refuse_wrong_lengths() {
    fn run<E: Compiled>(block: &Block) {
        let own = tensors(block);
        for i in 0..own.len() {
            for wrong in wrong_lengths(&own[i]) {
                let mut theirs = own.clone();
                theirs[i] = wrong;
                let (name, workspace) = (format!("tensor {i}"), Workspace::default());
                refused(&name, || train::<E>(block, &theirs, |_| ()));
                refused(&name, || {
                    let folded = block.fold::<E>(&params(block, &theirs), &statistics(block));
                    let x = map::<E>(block.in_len());
                    block.infer(&x, None, &folded, &workspace, &mut map(block.out_len()));
                });
            }
        }
        let (x, y, workspace) = (map::<E>(block.in_len()), map::<E>(block.out_len()), Workspace::default());
        let folded = block.fold::<E>(&params(block, &own), &statistics(block));
        for wrong in wrong_lengths(&x) {
            refused("x", || train::<E>(block, &own, |call| call.x = wrong.clone()));
            refused("dx", || train::<E>(block, &own, |call| call.dx = wrong.clone()));
            refused("x", || block.infer(&wrong, None, &folded, &workspace, &mut y.clone()));
        }
        for wrong in wrong_lengths(&y) {
            refused("y", || train::<E>(block, &own, |call| call.y = wrong.clone()));
            refused("d", || train::<E>(block, &own, |call| call.d = wrong.clone()));
            refused("y", || block.infer(&x, None, &folded, &workspace, &mut wrong.clone()));
        }
        for count in [0, block.convs().len() - 1, block.convs().len() + 1] {
            let stats = statistics(block).into_iter().cycle().take(count).collect::<Vec<_>>();
            refused("statistics", || block.fold::<E>(&params(block, &own), &stats));
        }
        for i in 0..block.convs().len() {
            for wrong in wrong_lengths(&map::<f32>(block.convs()[i].filter.outputs())) {
                let mut stats = statistics(block);
                stats[i].mean.clone_from(&wrong);
                refused("mean", || block.fold::<E>(&params(block, &own), &stats));
                let fixed = Stats { mean: map(wrong.len()), var: wrong };
                refused("fixed statistics", || {
                    drop(train::<E>(block, &own, |call| call.params.convs[i].fixed = Some(&fixed)));
                });
            }
        }
    }
    let gated = &blocks()[0];
    run::<f32>(gated);
    run::<bf16>(gated);

    // sums: of the input, and of another map, rectified
    let filters = || vec![conv(dense(SIZE, 8, 12, 3)), conv(dense(SIZE, 12, 8, 1))];
    let block = Block::chain(filters(), 0, Act::Relu, Residual::Input);
    let own = tensors(&block);
    for mask in wrong_lengths(&[1.0, 0.0]) {
        refused("mask", || train::<f32>(&block, &own, |call| call.mask = Some(mask)));
    }
    let block = Block::chain(filters(), 0, Act::Relu, Residual::Other).with_relu().with_gate(Gate::Sigmoid);
    let (x, y, workspace) = (map::<f32>(block.in_len()), map::<f32>(block.out_len()), Workspace::default());
    train::<f32>(&block, &own, |call| call.shortcut = Some(y.clone()));
    refused("no shortcut", || train::<f32>(&block, &own, |_| ()));
    let folded = block.fold::<f32>(&params(&block, &own), &statistics(&block));
    for wrong in wrong_lengths(&y) {
        refused("shortcut", || block.infer(&x, Some(&wrong), &folded, &workspace, &mut y.clone()));
        refused("shortcut", || train::<f32>(&block, &own, |call| call.shortcut = Some(wrong)));
    }
}

#[test]
fn chains_refuse_convolutions_that_do_not_fit() {
    let build = |filters: Vec<Filter>, reduced: usize, residual: Residual| {
        Block::chain(filters.into_iter().map(conv).collect(), reduced, Act::Silu, residual)
    };
    let none = Residual::None;
    refused("none", || build(vec![], 0, none));
    refused("one with a gate", || build(vec![dense(SIZE, 4, 4, 1)], 2, none));
    // equally many values of another shape
    refused("channels", || build(vec![dense(SIZE, 4, 6, 1), dense([2, 5, 9], 4, 4, 1)], 0, none));
    refused("batch", || build(vec![dense([2, 5, 6], 4, 4, 1), dense([5, 2, 6], 4, 4, 1)], 0, none));
    refused("sum", || build(vec![dense(SIZE, 4, 6, 1)], 0, Residual::Input));
    refused("kernel", || build(vec![depthwise(SIZE, 4, 4)], 0, none));
    let Filter::Dense(right) = dense(SIZE, 4, 4, 3) else { panic!("a dense filter") };
    let fields: [fn(&mut Conv2d) -> &mut usize; 6] = [
        |c| &mut c.batch,
        |c| &mut c.height,
        |c| &mut c.inputs,
        |c| &mut c.outputs,
        |c| &mut c.kernel,
        |c| &mut c.stride,
    ];
    for wrong in wrong_shapes(right, &fields) {
        let name = format!("{wrong:?}");
        let filters =
            || [Filter::Dense(right), Filter::Dense(wrong), Filter::Dense(right)].map(conv).to_vec();
        refused(&name, || Block::chain(filters(), 0, Act::Silu, Residual::Input));
    }
}

#[test]
fn normalised_convolutions_refuse_what_does_not_fit() {
    fn run<E: Element>(filter: Filter) {
        let (layer, workspace) = (conv(filter), Workspace::default());
        let (x, y) = (map::<E>(filter.in_len()), map::<E>(filter.out_len()));
        let (weight, gamma, beta) = (map(filter.weight_len()), map(filter.outputs()), map(filter.outputs()));
        let right = ConvBnActParams { weight: &weight, gamma: &gamma, beta: &beta, fixed: None };
        let saved = layer.convolve(&x, &right, &workspace);
        layer.activate(&right, &saved, &mut y.clone());
        let norm = || layer.backward_norm(&right, &saved, &mut y.clone());
        let backward = |params: &ConvBnActParams, x: &[E], d: &[E], dx: InputGrad<E>| {
            drop(layer.backward_filter(x, params, norm(), d, dx, &workspace));
        };
        for into in [InputGrad::Unwanted, InputGrad::Store(&mut x.clone()), InputGrad::Add(&mut x.clone())] {
            backward(&right, &x, &y, into);
        }
        for wrong in wrong_lengths(&x) {
            refused("x", || layer.convolve(&wrong, &right, &workspace));
            refused("x", || backward(&right, &wrong, &y, InputGrad::Unwanted));
            refused("dx", || backward(&right, &x, &y, InputGrad::Store(&mut wrong.clone())));
            refused("dx", || backward(&right, &x, &y, InputGrad::Add(&mut wrong.clone())));
        }
        for wrong in wrong_lengths(&y) {
            refused("y", || layer.activate(&right, &saved, &mut wrong.clone()));
            refused("d", || layer.backward_norm(&right, &saved, &mut wrong.clone()));
            refused("d", || backward(&right, &x, &wrong, InputGrad::Unwanted));
        }
        for weight in wrong_lengths(&weight) {
            let wrong = ConvBnActParams { weight: &weight, ..right };
            refused("weight", || layer.convolve(&x, &wrong, &workspace));
            refused("weight", || backward(&wrong, &x, &y, InputGrad::Store(&mut x.clone())));
        }
        for values in wrong_lengths(&gamma) {
            for wrong in [
                ConvBnActParams { gamma: &values, ..right },
                ConvBnActParams { beta: &values, ..right },
                // equally many, which the map's values may be whole rows of
                ConvBnActParams { gamma: &values, beta: &values, ..right },
            ] {
                refused("parameters", || layer.activate(&wrong, &saved, &mut y.clone()));
                refused("parameters", || layer.backward_norm(&wrong, &saved, &mut y.clone()));
            }
        }
        // kept maps may be changed
        let mut kept = layer.convolve(&x, &right, &workspace);
        kept.pre.pop();
        refused("pre", || layer.activate(&right, &kept, &mut y.clone()));
        refused("pre", || layer.backward_norm(&right, &kept, &mut y.clone()));
        kept.pre = y.clone();
        kept.stats.mean.pop();
        refused("mean", || layer.activate(&right, &kept, &mut y.clone()));
        refused("mean", || layer.backward_norm(&right, &kept, &mut y.clone()));

        for wrong in wrong_sizes(filter.outputs()) {
            let other = match filter {
                Filter::Dense(c) => Filter::Dense(Conv2d { outputs: wrong, ..c }),
                Filter::Depthwise(d) => Filter::Depthwise(Depthwise { channels: wrong, ..d }),
            };
            let layer = conv(other);
            refused("shape", || layer.convolve(&x, &right, &workspace));
            refused("shape", || layer.activate(&right, &saved, &mut y.clone()));
            let dx = InputGrad::Store(&mut []);
            refused("shape", || layer.backward_filter(&x, &right, norm(), &y, dx, &workspace));
        }
    }
    for filter in [dense([2, 4, 8], 8, 16, 3), depthwise([2, 4, 8], 16, 3)] {
        run::<f32>(filter);
        run::<bf16>(filter);
    }
}

#[test]
fn gates_refuse_what_does_not_fit() {
    let shape = Map { batch: 2, pixels: 16, channels: 8 };
    let layer = SqueezeExcite { map: shape, reduced: 4, act: Act::Silu, gate: Gate::Sigmoid };
    let tensors: Vec<Vec<f32>> = [32, 4, 32, 8].into_iter().map(map).collect();
    let (right, mean, y) = (squeeze_params(&tensors), map::<f32>(16), map::<f32>(shape.numel()));
    let saved = layer.forward(mean.clone(), &right);
    let (_, dmean) = layer.backward(&y, &right, &saved, &y);
    assert_finite("gate", &saved.gate);
    assert_finite("dmean", &dmean);
    for wrong in wrong_lengths(&mean) {
        refused("mean", || layer.forward(wrong.clone(), &right));
        let mut changed = layer.forward(mean.clone(), &right);
        changed.gate = wrong;
        refused("gate", || layer.backward(&y, &right, &changed, &y));
    }
    for wrong in wrong_lengths(&y) {
        refused("y", || layer.backward(&wrong, &right, &saved, &y));
        refused("d", || layer.backward(&y, &right, &saved, &wrong));
    }
    for i in 0..4 {
        for wrong in wrong_lengths(&tensors[i]) {
            let mut theirs = tensors.clone();
            theirs[i] = wrong;
            let wrong = squeeze_params(&theirs);
            refused("parameters", || layer.forward(mean.clone(), &wrong));
            refused("parameters", || layer.backward(&y, &wrong, &saved, &y));
        }
    }
    for map in wrong_shapes(shape, &MAP) {
        let wrong = SqueezeExcite { map, ..layer };
        refused("map", || wrong.backward(&y, &right, &saved, &y));
        if map.pixels == shape.pixels {
            refused("map", || wrong.forward(mean.clone(), &right));
        }
    }
    for reduced in wrong_sizes(layer.reduced) {
        let wrong = SqueezeExcite { reduced, ..layer };
        refused("reduced", || wrong.forward(mean.clone(), &right));
        refused("reduced", || wrong.backward(&y, &right, &saved, &y));
    }
    // kept by a layer of another width
    let other = SqueezeExcite { reduced: 2, ..layer };
    let theirs: Vec<Vec<f32>> = [16, 2, 16, 8].into_iter().map(map).collect();
    let kept = other.forward(mean, &squeeze_params(&theirs));
    refused("kept", || layer.backward(&y, &right, &kept, &y));
}

/// Tensors of a block: those of both versions before the second dense layer, that layer's, the factor.
fn convnext_tensors(block: &ConvNextBlock) -> Vec<Vec<f32>> {
    let (c, hidden, kernel) = (block.depthwise.channels, block.hidden, block.depthwise.kernel);
    let lengths = [c * kernel * kernel, c, c, c, c * hidden, hidden, c * hidden, c, hidden, hidden, c];
    lengths.into_iter().map(map).collect()
}

fn convnext_params(t: &[Vec<f32>], second: bool) -> ConvNextParams<'_> {
    ConvNextParams {
        depthwise_weight: &t[0],
        depthwise_bias: &t[1],
        norm_weight: &t[2],
        norm_bias: &t[3],
        expand_weight: &t[4],
        expand_bias: &t[5],
        project_weight: &t[6],
        project_bias: &t[7],
        response: second.then_some(ResponseNorm { weight: &t[8], bias: &t[9], eps: 1e-3 }),
        scale: (!second).then_some(&t[10]),
    }
}

fn convnext(channels: usize, hidden: usize, kernel: usize) -> ConvNextBlock {
    let [batch, height, width] = SIZE;
    let pad = Pad::all(kernel / 2);
    let depthwise = Depthwise { batch, height, width, channels, kernel, stride: 1, pad };
    ConvNextBlock { depthwise, hidden, eps: 1e-3 }
}

#[test]
fn convnext_blocks_refuse_what_does_not_fit() {
    fn run<E: Element>(second: bool) {
        let (block, workspace) = (convnext(8, 32, 7), Workspace::default());
        let tensors = convnext_tensors(&block);
        let right = convnext_params(&tensors, second);
        let (x, y) = (map::<E>(block.len()), map::<E>(block.len()));
        let forward =
            |block: &ConvNextBlock, params: &ConvNextParams, x: &[E], mask: Option<&[f32]>, y: &mut [E]| {
                block.forward(&ConvNextInput { x, params, drop_path_mask: mask, workspace: &workspace }, y)
            };
        let kept = || forward(&block, &right, &x, None, &mut y.clone());
        let backward = |block: &ConvNextBlock, params: &ConvNextParams, x: &[E], dy: &[E], dx: &mut [E]| {
            let input = ConvNextInput { x, params, drop_path_mask: None, workspace: &workspace };
            drop(block.backward(ConvNextBackward { input, saved: kept(), dy, dx: Some(dx) }));
        };
        let mut dx = x.clone();
        backward(&block, &right, &x, &y, &mut dx);
        assert_finite("dx", &dx);
        let folded = block.fold::<E>(&right);
        let mut inferred = y.clone();
        block.infer(&x, &folded, &workspace, &mut inferred);
        assert_finite("y", &inferred);

        for wrong in wrong_lengths(&x) {
            refused("x", || forward(&block, &right, &wrong, None, &mut y.clone()));
            refused("y", || forward(&block, &right, &x, None, &mut wrong.clone()));
            refused("x", || backward(&block, &right, &wrong, &y, &mut x.clone()));
            refused("dy", || backward(&block, &right, &x, &wrong, &mut x.clone()));
            refused("dx", || backward(&block, &right, &x, &y, &mut wrong.clone()));
            refused("x", || block.infer(&wrong, &folded, &workspace, &mut y.clone()));
            refused("y", || block.infer(&x, &folded, &workspace, &mut wrong.clone()));
        }
        for mask in wrong_lengths(&[1.0, 0.0]) {
            refused("mask", || forward(&block, &right, &x, Some(&mask), &mut y.clone()));
        }
        let read = if second { 0..10 } else { 0..8 };
        for i in read.chain((!second).then_some(10)) {
            for wrong in wrong_lengths(&tensors[i]) {
                let mut theirs = tensors.clone();
                theirs[i] = wrong;
                let wrong = convnext_params(&theirs, second);
                refused("tensor", || forward(&block, &wrong, &x, None, &mut y.clone()));
                refused("tensor", || backward(&block, &wrong, &x, &y, &mut x.clone()));
                refused("tensor", || block.fold::<E>(&wrong));
            }
        }
        let other_version = convnext_params(&tensors, !second);
        refused("kept maps", || backward(&block, &other_version, &x, &y, &mut x.clone()));
        for other in [convnext(8, 16, 7), convnext(4, 32, 7), convnext(8, 32, 5), convnext(16, 64, 7)] {
            let theirs = convnext_tensors(&other);
            let params = convnext_params(&theirs, second);
            refused("folded", || block.infer(&x, &other.fold(&params), &workspace, &mut y.clone()));
            refused("parameters", || forward(&block, &params, &x, None, &mut y.clone()));
            if (other.hidden, other.depthwise.channels) != (block.hidden, block.depthwise.channels) {
                let x = map::<E>(other.len());
                refused("kept", || backward(&other, &params, &x, &x, &mut x.clone()));
            }
        }
        let fields: [fn(&mut ConvNextBlock) -> &mut usize; 9] = [
            |b| &mut b.hidden,
            |b| &mut b.depthwise.batch,
            |b| &mut b.depthwise.height,
            |b| &mut b.depthwise.channels,
            |b| &mut b.depthwise.kernel,
            |b| &mut b.depthwise.stride,
            |b| &mut b.depthwise.pad.top,
            |b| &mut b.depthwise.pad.left,
            |b| &mut b.depthwise.pad.right,
        ];
        for wrong in wrong_shapes(block, &fields) {
            let name = format!("{wrong:?}");
            refused(&name, || forward(&wrong, &right, &x, None, &mut y.clone()));
            refused(&name, || backward(&wrong, &right, &x, &y, &mut x.clone()));
            refused(&name, || wrong.infer(&x, &folded, &workspace, &mut y.clone()));
        }
        refused("len", || {
            ConvNextBlock { depthwise: Depthwise { batch: 1 << 62, ..block.depthwise }, ..block }.len()
        });
    }
    for second in [false, true] {
        run::<f32>(second);
        run::<bf16>(second);
    }
}
