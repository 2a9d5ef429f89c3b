//! `ConvNeXt` on the CPU: its blocks, and the layer normalisations between them.

use std::marker::PhantomData;
use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::{DType, Shape, Tensor};
use hema_kernels as kernels;
use kernels::{MixerParams, MixerSaved, RowStats, bf16};

use super::super::blocks::ConvNextBlock;
use super::super::layers::LayerNorm;
use super::super::pass::Pass;
use super::super::precision::Precision;
use super::{
    Buffer, OF_LAYER, Parameter, Plain, Saved, Stored, Tracked, WORKSPACE, keep_or_recycle, register, split,
    tracked, unshared,
};

/// The block as one kernel; `None` where the tensors are not on the CPU or the kernel cannot do it.
pub(crate) fn convnext_block(
    x: &Tensor<4>,
    layers: &ConvNextBlock,
    keep: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    match pass.precision() {
        Precision::Fp32 => run::<f32>(x, layers, keep, pass),
        Precision::Bf16 => run::<bf16>(x, layers, keep, pass),
    }
}

fn run<E: Stored>(
    x: &Tensor<4>,
    layers: &ConvNextBlock,
    keep: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let kernel = kernel(x.dims(), layers)?;
    let x = if x.dtype() == E::DTYPE.into() { x.clone() } else { x.clone().cast(E::DTYPE) };
    if pass.is_training() && x.is_autodiff() {
        return train::<E>(kernel, x, layers, keep, pass);
    }
    let input = Plain.take(x.clone())?;
    let fold = || {
        let buffers = parameters(layers, &Plain)?;
        Some(kernel.fold::<E>(&params(&buffers, response_eps(layers))))
    };
    let folded = pass.prepared().get(layers.depthwise.weight.id, pass.precision(), fold)?;
    let mut y = WORKSPACE.take::<E>(kernel.len());
    kernel.infer(E::values(&input), &folded, &WORKSPACE, &mut y);
    let y = Tensor::from_primitive::<Flex>(E::buffer(y, x.shape()));
    Some(if x.is_autodiff() { Tensor::from_inner(y) } else { y })
}

fn kernel([batch, height, width, channels]: [usize; 4], layers: &ConvNextBlock) -> Option<kernels::Mixer> {
    let conv = layers.depthwise;
    let [_, _, kernel, _] = conv.weight.dims();
    let (before, after) = conv.padding.amount(height, kernel, conv.stride);
    let supported = [3, 5, 7].contains(&kernel)
        && conv.stride == 1
        && conv.groups == channels
        && before == after
        && before == kernel / 2;
    let pad = kernels::Pad::all(kernel / 2);
    let depthwise = kernels::Depthwise { batch, height, width, channels, kernel, stride: 1, pad };
    let hidden = layers.expand.weight_and_bias().0.dims()[0];
    supported.then_some(kernels::Mixer { depthwise, hidden, eps: layers.norm.eps as f32 })
}

fn response_eps(layers: &ConvNextBlock) -> Option<f32> {
    layers.response.map(|response| response.eps as f32)
}

/// The parameters as `f(tensor)`, in the kernel's order.
fn parameters<T>(layers: &ConvNextBlock, f: &impl Parameter<T>) -> Option<Vec<T>> {
    let (expand, expand_bias) = layers.expand.weight_and_bias();
    let (project, project_bias) = layers.project.weight_and_bias();
    let mut all = vec![
        f.take(layers.depthwise.weight.val())?,
        f.take(layers.depthwise.bias.as_ref()?.val())?,
        f.take(layers.norm.weight.val())?,
        f.take(layers.norm.bias.val())?,
        f.take(expand)?,
        f.take(expand_bias?)?,
    ];
    if let Some(response) = layers.response {
        all.extend([f.take(response.weight.val())?, f.take(response.bias.val())?]);
    }
    all.extend([f.take(project)?, f.take(project_bias?)?]);
    if let Some(scale) = layers.scale {
        all.push(f.take(scale.val())?);
    }
    Some(all)
}

/// With a response normalisation where there is an epsilon for it, and factors where buffers are left.
fn params(buffers: &[Buffer], response_eps: Option<f32>) -> MixerParams<'_> {
    let at = |i: usize| f32::values(&buffers[i]);
    let (response, rest) = match response_eps {
        Some(eps) => (Some(kernels::ResponseNorm { weight: at(6), bias: at(7), eps }), 8),
        None => (None, 6),
    };
    MixerParams {
        depthwise_weight: at(0),
        depthwise_bias: at(1),
        norm_weight: at(2),
        norm_bias: at(3),
        expand_weight: at(4),
        expand_bias: at(5),
        response,
        project_weight: at(rest),
        project_bias: at(rest + 1),
        scale: buffers.get(rest + 2).map(f32::values),
    }
}

fn train<E: Stored>(
    kernel: kernels::Mixer,
    x: Tensor<4>,
    layers: &ConvNextBlock,
    keep: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let mut tensors = vec![Tracked.take(x)?];
    tensors.extend(parameters(layers, &Tracked)?);
    let (buffers, shapes, guards) = split(tensors);
    let response_eps = response_eps(layers);
    let given = params(&buffers[1..], response_eps);
    let mut y = WORKSPACE.take::<E>(kernel.len());
    let saved = kernel.forward(E::values(&buffers[0]), &given, keep, &WORKSPACE, &mut y);
    let y = E::buffer(y, shapes[0].clone());
    let state = MixerState {
        kernel,
        response_eps,
        buffers,
        shapes,
        keep: keep.map(|keep| Arc::new(keep.to_vec())),
        saved: keep_or_recycle(saved, pass, MixerSaved::recycle),
    };
    let backward = MixerBackward::<E>(PhantomData);
    // of the first version and of the second
    tracked(match guards.len() {
        10 => register::<_, _, 10>(backward, guards, state, y),
        11 => register::<_, _, 11>(backward, guards, state, y),
        _ => None,
    })
}

/// What the backward pass of a block needs of the forward pass.
#[derive(Clone, Debug)]
struct MixerState<E> {
    kernel: kernels::Mixer,
    response_eps: Option<f32>,
    /// The input and the parameters.
    buffers: Vec<Buffer>,
    shapes: Vec<Shape>,
    keep: Option<Arc<Vec<f32>>>,
    saved: Saved<MixerSaved<E>>,
}

#[derive(Debug)]
struct MixerBackward<E>(PhantomData<E>);

impl<E: Stored, const N: usize> Backward<Flex, N> for MixerBackward<E> {
    type State = MixerState<E>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let MixerState { kernel, response_eps, buffers, shapes, keep, saved } = ops.state;
        let params = params(&buffers[1..], response_eps);
        let gradient = grads.consume::<Flex>(&ops.node).to_contiguous();
        let keep = keep.as_deref().map(Vec::as_slice);
        let compute_again = || {
            let mut y = WORKSPACE.take::<E>(kernel.len());
            let saved = kernel.forward(E::values(&buffers[0]), &params, keep, &WORKSPACE, &mut y);
            WORKSPACE.give(y);
            saved
        };
        let taken = saved.lock().ok().and_then(|mut saved| saved.take());
        let saved = taken.unwrap_or_else(compute_again);
        let mut dx = ops.parents[0].as_ref().map(|_| WORKSPACE.take::<E>(kernel.len()));
        let found = kernel.backward(
            E::values(&buffers[0]),
            &params,
            keep,
            saved,
            E::values(&gradient),
            &WORKSPACE,
            dx.as_deref_mut(),
        );
        let mut targets = ops.parents.into_iter().zip(shapes);
        if let (Some((Some(parent), shape)), Some(dx)) = (targets.next(), dx) {
            grads.register::<Flex>(parent.id, E::buffer(dx, shape));
        }
        for ((parent, shape), gradient) in targets.zip(found.0) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, f32::buffer(gradient, shape));
            }
        }
    }
}

/// A layer normalisation of a map, in the precision of its input.
pub(crate) fn layer_norm(x: &Tensor<4>, layer: &LayerNorm) -> Option<Tensor<4>> {
    match x.dtype() {
        DType::F32 => layer_norm_of::<f32>(x, layer),
        DType::BF16 => layer_norm_of::<bf16>(x, layer),
        _ => None,
    }
}

fn layer_norm_of<E: Stored>(x: &Tensor<4>, layer: &LayerNorm) -> Option<Tensor<4>> {
    let (weight, bias, eps) = (layer.weight.val(), layer.bias.val(), layer.eps as f32);
    let forward = |x: &Buffer, weight: &Buffer, bias: &Buffer, shape: Shape| {
        let norm = kernels::LayerNorm { weight: f32::values(weight), bias: f32::values(bias), eps };
        let mut y = WORKSPACE.take::<E>(E::values(x).len());
        let stats = norm.forward(E::values(x), &mut y);
        (E::buffer(y, shape), stats)
    };
    if !x.is_autodiff() {
        let (buffer, weight, bias) = (Plain.take(x.clone())?, Plain.take(weight)?, Plain.take(bias)?);
        return Some(Tensor::from_primitive::<Flex>(forward(&buffer, &weight, &bias, x.shape()).0));
    }
    let (buffers, shapes, guards) =
        split(vec![Tracked.take(x.clone())?, Tracked.take(weight)?, Tracked.take(bias)?]);
    let (y, stats) = forward(&buffers[0], &buffers[1], &buffers[2], x.shape());
    let state = NormState { buffers, shapes, eps, stats: Arc::new(stats) };
    tracked(register::<_, _, OF_LAYER>(NormBackward::<E>(PhantomData), guards, state, y))
}

#[derive(Clone, Debug)]
struct NormState {
    buffers: Vec<Buffer>,
    shapes: Vec<Shape>,
    eps: f32,
    stats: Arc<Vec<RowStats>>,
}

#[derive(Debug)]
struct NormBackward<E>(PhantomData<E>);

impl<E: Stored> Backward<Flex, OF_LAYER> for NormBackward<E> {
    type State = NormState;

    fn backward(self, ops: Ops<NormState, OF_LAYER>, grads: &mut Gradients, _: &mut Checkpointer) {
        let NormState { buffers, shapes, eps, stats } = ops.state;
        let mut gradient = unshared::<E>(grads.consume::<Flex>(&ops.node));
        let d = E::values_mut(&mut gradient).expect("nobody else has it");
        let norm =
            kernels::LayerNorm { weight: f32::values(&buffers[1]), bias: f32::values(&buffers[2]), eps };
        let found = norm.backward(E::values(&buffers[0]), &stats, d);
        let mut targets = ops.parents.into_iter().zip(shapes);
        if let Some((Some(parent), _)) = targets.next() {
            grads.register::<Flex>(parent.id, gradient);
        }
        for ((parent, shape), gradient) in targets.zip([found.weight, found.bias]) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, f32::buffer(gradient, shape));
            }
        }
    }
}
