//! Pooling on the CPU, in whatever precision the map is stored in.

use std::marker::PhantomData;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::{DType, Shape, Tensor};
use hema_kernels as kernels;
use kernels::{Pad, bf16};

use super::super::layers::Padding;
use super::buffer::{Buffer, Stored, WORKSPACE};
use super::graph::{Parameter, Plain, Tracked, register, register_gradients, tracked};

/// Mean over the pixels, `[n, h, w, c]` to `[n, c]`, in 32 bits whatever the map is stored in.
pub(crate) fn global_average_pool(x: &Tensor<4>) -> Option<Tensor<2>> {
    match x.dtype() {
        DType::F32 => pool::<f32>(x),
        DType::BF16 => pool::<bf16>(x),
        _ => None,
    }
}

fn pool<E: Stored>(x: &Tensor<4>) -> Option<Tensor<2>> {
    let [batch, height, width, channels] = x.dims();
    let map = kernels::Map { batch, pixels: height * width, channels };
    let mean = |x: &Buffer| {
        let mut y = vec![0.0; batch * channels];
        map.mean(E::values(x), &mut y);
        f32::buffer(y, [batch, channels])
    };
    if !x.is_autodiff() {
        return Some(Tensor::from_primitive::<Flex>(mean(&Plain.take(x.clone())?)));
    }
    let (buffer, guard) = Tracked.take(x.clone())?;
    let y = mean(&buffer);
    tracked(register(PoolBackward::<E>(PhantomData), [guard], (map, x.shape()), y))
}

#[derive(Debug)]
struct PoolBackward<E>(PhantomData<E>);

impl<E: Stored> Backward<Flex, 1> for PoolBackward<E> {
    type State = (kernels::Map, Shape);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (map, shape) = ops.state;
        let gradient = grads.consume::<Flex>(&ops.node).to_contiguous();
        if let [Some(parent)] = ops.parents {
            let mut dx = WORKSPACE.take::<E>(map.numel());
            map.mean_backward(f32::values(&gradient), &mut dx);
            register_gradients(grads, [(Some(parent.id), shape)], [dx]);
        }
    }
}

/// Maximum over windows of a map, which stays in the precision it is stored in.
pub(crate) fn max_pool(x: &Tensor<4>, kernel: usize, stride: usize, padding: Padding) -> Option<Tensor<4>> {
    let [batch, height, width, channels] = x.dims();
    let (top, bottom) = padding.amount(height, kernel, stride);
    let (left, right) = padding.amount(width, kernel, stride);
    let pad = Pad { top, left, bottom, right };
    let pool = kernels::MaxPool { batch, height, width, channels, kernel, stride, pad };
    match x.dtype() {
        DType::F32 => max_pool_of::<f32>(x, pool),
        DType::BF16 => max_pool_of::<bf16>(x, pool),
        _ => None,
    }
}

fn max_pool_of<E: Stored>(x: &Tensor<4>, pool: kernels::MaxPool) -> Option<Tensor<4>> {
    let run = |x: &Buffer, winners: usize| {
        let (mut y, mut winners) = (WORKSPACE.take::<E>(pool.out_len()), vec![0; winners]);
        pool.forward(E::values(x), &mut y, &mut winners);
        (E::buffer(y, [pool.batch, pool.out_height(), pool.out_width(), pool.channels]), winners)
    };
    if !x.is_autodiff() {
        return Some(Tensor::from_primitive::<Flex>(run(&Plain.take(x.clone())?, 0).0));
    }
    let (buffer, guard) = Tracked.take(x.clone())?;
    let (y, winners) = run(&buffer, pool.out_len());
    tracked(register(MaxPoolBackward::<E>(PhantomData), [guard], (pool, winners, x.shape()), y))
}

#[derive(Debug)]
struct MaxPoolBackward<E>(PhantomData<E>);

impl<E: Stored> Backward<Flex, 1> for MaxPoolBackward<E> {
    type State = (kernels::MaxPool, Vec<u8>, Shape);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (pool, winners, shape) = ops.state;
        let gradient = grads.consume::<Flex>(&ops.node).to_contiguous();
        if let [Some(parent)] = ops.parents {
            let mut dx = WORKSPACE.take::<E>(pool.in_len());
            pool.backward(E::values(&gradient), &winners, &mut dx);
            register_gradients(grads, [(Some(parent.id), shape)], [dx]);
        }
    }
}
