//! Blocks on the CPU: one call of a fused kernel forward, one backward, as a custom operation of Burn's autodiff.
//!
//! The kernels take what Burn's `Flex` back-end holds, contiguous `f32` buffers, so nothing is copied on the way in. What
//! a kernel cannot do (an activation or a kind of convolution it lacks) is left to the composition.

mod conv;
mod mixer;
mod pool;

use std::marker::PhantomData;
use std::sync::{Arc, LazyLock, Mutex};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, FlexDevice};
use burn::tensor::{Device, FloatDType, Shape, Tensor, TensorData};
use hema_kernels as kernels;
use kernels::{
    Act, Block, BlockParams, BlockSaved, Filter, Pad, SqueezeParams, Stats, UnitParams, Workspace, bf16,
};

use super::activation::{Activation, Gate};
use super::blocks::{ConvBnAct as Unit, Residual};
use super::layers::{Conv2d, SqueezeExcite};
use super::pass::Pass;
use super::precision::Precision;
use crate::device;

pub(super) use conv::conv_act;
pub(super) use mixer::{convnext_block, layer_norm};
pub(super) use pool::{global_average_pool, max_pool};

/// A buffer on the CPU.
pub(crate) type Buffer = FloatTensor<Flex>;

/// What maps are stored in, for the kernels and for Burn.
pub(crate) trait Stored: kernels::Element {
    const DTYPE: FloatDType;
    /// The values of a contiguous buffer of this type.
    fn values(buffer: &Buffer) -> &[Self];
    /// The same to write to, where nobody else has the buffer.
    fn values_mut(buffer: &mut Buffer) -> Option<&mut [Self]>;
    fn buffer(values: Vec<Self>, shape: impl Into<Shape>) -> Buffer;
    /// The memory of a buffer that nobody else has.
    fn reclaim(buffer: Buffer) -> Option<Vec<Self>>;
}

macro_rules! stored {
    ($type:ty, $dtype:ident) => {
        impl Stored for $type {
            const DTYPE: FloatDType = FloatDType::$dtype;

            fn values(buffer: &Buffer) -> &[Self] {
                buffer.as_slice::<Self>().expect("made contiguous, and of this type, when it was taken")
            }
            fn values_mut(buffer: &mut Buffer) -> Option<&mut [Self]> {
                buffer.try_storage_mut::<Self>()
            }
            fn buffer(values: Vec<Self>, shape: impl Into<Shape>) -> Buffer {
                Flex::float_from_data(TensorData::new(values, shape), &FlexDevice)
            }
            fn reclaim(buffer: Buffer) -> Option<Vec<Self>> {
                if buffer.is_unique() { buffer.into_data().try_into_vec().ok() } else { None }
            }
        }
    };
}
stored!(f32, F32);
stored!(bf16, BF16);

/// Buffers that live through a step are used again in the next one.
static WORKSPACE: LazyLock<Workspace> = LazyLock::new(Workspace::default);

/// Runs a step, on the CPU with all threads of the pool at hand ([`kernels::step`]). On a graphics card it runs here: Burn gives
/// each thread a queue of its own there, and tensors that pass from one to the other are waited for.
pub fn on_pool<T: Send>(device: &Device, f: impl FnOnce() -> T + Send) -> T {
    if device::is_cpu(device) { kernels::step(f) } else { f() }
}

/// Of so many images the prediction is short: handing it over to another thread would be 1 % of it or more.
const FEW: usize = 8;

/// Predicts that many images: a few of them on this thread, which leads the pool's ([`kernels::step_here`]), more of them as
/// [`on_pool`], where the images of the next batch are made between two steps.
pub fn predicting<T: Send>(device: &Device, images: usize, f: impl FnOnce() -> T + Send) -> T {
    if device::is_cpu(device) && images <= FEW { kernels::step_here(f) } else { on_pool(device, f) }
}

/// Lets a later step use the memory of a tensor that is done with, if nobody else has it.
pub(crate) fn recycle(buffer: Buffer) {
    if let Some(values) = f32::reclaim(buffer) {
        WORKSPACE.give(values);
    }
}

/// Tensors that a convolution or a layer normalisation depends on: its input, weight and bias.
const OF_LAYER: usize = 3;
/// Parameters of a unit: weight, scale, shift.
const PER_UNIT: usize = 3;

/// The buffer, its values in order, or a copy of it where somebody else has it too.
fn unshared<E: Stored>(buffer: Buffer) -> Buffer {
    let ordered = buffer.to_contiguous();
    // or it would be the somebody
    drop(buffer);
    let mut buffer = ordered;
    if E::values_mut(&mut buffer).is_none() {
        let shape = buffer.layout().shape().clone();
        buffer = E::buffer(E::values(&buffer).to_vec(), shape);
    }
    buffer
}

/// The values in `bf16`, outside any graph.
pub(super) fn narrow(x: &Tensor<4>) -> Option<Tensor<4>> {
    let wide = Plain.take(x.clone())?;
    let mut values = WORKSPACE.take::<bf16>(x.shape().num_elements());
    kernels::narrow(f32::values(&wide), &mut values);
    let y = Tensor::from_primitive::<Flex>(bf16::buffer(values, x.shape()));
    Some(if x.is_autodiff() { Tensor::from_inner(y) } else { y })
}

/// The block as one kernel; `None` where the tensors are not on the CPU or the kernel cannot do it.
pub(super) fn block(
    x: &Tensor<4>,
    units: &[Unit],
    se: Option<&SqueezeExcite>,
    residual: Option<&Residual>,
    keep: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let kernel = kernel(x.dims(), units, se, residual)?;
    let other = residual.and_then(|r| r.other.as_ref());
    match pass.precision() {
        Precision::Fp32 => run::<f32>(kernel, x, units, se, other, keep, pass),
        Precision::Bf16 => run::<bf16>(kernel, x, units, se, other, keep, pass),
    }
}

fn run<E: Stored>(
    kernel: Block,
    x: &Tensor<4>,
    units: &[Unit],
    se: Option<&SqueezeExcite>,
    other: Option<&Tensor<4>>,
    keep: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let stored =
        |x: &Tensor<4>| if x.dtype() == E::DTYPE.into() { x.clone() } else { x.clone().cast(E::DTYPE) };
    let (x, other) = (stored(x), other.map(stored));
    if pass.is_training() && x.is_autodiff() {
        train::<E>(kernel, &x, units, se, other, keep, pass)
    } else {
        predict::<E>(&kernel, &x, units, se, other, pass)
    }
}

/// The kernel of a block's shape.
fn kernel(
    dims: [usize; 4],
    units: &[Unit],
    se: Option<&SqueezeExcite>,
    residual: Option<&Residual>,
) -> Option<Block> {
    // the longest chain is MBConv's; a gate stands between two units
    if !(1 + usize::from(se.is_some())..=3).contains(&units.len()) {
        return None;
    }
    let [batch, mut height, mut width, _] = dims;
    let mut chain = Vec::with_capacity(units.len());
    for unit in units {
        if unit.conv.bias.is_some() {
            return None;
        }
        let filter = filter(unit.conv, batch, height, width)?;
        (height, width) = match filter {
            Filter::Dense(c) => (c.out_height(), c.out_width()),
            Filter::Depthwise(d) => (d.out_height(), d.out_width()),
        };
        chain.push(kernels::Unit { filter, act: act(unit.act)?, eps: unit.bn.eps as f32 });
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

fn filter(conv: &Conv2d, batch: usize, height: usize, width: usize) -> Option<Filter> {
    let [outputs, inputs, kernel, _] = conv.weight.dims();
    let stride = conv.stride;
    let (top, bottom) = conv.padding.amount(height, kernel, stride);
    let (left, right) = conv.padding.amount(width, kernel, stride);
    let pad = Pad { top, left, bottom, right };
    if conv.groups == 1 {
        return Some(Filter::Dense(kernels::Conv2d {
            batch,
            height,
            width,
            inputs,
            outputs,
            kernel,
            stride,
            pad,
        }));
    }
    let supported = conv.groups == outputs && inputs == 1 && [3, 5, 7].contains(&kernel) && stride <= 2;
    supported.then_some(Filter::Depthwise(kernels::Depthwise {
        batch,
        height,
        width,
        channels: outputs,
        kernel,
        stride,
        pad,
    }))
}

fn act(activation: Activation) -> Option<Act> {
    match activation {
        Activation::Identity => Some(Act::Identity),
        Activation::Relu => Some(Act::Relu),
        Activation::Silu => Some(Act::Silu),
        Activation::Relu6 => Some(Act::Relu6),
        Activation::HardSwish => Some(Act::HardSwish),
        Activation::Elu | Activation::Gelu | Activation::LeakyRelu => None,
    }
}

/// The tensors a block depends on besides its input, as `f(tensor)`: three a unit, then four of squeeze-and-excitation.
fn parameters<T>(units: &[Unit], se: Option<&SqueezeExcite>, f: &impl Parameter<T>) -> Option<Vec<T>> {
    let mut all = Vec::with_capacity(PER_UNIT * units.len() + 4);
    for unit in units {
        all.push(f.take(unit.conv.weight.val())?);
        all.push(f.take(unit.bn.weight.val())?);
        all.push(f.take(unit.bn.bias.val())?);
    }
    if let Some(se) = se {
        for conv in [&se.conv_reduce, &se.conv_expand] {
            all.push(f.take(conv.weight.val())?);
            all.push(f.take(conv.bias.as_ref()?.val())?);
        }
    }
    Some(all)
}

/// How a parameter of any rank becomes a `T`.
pub(crate) trait Parameter<T> {
    fn take<const D: usize>(&self, tensor: Tensor<D>) -> Option<T>;
}

/// Plain buffers.
pub(crate) struct Plain;

impl Parameter<Buffer> for Plain {
    fn take<const D: usize>(&self, tensor: Tensor<D>) -> Option<Buffer> {
        Some(tensor.without_autodiff().try_into_primitive::<Flex>().ok()?.to_contiguous())
    }
}

/// Buffers with their place in the autodiff graph.
struct Tracked;

impl Parameter<(Buffer, NodeGuard)> for Tracked {
    fn take<const D: usize>(&self, tensor: Tensor<D>) -> Option<(Buffer, NodeGuard)> {
        let (buffer, guard) = tensor.try_into_primitive::<Autodiff<Flex>>().ok()?.into_parts();
        Some((buffer.to_contiguous(), guard))
    }
}

/// `fixed` holds the statistics of the units whose normalisation is frozen, one entry a unit.
fn params<'a>(kernel: &Block, buffers: &'a [Buffer], fixed: &'a [Option<Stats>]) -> BlockParams<'a> {
    let (units, squeeze) = buffers.split_at(PER_UNIT * kernel.units().len());
    let unit = |(p, fixed): (&'a [Buffer], &'a Option<Stats>)| UnitParams {
        weight: f32::values(&p[0]),
        gamma: f32::values(&p[1]),
        beta: f32::values(&p[2]),
        fixed: fixed.as_ref(),
    };
    BlockParams {
        units: units.chunks_exact(PER_UNIT).zip(fixed).map(unit).collect(),
        squeeze: kernel.squeeze().map(|_| SqueezeParams {
            reduce_weight: f32::values(&squeeze[0]),
            reduce_bias: f32::values(&squeeze[1]),
            expand_weight: f32::values(&squeeze[2]),
            expand_bias: f32::values(&squeeze[3]),
        }),
    }
}

fn output_shape(kernel: &Block, batch: usize) -> [usize; 4] {
    let last = kernel.units()[kernel.units().len() - 1].filter;
    let (height, width) = match last {
        Filter::Dense(c) => (c.out_height(), c.out_width()),
        Filter::Depthwise(d) => (d.out_height(), d.out_width()),
    };
    [batch, height, width, last.outputs()]
}

/// Normalisations folded into the convolutions.
fn predict<E: Stored>(
    kernel: &Block,
    x: &Tensor<4>,
    units: &[Unit],
    se: Option<&SqueezeExcite>,
    other: Option<Tensor<4>>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let input = Plain.take(x.clone())?;
    let other = match other {
        Some(other) => Some(Plain.take(other)?),
        None => None,
    };
    let fold = || {
        let buffers = parameters(units, se, &Plain)?;
        let statistics: Vec<Stats> = units.iter().map(running_statistics).collect();
        let of_batch = vec![None; units.len()];
        Some(kernel.fold::<E>(&params(kernel, &buffers, &of_batch), &statistics))
    };
    let folded = pass.prepared().get(units[0].conv.weight.id, pass.precision(), fold)?;
    let mut y = WORKSPACE.take::<E>(kernel.out_len());
    kernel.infer(E::values(&input), other.as_ref().map(E::values), &folded, &WORKSPACE, &mut y);
    let y = Tensor::from_primitive::<Flex>(E::buffer(y, output_shape(kernel, x.dims()[0])));
    Some(if x.is_autodiff() { Tensor::from_inner(y) } else { y })
}

fn running_statistics(unit: &Unit) -> Stats {
    let of = |state: Tensor<1>| state.into_data().iter::<f32>().collect();
    Stats { mean: of(unit.bn.running_mean.value_sync()), var: of(unit.bn.running_var.value_sync()) }
}

/// The training pass, registered with autodiff.
fn train<E: Stored>(
    kernel: Block,
    x: &Tensor<4>,
    units: &[Unit],
    se: Option<&SqueezeExcite>,
    other: Option<Tensor<4>>,
    keep: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let mut tensors = vec![Tracked.take(x.clone())?];
    let mut shapes = vec![x.shape()];
    if let Some(other) = other {
        shapes.push(other.shape());
        tensors.push(Tracked.take(other)?);
    }
    let maps = tensors.len();
    tensors.extend(parameters(units, se, &Tracked)?);
    shapes.extend(parameter_shapes(units, se));
    let (mut buffers, guards): (Vec<Buffer>, Vec<NodeGuard>) = tensors.into_iter().unzip();
    let other = (maps == 2).then(|| buffers.remove(1));
    let x_buffer = buffers.remove(0);
    let mut y = WORKSPACE.take::<E>(kernel.out_len());
    let fixed: Vec<Option<Stats>> =
        units.iter().map(|u| (!u.bn.uses_batch_statistics(pass)).then(|| running_statistics(u))).collect();
    let given = params(&kernel, &buffers, &fixed);
    let shortcut = other.as_ref().map(E::values);
    let saved = kernel.forward(E::values(&x_buffer), shortcut, &given, keep, &WORKSPACE, &mut y);
    let moved = units.iter().zip(&saved.units).zip(&fixed).filter(|(_, fixed)| fixed.is_none());
    for ((unit, saved), _) in moved {
        let channels = saved.stats.mean.len();
        let device = x.device();
        let tensor = |v: &[f32]| Tensor::from_data(TensorData::new(v.to_vec(), [channels]), &device);
        let count = saved.pre.len() / channels;
        unit.bn.update(tensor(&saved.stats.mean), tensor(&saved.stats.var), count, pass);
    }
    let saved = keep_or_recycle(saved, pass, BlockSaved::recycle);
    let y = E::buffer(y, output_shape(&kernel, x.dims()[0]));
    let state = State {
        maps,
        y: kernel.rectifies().then(|| y.clone()),
        x: x_buffer,
        other: if pass.recomputes() { other } else { None },
        params: buffers,
        fixed,
        shapes,
        keep: keep.map(|keep| Arc::new(keep.to_vec())),
        saved,
        kernel,
    };
    let backward = BlockBackward::<E>(PhantomData);
    // the number of tensors is part of Burn's type of an operation; every one that `kernel` lets through has a line
    let y = match guards.len() {
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
    }?;
    Some(Tensor::from_primitive::<Autodiff<Flex>>(y))
}

fn parameter_shapes(units: &[Unit], se: Option<&SqueezeExcite>) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for unit in units {
        shapes.extend([unit.conv.weight.shape(), unit.bn.weight.shape(), unit.bn.bias.shape()]);
    }
    for conv in se.iter().flat_map(|se| [&se.conv_reduce, &se.conv_expand]) {
        shapes.push(conv.weight.shape());
        shapes.extend(conv.bias.as_ref().map(|bias| bias.shape()));
    }
    shapes
}

/// What the backward pass needs of the forward pass.
#[derive(Clone, Debug)]
struct State<E> {
    kernel: Block,
    /// How many of the tensors are maps: the input, and perhaps the other one that is added.
    maps: usize,
    x: Buffer,
    /// The output, where the kernel wants it again.
    y: Option<Buffer>,
    /// The other map, where the forward pass is to be computed again.
    other: Option<Buffer>,
    params: Vec<Buffer>,
    fixed: Vec<Option<Stats>>,
    /// Of the maps and every parameter.
    shapes: Vec<Shape>,
    keep: Option<Arc<Vec<f32>>>,
    saved: Saved<BlockSaved<E>>,
}

impl<E: Stored> State<E> {
    /// What the forward pass has kept, or would have.
    fn compute_again(&self) -> BlockSaved<E> {
        let mut y = WORKSPACE.take::<E>(self.kernel.out_len());
        let other = self.other.as_ref().map(E::values);
        let params = params(&self.kernel, &self.params, &self.fixed);
        let keep = self.keep.as_deref().map(Vec::as_slice);
        let saved = self.kernel.forward(E::values(&self.x), other, &params, keep, &WORKSPACE, &mut y);
        WORKSPACE.give(y);
        saved
    }
}

/// What a forward pass keeps for the backward pass, which takes it: there is one. Nothing where it is computed again.
type Saved<S> = Arc<Mutex<Option<S>>>;

/// What a pass keeps.
fn keep_or_recycle<S>(saved: S, pass: &Pass, recycle: impl FnOnce(S, &Workspace)) -> Saved<S> {
    let kept = if pass.recomputes() {
        recycle(saved, &WORKSPACE);
        None
    } else {
        Some(saved)
    };
    Arc::new(Mutex::new(kept))
}

#[derive(Debug)]
struct BlockBackward<E>(PhantomData<E>);

type TrackedTensor = FloatTensor<Autodiff<Flex>>;

/// Registers an operation on `N` tensors, whose result is `y`, with autodiff; nothing where there are not `N` of them.
fn register<B, S, const N: usize>(
    backward: B,
    guards: impl TryInto<[NodeGuard; N]>,
    state: S,
    y: Buffer,
) -> Option<TrackedTensor>
where
    B: Backward<Flex, N, State = S>,
    S: Clone + Send + std::fmt::Debug + 'static,
{
    let prepared = backward.prepare::<NoCheckpointing>(guards.try_into().ok()?);
    Some(match prepared.compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, y),
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    })
}

/// Tensors' buffers, shapes and places in the graph.
fn split(tensors: Vec<(Buffer, NodeGuard)>) -> (Vec<Buffer>, Vec<Shape>, Vec<NodeGuard>) {
    let (buffers, guards): (Vec<Buffer>, Vec<NodeGuard>) = tensors.into_iter().unzip();
    let shapes = buffers.iter().map(|buffer| buffer.layout().shape().clone()).collect();
    (buffers, shapes, guards)
}

/// The result of an operation in its place in the graph.
fn tracked(y: Option<TrackedTensor>) -> Option<Tensor<4>> {
    y.map(Tensor::from_primitive::<Autodiff<Flex>>)
}

impl<E: Stored, const N: usize> Backward<Flex, N> for BlockBackward<E> {
    type State = State<E>;

    fn backward(self, ops: Ops<State<E>, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let state = ops.state;
        // the kernel works in the gradient's own memory
        let mut gradient = unshared::<E>(grads.consume::<Flex>(&ops.node));
        let taken = state.saved.lock().ok().and_then(|mut saved| saved.take());
        let saved = taken.unwrap_or_else(|| state.compute_again());
        let d = E::values_mut(&mut gradient).expect("nobody else has it");
        let mut dx = ops.parents[0].as_ref().map(|_| WORKSPACE.take::<E>(state.kernel.in_len()));
        let other = ops.parents[..state.maps].get(1).and_then(Option::as_ref);
        let mut dother = other.map(|_| WORKSPACE.take::<E>(state.kernel.out_len()));
        let found = state.kernel.backward(
            E::values(&state.x),
            state.y.as_ref().map_or(&[], E::values),
            &params(&state.kernel, &state.params, &state.fixed),
            state.keep.as_deref().map(Vec::as_slice),
            saved,
            d,
            &WORKSPACE,
            dx.as_deref_mut(),
            dother.as_deref_mut(),
        );
        // the block's input and the gradient of its output end here; the next step wants buffers just as long
        for done in [gradient, state.x] {
            if let Some(values) = E::reclaim(done) {
                WORKSPACE.give(values);
            }
        }
        let of_units = found.units.into_iter().flat_map(|g| [g.weight, g.gamma, g.beta]);
        let of_squeeze = found
            .squeeze
            .into_iter()
            .flat_map(|g| [g.reduce_weight, g.reduce_bias, g.expand_weight, g.expand_bias]);
        let mut targets = ops.parents.into_iter().zip(state.shapes);
        for (map, gradient) in targets.by_ref().take(state.maps).zip([dx, dother]) {
            if let ((Some(parent), shape), Some(gradient)) = (map, gradient) {
                grads.register::<Flex>(parent.id, E::buffer(gradient, shape));
            }
        }
        for ((parent, shape), gradient) in targets.zip(of_units.chain(of_squeeze)) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, f32::buffer(gradient, shape));
            }
        }
    }
}

#[cfg(test)]
mod tests;
