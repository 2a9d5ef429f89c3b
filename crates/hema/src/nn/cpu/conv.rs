//! A convolution with bias, and an activation, on the CPU: what networks without normalisation are made of, and what stands
//! between the stages of `ConvNeXt`.

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
use super::{
    Buffer, OF_LAYER, Parameter, Plain, Stored, Tracked, WORKSPACE, filter, register, split, tracked,
    unshared,
};

/// A dense convolution with bias, then nothing or a ReLU, in the precision of its input; `None` for what the kernel cannot do.
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
    let Filter::Dense(kernel) = filter(layer, batch, height, width)? else { return None };
    let bias = layer.bias.as_ref()?.val();
    let shape = [batch, kernel.out_height(), kernel.out_width(), kernel.outputs];
    let forward = |x: &Buffer, weight: &Buffer, bias: &Buffer| {
        let mut y = WORKSPACE.take::<E>(kernel.out_len());
        kernel.forward(E::values(x), f32::values(weight), Some(f32::values(bias)), act, &mut y);
        E::buffer(y, shape)
    };
    if !x.is_autodiff() {
        let (x, weight, bias) = (Plain.take(x.clone())?, Plain.take(layer.weight.val())?, Plain.take(bias)?);
        return Some(Tensor::from_primitive::<Flex>(forward(&x, &weight, &bias)));
    }
    let tensors = vec![Tracked.take(x.clone())?, Tracked.take(layer.weight.val())?, Tracked.take(bias)?];
    let (buffers, shapes, guards) = split(tensors);
    let y = forward(&buffers[0], &buffers[1], &buffers[2]);
    let rectified = (act == Act::Relu).then(|| y.clone());
    let state = State { kernel, buffers, shapes, rectified };
    tracked(register::<_, _, OF_LAYER>(ConvBackward::<E>(PhantomData), guards, state, y))
}

#[derive(Clone, Debug)]
struct State {
    kernel: kernels::Conv2d,
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
        let State { kernel, buffers, shapes, rectified } = ops.state;
        let mut gradient = unshared::<E>(grads.consume::<Flex>(&ops.node));
        let pixels = kernel.out_height() * kernel.out_width();
        let map = Map { batch: kernel.batch, pixels, channels: kernel.outputs };
        if let Some(y) = rectified {
            let d = E::values_mut(&mut gradient).expect("nobody else has it");
            map.keep_positive(E::values(&y), d);
        }
        let dy = E::values(&gradient);
        let [x, weight, bias] = ops.parents;
        let [of_x, of_weight, of_bias] = [0, 1, 2].map(|i| shapes[i].clone());
        if let Some(parent) = x {
            let mut dx = WORKSPACE.take::<E>(kernel.in_len());
            kernel.grad_input(dy, f32::values(&buffers[1]), &mut dx);
            grads.register::<Flex>(parent.id, E::buffer(dx, of_x));
        }
        if let Some(parent) = weight {
            let mut dweight = vec![0.0; kernel.weight_len()];
            kernel.grad_weight(E::values(&buffers[0]), dy, &mut dweight);
            grads.register::<Flex>(parent.id, f32::buffer(dweight, of_weight));
        }
        if let Some(parent) = bias {
            grads.register::<Flex>(parent.id, f32::buffer(map.sums(dy), of_bias));
        }
    }
}
