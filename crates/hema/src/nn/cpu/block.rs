//! A chain of normalised convolutions as one kernel.

use std::marker::PhantomData;
use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops};
use burn::tensor::{Device, Shape, Tensor, TensorData};
use hema_kernels as kernels;
use kernels::{Act, Block, BlockInput, BlockParams, BlockSaved, Filter, SqueezeParams, Stats, bf16};

use super::super::activation::Gate;
use super::super::blocks::{ConvBnAct, Residual};
use super::super::layers::SqueezeExcite;
use super::super::pass::Pass;
use super::super::precision::Precision;
use super::buffer::{Buffer, Stored, WORKSPACE, constant, recycle_map, stored_as, unshared};
use super::graph::{
    Parameter, Plain, Saved, Tracked, keep_or_recycle, register, register_gradients, take_saved, tracked,
};
use super::shape::{act, filter};

/// Parameters of a convolution with its normalisation: weight, scale, shift.
const PER_CONV: usize = 3;
/// Parameters of squeeze-and-excitation.
const OF_SQUEEZE: usize = 4;

/// A block's layers.
#[derive(Clone, Copy)]
struct Layers<'a> {
    convs: &'a [ConvBnAct<'a>],
    se: Option<&'a SqueezeExcite>,
    residual: Option<&'a Residual>,
}

/// The block as one kernel; `None` where the tensors are not on the CPU or the kernel cannot do it.
pub(crate) fn block(
    x: &Tensor<4>,
    convs: &[ConvBnAct],
    se: Option<&SqueezeExcite>,
    residual: Option<&Residual>,
    drop_path_mask: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let layers = Layers { convs, se, residual };
    let block = layers.block(x.dims())?;
    match pass.precision() {
        Precision::Fp32 => run::<f32>(block, x, layers, drop_path_mask, pass),
        Precision::Bf16 => run::<bf16>(block, x, layers, drop_path_mask, pass),
    }
}

fn run<E: Stored>(
    block: Block,
    x: &Tensor<4>,
    layers: Layers,
    drop_path_mask: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let other = layers.residual.and_then(|r| r.other.as_ref());
    let (x, other) = (stored_as::<E>(x), other.map(stored_as::<E>));
    if pass.is_training() && x.is_autodiff() {
        train::<E>(block, &x, layers, other, drop_path_mask, pass)
    } else {
        predict::<E>(&block, &x, layers, other, pass)
    }
}

impl Layers<'_> {
    /// The kernel of the block's shape.
    fn block(self, dims: [usize; 4]) -> Option<Block> {
        let Self { convs, se, residual } = self;
        // the longest chain is MBConv's; a gate stands between two convolutions
        if !(1 + usize::from(se.is_some())..=3).contains(&convs.len()) {
            return None;
        }
        let [batch, mut height, mut width, _] = dims;
        let mut chain = Vec::with_capacity(convs.len());
        for layer in convs {
            if layer.conv.bias.is_some() {
                return None;
            }
            let filter = filter(layer.conv, batch, height, width)?;
            [height, width] = out_size(&filter);
            chain.push(kernels::ConvBnAct { filter, act: act(layer.act)?, eps: layer.bn.eps as f32 });
        }
        let (reduced, between) = match se {
            Some(se) => (se.conv_reduce.weight.dims()[0], act(se.act)?),
            None => (0, Act::Identity),
        };
        let added = match residual {
            None => kernels::Residual::None,
            Some(Residual { other: None, .. }) => kernels::Residual::Input,
            Some(_) => kernels::Residual::Other,
        };
        let block = Block::chain(chain, reduced, between, added).with_gate(match se.map(|se| se.gate) {
            Some(Gate::HardSigmoid) => kernels::Gate::HardSigmoid,
            Some(Gate::Sigmoid) | None => kernels::Gate::Sigmoid,
        });
        Some(if residual.is_some_and(|r| r.relu) { block.with_relu() } else { block })
    }

    /// The tensors the block depends on besides its maps, as `f(tensor)`: three a convolution, then four of
    /// squeeze-and-excitation.
    fn parameters<T>(self, f: &impl Parameter<T>) -> Option<Vec<T>> {
        let mut all = Vec::with_capacity(PER_CONV * self.convs.len() + OF_SQUEEZE);
        for layer in self.convs {
            all.push(f.take(layer.conv.weight.val())?);
            all.push(f.take(layer.bn.weight.val())?);
            all.push(f.take(layer.bn.bias.val())?);
        }
        if let Some(se) = self.se {
            for conv in [&se.conv_reduce, &se.conv_expand] {
                all.push(f.take(conv.weight.val())?);
                all.push(f.take(conv.bias.as_ref()?.val())?);
            }
        }
        Some(all)
    }

    /// The shapes of [`Layers::parameters`].
    fn parameter_shapes(self) -> Vec<Shape> {
        let mut shapes = Vec::new();
        for layer in self.convs {
            shapes.extend([layer.conv.weight.shape(), layer.bn.weight.shape(), layer.bn.bias.shape()]);
        }
        for conv in self.se.iter().flat_map(|se| [&se.conv_reduce, &se.conv_expand]) {
            shapes.push(conv.weight.shape());
            shapes.extend(conv.bias.as_ref().map(|bias| bias.shape()));
        }
        shapes
    }

    /// Moves the running statistics towards the batch's, where these are in use.
    fn update_statistics<E>(
        self,
        saved: &BlockSaved<E>,
        fixed: &[Option<Stats>],
        device: &Device,
        pass: &Pass,
    ) {
        let moved = self.convs.iter().zip(&saved.convs).zip(fixed).filter(|(_, fixed)| fixed.is_none());
        for ((layer, saved), _) in moved {
            let channels = saved.stats.mean.len();
            let tensor = |v: &[f32]| Tensor::from_data(TensorData::new(v.to_vec(), [channels]), device);
            let count = saved.pre.len() / channels;
            layer.bn.update(tensor(&saved.stats.mean), tensor(&saved.stats.var), count, pass);
        }
    }
}

fn out_size(filter: &Filter) -> [usize; 2] {
    match filter {
        Filter::Dense(c) => [c.out_height(), c.out_width()],
        Filter::Depthwise(d) => [d.out_height(), d.out_width()],
    }
}

fn output_shape(block: &Block, batch: usize) -> [usize; 4] {
    let last = block.convs()[block.convs().len() - 1].filter;
    let [height, width] = out_size(&last);
    [batch, height, width, last.outputs()]
}

/// The parameters for the kernel; `fixed` holds the statistics of frozen normalisations, one entry a
/// convolution.
fn params<'a>(block: &Block, buffers: &'a [Buffer], fixed: &'a [Option<Stats>]) -> BlockParams<'a> {
    let (convs, squeeze) = buffers.split_at(PER_CONV * block.convs().len());
    let conv = |(p, fixed): (&'a [Buffer], &'a Option<Stats>)| kernels::ConvBnActParams {
        weight: f32::values(&p[0]),
        gamma: f32::values(&p[1]),
        beta: f32::values(&p[2]),
        fixed: fixed.as_ref(),
    };
    BlockParams {
        convs: convs.chunks_exact(PER_CONV).zip(fixed).map(conv).collect(),
        squeeze: block.squeeze().map(|_| SqueezeParams {
            reduce_weight: f32::values(&squeeze[0]),
            reduce_bias: f32::values(&squeeze[1]),
            expand_weight: f32::values(&squeeze[2]),
            expand_bias: f32::values(&squeeze[3]),
        }),
    }
}

/// The pass of a prediction, with normalisations folded into the convolutions.
fn predict<E: Stored>(
    block: &Block,
    x: &Tensor<4>,
    layers: Layers,
    other: Option<Tensor<4>>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let input = Plain.take(x.clone())?;
    let other = match other {
        Some(other) => Some(Plain.take(other)?),
        None => None,
    };
    let fold = || {
        let buffers = layers.parameters(&Plain)?;
        let statistics: Vec<Stats> = layers.convs.iter().map(running_statistics).collect();
        let of_batch = vec![None; layers.convs.len()];
        Some(block.fold::<E>(&params(block, &buffers, &of_batch), &statistics))
    };
    let folded = pass.prepared().get(layers.convs[0].conv.weight.id, pass.precision(), fold)?;
    let mut y = WORKSPACE.take::<E>(block.out_len());
    block.infer(E::values(&input), other.as_ref().map(E::values), &folded, &WORKSPACE, &mut y);
    Some(constant(E::buffer(y, output_shape(block, x.dims()[0])), x))
}

fn running_statistics(layer: &ConvBnAct) -> Stats {
    let of = |state: Tensor<1>| state.into_data().iter::<f32>().collect();
    Stats { mean: of(layer.bn.running_mean.value_sync()), var: of(layer.bn.running_var.value_sync()) }
}

/// The training pass, registered with autodiff.
fn train<E: Stored>(
    block: Block,
    x: &Tensor<4>,
    layers: Layers,
    other: Option<Tensor<4>>,
    drop_path_mask: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let (mut state, guards) = State::<E>::new(block, x, layers, other, drop_path_mask, pass)?;
    let mut y = WORKSPACE.take::<E>(state.block.out_len());
    let saved = state.forward(&mut y);
    layers.update_statistics(&saved, &state.fixed, &x.device(), pass);
    state.saved = keep_or_recycle(saved, pass, BlockSaved::recycle);
    if !pass.recomputes() {
        state.other = None;
    }
    let y = E::buffer(y, output_shape(&state.block, x.dims()[0]));
    state.y = state.block.rectifies().then(|| y.clone());
    let backward = BlockBackward::<E>(PhantomData);
    // the number of tensors is part of Burn's type of an operation; every one that `Layers::block` lets
    // through has a line
    tracked(match guards.len() {
        4 => register::<_, _, 4>(backward, guards, state, y),
        5 => register::<_, _, 5>(backward, guards, state, y),
        7 => register::<_, _, 7>(backward, guards, state, y),
        8 => register::<_, _, 8>(backward, guards, state, y),
        10 => register::<_, _, 10>(backward, guards, state, y),
        11 => register::<_, _, 11>(backward, guards, state, y),
        12 => register::<_, _, 12>(backward, guards, state, y),
        14 => register::<_, _, 14>(backward, guards, state, y),
        15 => register::<_, _, 15>(backward, guards, state, y),
        _ => None,
    })
}

/// The part of a forward pass that the backward pass needs.
#[derive(Clone, Debug)]
struct State<E> {
    block: Block,
    /// How many of the tensors are maps: the input, and perhaps the other one that is added.
    maps: usize,
    x: Buffer,
    /// The output, where the kernel wants it again.
    y: Option<Buffer>,
    /// The other map, where the forward pass is to be computed again.
    other: Option<Buffer>,
    params: Vec<Buffer>,
    fixed: Vec<Option<Stats>>,
    /// Shapes of the maps and of every parameter.
    shapes: Vec<Shape>,
    drop_path_mask: Option<Arc<Vec<f32>>>,
    saved: Saved<BlockSaved<E>>,
}

impl<E: Stored> State<E> {
    /// The state before the forward pass, and the tensors' places in the graph.
    fn new(
        block: Block,
        x: &Tensor<4>,
        layers: Layers,
        other: Option<Tensor<4>>,
        drop_path_mask: Option<&[f32]>,
        pass: &Pass,
    ) -> Option<(Self, Vec<NodeGuard>)> {
        let mut tensors = vec![Tracked.take(x.clone())?];
        let mut shapes = vec![x.shape()];
        if let Some(other) = other {
            shapes.push(other.shape());
            tensors.push(Tracked.take(other)?);
        }
        let maps = tensors.len();
        tensors.extend(layers.parameters(&Tracked)?);
        shapes.extend(layers.parameter_shapes());
        let (mut buffers, guards): (Vec<Buffer>, Vec<NodeGuard>) = tensors.into_iter().unzip();
        let params = buffers.split_off(maps);
        let frozen = |layer: &ConvBnAct| !layer.bn.uses_batch_statistics(pass);
        let state = Self {
            block,
            maps,
            y: None,
            other: (maps == 2).then(|| buffers.remove(1)),
            x: buffers.remove(0),
            params,
            fixed: layers.convs.iter().map(|c| frozen(c).then(|| running_statistics(c))).collect(),
            shapes,
            drop_path_mask: drop_path_mask.map(|mask| Arc::new(mask.to_vec())),
            saved: Saved::default(),
        };
        Some((state, guards))
    }

    /// The input of the kernel's passes.
    fn input<'a>(&'a self, params: &'a BlockParams<'a>) -> BlockInput<'a, E> {
        BlockInput {
            x: E::values(&self.x),
            shortcut: self.other.as_ref().map(E::values),
            params,
            drop_path_mask: self.drop_path_mask.as_deref().map(Vec::as_slice),
            workspace: &WORKSPACE,
        }
    }

    fn forward(&self, y: &mut [E]) -> BlockSaved<E> {
        let params = params(&self.block, &self.params, &self.fixed);
        self.block.forward(&self.input(&params), y)
    }

    /// The maps that the forward pass would have kept.
    fn compute_again(&self) -> BlockSaved<E> {
        let mut y = WORKSPACE.take::<E>(self.block.out_len());
        let saved = self.forward(&mut y);
        WORKSPACE.give(y);
        saved
    }
}

#[derive(Debug)]
struct BlockBackward<E>(PhantomData<E>);

impl<E: Stored, const N: usize> Backward<Flex, N> for BlockBackward<E> {
    type State = State<E>;

    fn backward(self, ops: Ops<State<E>, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let state = ops.state;
        // the kernel works in the gradient's own memory
        let mut gradient = unshared::<E>(grads.consume::<Flex>(&ops.node));
        let saved = take_saved(&state.saved).unwrap_or_else(|| state.compute_again());
        let mut dx = ops.parents[0].as_ref().map(|_| WORKSPACE.take::<E>(state.block.in_len()));
        let other = ops.parents[..state.maps].get(1).and_then(Option::as_ref);
        let mut dother = other.map(|_| WORKSPACE.take::<E>(state.block.out_len()));
        let found = state.block.backward(kernels::BlockBackward {
            input: state.input(&params(&state.block, &state.params, &state.fixed)),
            y: state.y.as_ref().map_or(&[], E::values),
            saved,
            d: E::values_mut(&mut gradient).expect("nobody else has it"),
            dx: dx.as_deref_mut(),
            dshortcut: dother.as_deref_mut(),
        });
        // the block's input and the gradient of its output end here; the next step wants buffers just as long
        recycle_map::<E>(gradient);
        recycle_map::<E>(state.x);
        let parents = ops.parents.map(|parent| Some(parent?.id));
        let mut targets = parents.into_iter().zip(state.shapes);
        for (map, gradient) in targets.by_ref().take(state.maps).zip([dx, dother]) {
            register_gradients(grads, [map], gradient);
        }
        let of_convs = found.convs.into_iter().flat_map(|g| [g.weight, g.gamma, g.beta]);
        let of_squeeze = found
            .squeeze
            .into_iter()
            .flat_map(|g| [g.reduce_weight, g.reduce_bias, g.expand_weight, g.expand_bias]);
        register_gradients(grads, targets, of_convs.chain(of_squeeze));
    }
}
