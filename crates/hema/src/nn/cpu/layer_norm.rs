//! Layer normalisation on the CPU, as it stands between the stages of `ConvNeXt`.

use std::marker::PhantomData;
use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::{DType, Shape, Tensor};
use hema_kernels as kernels;
use kernels::{RowStats, bf16};

use super::super::layers::LayerNorm;
use super::buffer::{Buffer, Stored, WORKSPACE, unshared};
use super::graph::{OF_LAYER, Parameter, Plain, Tracked, register, register_gradients, split, tracked};

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
        let parents = ops.parents.map(|parent| Some(parent?.id));
        let mut targets = parents.into_iter().zip(shapes);
        if let Some((Some(parent), _)) = targets.next() {
            grads.register::<Flex>(parent, gradient);
        }
        register_gradients(grads, targets, [found.weight, found.bias]);
    }
}
