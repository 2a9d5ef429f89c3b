//! The step of one weight on the CPU: one pass over the memory that Burn's `Flex` back-end holds, in place
//! where nobody else has the tensor.

use burn::backend::Flex;
use burn::tensor::Tensor;

use super::rule::{Rule, Step};
use crate::nn::{Buffer, Parameter, Plain, Stored, recycle};

/// The new weight, with the state updated.
pub(super) fn update(
    rule: &dyn Rule,
    step: &Step,
    weight: Tensor<1>,
    grad: Tensor<1>,
    state: &mut [Tensor<1>],
) -> Tensor<1> {
    let gradient = Plain.take(grad).expect("gradients are where the network is");
    let nothing = Tensor::from_primitive::<Flex>(f32::buffer(vec![], [0]));
    let taken = state.iter_mut().map(|slot| own(std::mem::replace(slot, nothing.clone())));
    let mut slots: Vec<Buffer> = taken.collect();
    let mut new = own(weight);
    let mut of_slots: Vec<&mut [f32]> = slots.iter_mut().map(values_mut).collect();
    rule.update_in_place(step, values_mut(&mut new), f32::values(&gradient), &mut of_slots);
    for (slot, buffer) in state.iter_mut().zip(slots) {
        *slot = Tensor::from_primitive::<Flex>(buffer);
    }
    recycle(gradient);
    Tensor::from_primitive::<Flex>(new)
}

/// Sum of the squares of a tensor on the CPU.
pub(super) fn sum_of_squares<const D: usize>(x: &Tensor<D>) -> f64 {
    let buffer = Plain.take(x.clone()).expect("gradients are where the network is");
    hema_kernels::sum_of_squares(f32::values(&buffer))
}

/// A buffer that nobody else has, with the tensor's values.
fn own(tensor: Tensor<1>) -> Buffer {
    let own = tensor.try_into_primitive::<Flex>().expect("weights and state are where the gradient is");
    if own.is_unique() && own.is_contiguous() {
        return own;
    }
    let copy = f32::values(&own.to_contiguous()).to_vec();
    let len = copy.len();
    f32::buffer(copy, [len])
}

fn values_mut(buffer: &mut Buffer) -> &mut [f32] {
    f32::values_mut(buffer).expect("made unique when it was taken")
}
