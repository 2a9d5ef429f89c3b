//! Buffers: what tensors on the CPU are for the kernels.

use std::sync::LazyLock;

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, FlexDevice};
use burn::tensor::{FloatDType, Shape, Tensor, TensorData};
use hema_kernels as kernels;
use kernels::{Workspace, bf16};

/// A buffer on the CPU.
pub(crate) type Buffer = FloatTensor<Flex>;

/// A type that maps are stored in, for the kernels and for Burn.
pub(crate) trait Stored: kernels::Compiled {
    /// Burn's name of the type.
    const DTYPE: FloatDType;
    /// The values of a contiguous buffer of this type.
    fn values(buffer: &Buffer) -> &[Self];
    /// The values of such a buffer to write to, where nobody else has it.
    fn values_mut(buffer: &mut Buffer) -> Option<&mut [Self]>;
    /// A buffer of these values.
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
pub(super) static WORKSPACE: LazyLock<Workspace> = LazyLock::new(Workspace::default);

/// Lets a later step use the memory of a tensor that is done with, if nobody else has it.
pub(crate) fn recycle(buffer: Buffer) {
    recycle_map::<f32>(buffer);
}

/// Lets a later step use the memory of a map that is done with, if nobody else has it.
pub(super) fn recycle_map<E: Stored>(buffer: Buffer) {
    if let Some(values) = E::reclaim(buffer) {
        WORKSPACE.give(values);
    }
}

/// The buffer, its values in order, or a copy of it where another tensor shares it.
pub(super) fn unshared<E: Stored>(buffer: Buffer) -> Buffer {
    let ordered = buffer.to_contiguous();
    // or this function itself would share it
    drop(buffer);
    let mut buffer = ordered;
    if E::values_mut(&mut buffer).is_none() {
        let shape = buffer.layout().shape().clone();
        buffer = E::buffer(E::values(&buffer).to_vec(), shape);
    }
    buffer
}

/// The map in the type that the kernels read.
pub(super) fn stored_as<E: Stored>(x: &Tensor<4>) -> Tensor<4> {
    if x.dtype() == E::DTYPE.into() { x.clone() } else { x.clone().cast(E::DTYPE) }
}

/// A result through which no gradient flows, for the graph that `x` is of.
pub(super) fn constant(y: Buffer, x: &Tensor<4>) -> Tensor<4> {
    let y = Tensor::from_primitive::<Flex>(y);
    if x.is_autodiff() { Tensor::from_inner(y) } else { y }
}
