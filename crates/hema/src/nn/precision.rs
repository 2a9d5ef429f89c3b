//! The types that feature maps are stored in, and conversions between them.

use burn::tensor::{DType, Device, Tensor};
use hema_core::error::{Error, Result};

use crate::device;

/// The type that feature maps are stored in. Parameters, statistics, sums and the loss are always of 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32 bits.
    #[default]
    Fp32,
    /// `bf16`: the exponent of `f32` and eight significant bits. Half the memory, and up to twice the speed
    /// on processors that multiply pairs of them.
    Bf16,
}

impl Precision {
    /// The name in recipes and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
        }
    }

    /// Bytes of a number.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::Fp32 => 4,
            Self::Bf16 => 2,
        }
    }

    /// The faster one on a device.
    pub fn fastest(device: &Device) -> Self {
        let narrow = if device::is_cpu(device) {
            hema_kernels::level().has_bf16()
        } else {
            device.supports_dtype(DType::BF16)
        };
        if narrow { Self::Bf16 } else { Self::Fp32 }
    }

    /// Checks that a device can compute in it; the processor can in any, some processors slowly.
    ///
    /// # Errors
    /// A graphics card that cannot.
    pub fn check(self, device: &Device) -> Result<()> {
        if self == Self::Fp32 || device::is_cpu(device) || device.supports_dtype(DType::BF16) {
            return Ok(());
        }
        let name = device::name(device);
        Err(Error::new(format!("{name} cannot compute in {}, expected the precision fp32", self.name())))
    }
}

/// The tensor in 32 bits, which statistics, activations and sums are computed in.
pub(super) fn wide<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    stored(x, DType::F32)
}

/// The tensor in another type, if it is not of that type already.
pub(super) fn stored<const D: usize>(x: Tensor<D>, dtype: DType) -> Tensor<D> {
    if x.dtype() == dtype { x } else { x.cast(dtype) }
}
