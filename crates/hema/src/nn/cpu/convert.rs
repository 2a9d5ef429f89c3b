//! Maps in another precision.

use burn::tensor::Tensor;
use hema_kernels as kernels;
use kernels::bf16;

use super::buffer::{Stored, WORKSPACE, constant};
use super::graph::{Parameter, Plain};

/// The values in `bf16`, outside any graph.
pub(crate) fn narrow(x: &Tensor<4>) -> Option<Tensor<4>> {
    let wide = Plain.take(x.clone())?;
    let mut values = WORKSPACE.take::<bf16>(x.shape().num_elements());
    kernels::narrow(f32::values(&wide), &mut values);
    Some(constant(bf16::buffer(values, x.shape()), x))
}
