//! A `ConvNeXt` block as one kernel.

use std::marker::PhantomData;
use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::{Shape, Tensor};
use hema_kernels as kernels;
use kernels::{ConvNextInput, ConvNextParams, ConvNextSaved, bf16};

use super::super::blocks::ConvNextBlock;
use super::super::pass::Pass;
use super::super::precision::Precision;
use super::buffer::{Buffer, Stored, WORKSPACE, constant, stored_as};
use super::graph::{
    Parameter, Plain, Saved, Tracked, keep_or_recycle, register, register_gradients, split, take_saved,
    tracked,
};

/// The block as one kernel; `None` where the tensors are not on the CPU or the kernel cannot do it.
pub(crate) fn convnext_block(
    x: &Tensor<4>,
    layers: &ConvNextBlock,
    drop_path_mask: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    match pass.precision() {
        Precision::Fp32 => run::<f32>(x, layers, drop_path_mask, pass),
        Precision::Bf16 => run::<bf16>(x, layers, drop_path_mask, pass),
    }
}

fn run<E: Stored>(
    x: &Tensor<4>,
    layers: &ConvNextBlock,
    drop_path_mask: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let block = block_of(x.dims(), layers)?;
    let x = stored_as::<E>(x);
    if pass.is_training() && x.is_autodiff() {
        return train::<E>(block, x, layers, drop_path_mask, pass);
    }
    let input = Plain.take(x.clone())?;
    let fold = || {
        let buffers = parameters(layers, &Plain)?;
        Some(block.fold::<E>(&params(&buffers, response_eps(layers))))
    };
    let folded = pass.prepared().get(layers.depthwise.weight.id, pass.precision(), fold)?;
    let mut y = WORKSPACE.take::<E>(block.len());
    block.infer(E::values(&input), &folded, &WORKSPACE, &mut y);
    Some(constant(E::buffer(y, x.shape()), &x))
}

/// The kernel of the block's shape; `None` where there is none.
fn block_of(
    [batch, height, width, channels]: [usize; 4],
    layers: &ConvNextBlock,
) -> Option<kernels::ConvNextBlock> {
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
    supported.then_some(kernels::ConvNextBlock { depthwise, hidden, eps: layers.norm.eps as f32 })
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

/// The parameters for the kernel: a response normalisation where there is an epsilon for it, factors where
/// buffers are left.
fn params(buffers: &[Buffer], response_eps: Option<f32>) -> ConvNextParams<'_> {
    let at = |i: usize| f32::values(&buffers[i]);
    let (response, rest) = match response_eps {
        Some(eps) => (Some(kernels::ResponseNorm { weight: at(6), bias: at(7), eps }), 8),
        None => (None, 6),
    };
    ConvNextParams {
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
    block: kernels::ConvNextBlock,
    x: Tensor<4>,
    layers: &ConvNextBlock,
    drop_path_mask: Option<&[f32]>,
    pass: &Pass,
) -> Option<Tensor<4>> {
    let mut tensors = vec![Tracked.take(x)?];
    tensors.extend(parameters(layers, &Tracked)?);
    let (buffers, shapes, guards) = split(tensors);
    let mut state = State::<E> {
        block,
        response_eps: response_eps(layers),
        buffers,
        shapes,
        drop_path_mask: drop_path_mask.map(|mask| Arc::new(mask.to_vec())),
        saved: Saved::default(),
    };
    let mut y = WORKSPACE.take::<E>(block.len());
    let saved = block.forward(&state.input(&state.params()), &mut y);
    state.saved = keep_or_recycle(saved, pass, ConvNextSaved::recycle);
    let y = E::buffer(y, state.shapes[0].clone());
    let backward = ConvNextBackward::<E>(PhantomData);
    // of the first version and of the second
    tracked(match guards.len() {
        10 => register::<_, _, 10>(backward, guards, state, y),
        11 => register::<_, _, 11>(backward, guards, state, y),
        _ => None,
    })
}

/// The part of a block's forward pass that its backward pass needs.
#[derive(Clone, Debug)]
struct State<E> {
    block: kernels::ConvNextBlock,
    response_eps: Option<f32>,
    /// The input and the parameters.
    buffers: Vec<Buffer>,
    shapes: Vec<Shape>,
    drop_path_mask: Option<Arc<Vec<f32>>>,
    saved: Saved<ConvNextSaved<E>>,
}

impl<E: Stored> State<E> {
    fn params(&self) -> ConvNextParams<'_> {
        params(&self.buffers[1..], self.response_eps)
    }

    /// The input of the kernel's passes.
    fn input<'a>(&'a self, params: &'a ConvNextParams<'a>) -> ConvNextInput<'a, E> {
        ConvNextInput {
            x: E::values(&self.buffers[0]),
            params,
            drop_path_mask: self.drop_path_mask.as_deref().map(Vec::as_slice),
            workspace: &WORKSPACE,
        }
    }

    /// The maps that the forward pass would have kept.
    fn compute_again(&self) -> ConvNextSaved<E> {
        let mut y = WORKSPACE.take::<E>(self.block.len());
        let saved = self.block.forward(&self.input(&self.params()), &mut y);
        WORKSPACE.give(y);
        saved
    }
}

#[derive(Debug)]
struct ConvNextBackward<E>(PhantomData<E>);

impl<E: Stored, const N: usize> Backward<Flex, N> for ConvNextBackward<E> {
    type State = State<E>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let state = ops.state;
        let gradient = grads.consume::<Flex>(&ops.node).to_contiguous();
        let saved = take_saved(&state.saved).unwrap_or_else(|| state.compute_again());
        let mut dx = ops.parents[0].as_ref().map(|_| WORKSPACE.take::<E>(state.block.len()));
        let found = state.block.backward(kernels::ConvNextBackward {
            input: state.input(&state.params()),
            saved,
            dy: E::values(&gradient),
            dx: dx.as_deref_mut(),
        });
        let parents = ops.parents.map(|parent| Some(parent?.id));
        let mut targets = parents.into_iter().zip(state.shapes);
        register_gradients(grads, targets.by_ref().take(1), dx);
        register_gradients(grads, targets, found.0);
    }
}
