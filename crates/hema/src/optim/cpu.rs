//! The step of one weight on the CPU: one pass over the memory that Burn's `Flex` back-end holds, in place where nobody else
//! has the tensor.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, FlexDevice};
use burn::tensor::{Tensor, TensorData};

use super::{Rule, Step};
use crate::nn::recycle;

/// A buffer on the CPU.
type Buffer = FloatTensor<Flex>;

/// The new weight, with the state updated: by one pass where the tensors are on the CPU, else by Burn's operations.
pub(super) fn update(
    rule: &dyn Rule,
    step: &Step,
    weight: Tensor<1>,
    grad: Tensor<1>,
    state: &mut [Tensor<1>],
) -> Tensor<1> {
    let Some(gradient) = contiguous(&grad) else { return rule.update(step, weight, grad, state) };
    drop(grad);
    let nothing = Tensor::from_primitive::<Flex>(buffer(Vec::new()));
    let taken = state.iter_mut().map(|slot| own(std::mem::replace(slot, nothing.clone())));
    let mut slots: Vec<Buffer> = taken.collect();
    let mut new = own(weight);
    let mut of_slots: Vec<&mut [f32]> = slots.iter_mut().map(values_mut).collect();
    rule.update_in_place(step, values_mut(&mut new), values(&gradient), &mut of_slots);
    for (slot, buffer) in state.iter_mut().zip(slots) {
        *slot = Tensor::from_primitive::<Flex>(buffer);
    }
    recycle(gradient);
    Tensor::from_primitive::<Flex>(new)
}

/// Sum of the squares of a tensor on the CPU.
pub(super) fn sum_of_squares<const D: usize>(x: &Tensor<D>) -> Option<f64> {
    contiguous(x).map(|buffer| hema_kernels::sum_of_squares(values(&buffer)))
}

/// The tensor's buffer, if it is on the CPU.
fn contiguous<const D: usize>(tensor: &Tensor<D>) -> Option<Buffer> {
    Some(tensor.clone().try_into_primitive::<Flex>().ok()?.to_contiguous())
}

/// A buffer that nobody else has, with the tensor's values.
fn own(tensor: Tensor<1>) -> Buffer {
    let own = tensor.try_into_primitive::<Flex>().expect("weights and state are where the gradient is");
    if own.is_unique() && own.is_contiguous() { own } else { buffer(values(&own.to_contiguous()).to_vec()) }
}

fn buffer(values: Vec<f32>) -> Buffer {
    let len = values.len();
    Flex::float_from_data(TensorData::new(values, [len]), &FlexDevice)
}

fn values(buffer: &Buffer) -> &[f32] {
    buffer.as_slice::<f32>().expect("parameters are contiguous buffers of f32")
}

fn values_mut(buffer: &mut Buffer) -> &mut [f32] {
    buffer.try_storage_mut::<f32>().expect("made unique when it was taken")
}
