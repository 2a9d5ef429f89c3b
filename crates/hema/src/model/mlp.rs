//! The multi-layer perceptron on flattened pixels, the founding report's first system.
//!
//! Its hidden layers are those of the head: with `head = []` it is a linear classifier.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Architecture, ModelSpec, Network, make_head};
use crate::nn::{self, Hidden, Init, Linear, Pass};

/// The family's table.
pub(super) const ARCHITECTURES: &[Architecture] = &[Architecture {
    name: "mlp",
    about: "dense layers on the flattened pixels; linear without a head",
    parameters: None,
    build: |spec, init| {
        spec.kept(0)?;
        Ok(Network::Mlp(Mlp::new(spec, init)))
    },
}];

/// Dense layers on `size * size * 3` pixel values.
#[derive(Module, Debug)]
pub struct Mlp {
    hidden: Vec<Hidden>,
    classifier: Linear,
    #[module(skip)]
    dropout: Vec<f64>,
}

impl Mlp {
    fn new(spec: &ModelSpec, init: &mut Init) -> Self {
        let (hidden, classifier) = make_head(spec, spec.size * spec.size * 3, init);
        Self { hidden, classifier, dropout: spec.dropout_rates() }
    }

    // an associated function like every family's, though it needs no weights
    #[allow(clippy::unused_self)]
    pub(super) fn features(&self, x: Tensor<4>) -> Tensor<2> {
        x.flatten(1, 3)
    }

    pub(super) fn classify(&self, features: Tensor<2>, pass: &Pass) -> Tensor<2> {
        nn::head(features, &self.hidden, &self.classifier, &self.dropout, pass)
    }
}
