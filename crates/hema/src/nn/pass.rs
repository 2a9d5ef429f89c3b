//! One forward pass: whether it trains, and where its randomness comes from.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::f32::consts::FRAC_1_SQRT_2;
use std::sync::{Arc, Mutex, PoisonError};

use burn::module::ParamId;
use burn::tensor::{DType, Device, Tensor, activation};
use hema_core::error::{Error, Result};
use hema_core::rng::{self, Purpose, Rng};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::device;

/// An activation function between two layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// No activation.
    Identity,
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// `x * sigmoid(x)`, also called swish.
    Silu,
    /// `x` above zero, `exp(x) - 1` below.
    Elu,
    /// `x * Phi(x)`, the exact form.
    Gelu,
    /// `x` above zero, `0.01 x` below.
    LeakyRelu,
    /// `x` between 0 and 6, and the nearer of them outside.
    Relu6,
    /// `x * relu6(x + 3) / 6` (Howard et al., 2019).
    HardSwish,
}

impl Activation {
    /// Applies the function to every element.
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => x,
            Self::Relu => activation::relu(x),
            Self::Silu => activation::silu(x),
            // burn's own form overflows above 88, and its gradient is then NaN
            Self::Elu => activation::relu(x.clone()) + x.clamp_max(0.0).exp() - 1.0,
            Self::Gelu if device::is_cpu(&x.device()) => activation::gelu(x),
            // the gradient that burn has on cards is that of an approximation by tanh
            Self::Gelu => x.clone() * ((x * FRAC_1_SQRT_2).erf() + 1.0) / 2.0,
            Self::LeakyRelu => activation::leaky_relu(x, 0.01),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::HardSwish => x.clone() * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        }
    }
}

/// State of one forward pass through a network.
///
/// A training pass uses batch statistics (where batch normalisation is not frozen) and draws dropout and drop-path
/// masks from a stream named by the seed and the step, so that a repeated step repeats its masks on any device.
#[derive(Debug)]
pub struct Pass {
    randomness: Option<RefCell<Rng>>,
    precision: Precision,
    recomputes: bool,
    momentum: Option<f64>,
    prepared: Prepared,
}

/// What feature maps are stored in. Parameters, statistics, sums and the loss are always of 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32 bits.
    #[default]
    Fp32,
    /// `bf16`: the exponent of `f32` and eight significant bits. Half the memory, and up to twice the speed on processors that
    /// multiply pairs of them.
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

    /// The faster one on a device.
    pub fn fastest(device: &Device) -> Self {
        let narrow = if device::is_cpu(device) {
            hema_kernels::level().has_bf16()
        } else {
            device.supports_dtype(DType::BF16)
        };
        if narrow { Self::Bf16 } else { Self::Fp32 }
    }

    /// Whether a device can compute in it; the processor can in any, some of them slowly.
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

/// What prediction with a network computes once and uses for every batch: its convolutions with the normalisations folded in.
/// It belongs to one network that does not change any more; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Prepared(Arc<Mutex<HashMap<(ParamId, Precision), Made>>>);

/// What was made for one block, of a type that its maker knows.
type Made = Arc<dyn Any + Send + Sync>;

impl Prepared {
    /// What was made for the block whose first weight is `id`; by `make`, at the first call.
    pub(super) fn get<T: Any + Send + Sync>(
        &self,
        id: ParamId,
        precision: Precision,
        make: impl FnOnce() -> Option<T>,
    ) -> Option<Arc<T>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&(id, precision)) {
            return Arc::clone(found).downcast().ok();
        }
        let made = Arc::new(make()?);
        known.insert((id, precision), made.clone());
        Some(made)
    }
}

impl Pass {
    /// A pass that predicts: running statistics, no randomness.
    pub fn predict() -> Self {
        Self {
            randomness: None,
            precision: Precision::Fp32,
            recomputes: false,
            momentum: None,
            prepared: Prepared::default(),
        }
    }

    /// The pass of one training step.
    pub fn train(seed: u64, step: u64) -> Self {
        Self { randomness: Some(RefCell::new(rng::stream(seed, Purpose::Drop, step, 0))), ..Self::predict() }
    }

    /// The pass with maps of the given precision.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The pass whose blocks keep their inputs alone for the backward pass, which computes the rest again (Chen et al., 2016).
    pub fn recomputing(self, recomputes: bool) -> Self {
        Self { recomputes, ..self }
    }

    /// The pass with another weight of its batch in the running statistics than the layers' own.
    pub fn with_momentum(self, momentum: f64) -> Self {
        Self { momentum: Some(momentum), ..self }
    }

    /// A predicting pass that uses, and adds to, what earlier ones through the same network prepared.
    pub fn with_prepared(self, prepared: &Prepared) -> Self {
        Self { prepared: prepared.clone(), ..self }
    }

    /// What maps are stored in.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether blocks keep their inputs alone for the backward pass.
    pub(super) fn recomputes(&self) -> bool {
        self.recomputes
    }

    pub(super) fn momentum(&self) -> Option<f64> {
        self.momentum
    }

    pub(super) fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Whether this is a training pass.
    pub fn is_training(&self) -> bool {
        self.randomness.is_some()
    }

    /// A mask of `len` values, each 0 with probability `rate`, else `1 / (1 - rate)`; `None` when nothing is to be
    /// dropped. The expected value of a masked activation is the activation itself.
    pub(super) fn mask(&self, len: usize, rate: f64) -> Option<Vec<f32>> {
        let randomness = self.randomness.as_ref().filter(|_| rate > 0.0)?;
        let mut rng = randomness.borrow_mut();
        let keep = (1.0 / (1.0 - rate)) as f32;
        Some((0..len).map(|_| if rng.random::<f64>() < rate { 0.0 } else { keep }).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    #[test]
    fn the_gradient_of_gelu_is_that_of_the_exact_form() {
        let xs: Vec<f32> = (-40..=40).map(|i| i as f32 / 8.0).collect();
        let x = Tensor::<1>::from_floats(&xs[..], &device::of_tests().autodiff()).require_grad();
        let slopes = x.grad(&Activation::Gelu.apply(x.clone()).sum().backward()).unwrap();
        for (x, slope) in xs.iter().zip(slopes.into_data().iter::<f64>()) {
            let x = f64::from(*x);
            // Phi(x) + x phi(x); the distribution is the density's integral, by Simpson's rule
            let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * PI).sqrt();
            let width = x / 200.0;
            let parts = (0..200).map(|i| {
                let [a, b] = [i, i + 1].map(|i| f64::from(i) * width);
                (density(a) + 4.0 * density(f64::midpoint(a, b)) + density(b)) * width / 6.0
            });
            let expected = 0.5 + parts.sum::<f64>() + x * density(x);
            assert!((slope - expected).abs() < 5e-6, "at {x}: {slope}, expected {expected}");
        }
    }
}
