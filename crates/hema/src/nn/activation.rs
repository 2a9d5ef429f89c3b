//! Functions of single numbers: the activations between layers, and the gates of squeeze-and-excitation.

use std::f32::consts::FRAC_1_SQRT_2;

use burn::tensor::{Tensor, activation};
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
    /// `x` between 0 and 6, and the nearer of the two outside.
    Relu6,
    /// `x * relu6(x + 3) / 6` (Howard et al., 2019).
    HardSwish,
}

impl Activation {
    /// Applies the function to every element.
    pub(crate) fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => x,
            Self::Relu => activation::relu(x),
            Self::Silu => activation::silu(x),
            // burn's own form overflows above 88, and its gradient is then NaN
            Self::Elu => activation::relu(x.clone()) + x.clamp_max(0.0).exp() - 1.0,
            Self::Gelu if device::is_cpu(&x.device()) => activation::gelu(x),
            // on cards, burn's gradient is the one of an approximation by tanh
            Self::Gelu => x.clone() * ((x * FRAC_1_SQRT_2).erf() + 1.0) / 2.0,
            Self::LeakyRelu => activation::leaky_relu(x, 0.01),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::HardSwish => x.clone() * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        }
    }
}

/// A function from all numbers to gates between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `relu6(x + 3) / 6`.
    HardSigmoid,
}

impl Gate {
    /// Applies the function to every element.
    pub(super) fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Sigmoid => activation::sigmoid(x),
            Self::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        }
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
