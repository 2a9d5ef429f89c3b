//! A convolution with bias, and an activation, on the CPU: what networks without normalisation are made of,
//! and what stands between the stages of `ConvNeXt`.

use std::marker::PhantomData;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::{DType, Shape, Tensor};
use hema_kernels as kernels;
use kernels::{Act, Filter, Map, bf16};

use super::super::activation::Activation;
use super::super::layers::Conv2d;
use super::buffer::{Buffer, Stored, WORKSPACE, unshared};
use super::graph::{OF_LAYER, Parameter, Plain, Tracked, register, register_gradients, split, tracked};
use super::shape::filter;

/// A dense convolution with bias, then nothing or a ReLU, in the precision of its input; `None` for what the
/// kernel cannot do.
pub(crate) fn conv_act(x: &Tensor<4>, layer: &Conv2d, act: Activation) -> Option<Tensor<4>> {
    let act = match act {
        Activation::Identity => Act::Identity,
        Activation::Relu => Act::Relu,
        _ => return None,
    };
    match x.dtype() {
        DType::F32 => run::<f32>(x, layer, act),
        DType::BF16 => run::<bf16>(x, layer, act),
        _ => None,
    }
}

fn run<E: Stored>(x: &Tensor<4>, layer: &Conv2d, act: Act) -> Option<Tensor<4>> {
    let [batch, height, width, _] = x.dims();
    let Filter::Dense(shape) = filter(layer, batch, height, width)? else { return None };
    let bias = layer.bias.as_ref()?.val();
    let output = [batch, shape.out_height(), shape.out_width(), shape.outputs];
    let forward = |x: &Buffer, weight: &Buffer, bias: &Buffer| {
        let mut y = WORKSPACE.take::<E>(shape.out_len());
        shape.forward(E::values(x), f32::values(weight), Some(f32::values(bias)), act, &mut y);
        E::buffer(y, output)
    };
    if !x.is_autodiff() {
        let (x, weight, bias) = (Plain.take(x.clone())?, Plain.take(layer.weight.val())?, Plain.take(bias)?);
        return Some(Tensor::from_primitive::<Flex>(forward(&x, &weight, &bias)));
    }
    let tensors = vec![Tracked.take(x.clone())?, Tracked.take(layer.weight.val())?, Tracked.take(bias)?];
    let (buffers, shapes, guards) = split(tensors);
    let y = forward(&buffers[0], &buffers[1], &buffers[2]);
    let rectified = (act == Act::Relu).then(|| y.clone());
    let state = State { shape, buffers, shapes, rectified };
    tracked(register::<_, _, OF_LAYER>(ConvBackward::<E>(PhantomData), guards, state, y))
}

#[derive(Clone, Debug)]
struct State {
    shape: kernels::Conv2d,
    /// The input, the weight and the bias.
    buffers: Vec<Buffer>,
    shapes: Vec<Shape>,
    /// The output, where a ReLU made it.
    rectified: Option<Buffer>,
}

#[derive(Debug)]
struct ConvBackward<E>(PhantomData<E>);

impl<E: Stored> Backward<Flex, OF_LAYER> for ConvBackward<E> {
    type State = State;

    fn backward(self, ops: Ops<State, OF_LAYER>, grads: &mut Gradients, _: &mut Checkpointer) {
        let State { shape, buffers, shapes, rectified } = ops.state;
        let mut gradient = unshared::<E>(grads.consume::<Flex>(&ops.node));
        let pixels = shape.out_height() * shape.out_width();
        let map = Map { batch: shape.batch, pixels, channels: shape.outputs };
        if let Some(y) = rectified {
            let d = E::values_mut(&mut gradient).expect("nobody else has it");
            map.keep_positive(E::values(&y), d);
        }
        let dy = E::values(&gradient);
        let parents = ops.parents.map(|parent| Some(parent?.id));
        let mut targets = parents.into_iter().zip(shapes);
        let mut wanted = || targets.next().filter(|(parent, _)| parent.is_some());
        if let Some(target) = wanted() {
            let mut dx = WORKSPACE.take::<E>(shape.in_len());
            shape.grad_input(dy, f32::values(&buffers[1]), &mut dx);
            register_gradients(grads, [target], [dx]);
        }
        if let Some(target) = wanted() {
            let mut dweight = vec![0.0; shape.weight_len()];
            shape.grad_weight(E::values(&buffers[0]), dy, &mut dweight);
            register_gradients(grads, [target], [dweight]);
        }
        if let Some(target) = wanted() {
            register_gradients(grads, [target], [map.sums(dy)]);
        }
    }
}
