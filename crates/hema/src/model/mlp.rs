//! The multi-layer perceptron on flattened pixels, the founding report's first system.
//!
//! Its hidden layers are those of the head: with `head = []` it is a linear classifier.

use burn::module::Module;

use super::family::{Family, Parts, Variant};
use super::spec::ModelSpec;
use crate::nn::{Engine, Hidden, Init, Linear};

/// The family's table.
pub(super) const ARCHITECTURES: &[Variant<Mlp>] =
    &[Variant::own("mlp", "dense layers on the flattened pixels; linear without a head", |spec, init| {
        spec.kept(0)?;
        Ok(Mlp::new(spec, init))
    })];

pub(super) const PARTS: Parts = Parts { classifier: "classifier", after_stages: &[], block_of: |_| None };

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
        let (hidden, classifier) = spec.make_head(spec.size * spec.size * 3, init);
        Self { hidden, classifier, dropout: spec.dropout_rates() }
    }
}

impl Family for Mlp {
    fn features<E: Engine>(&self, x: E::Map, engine: &mut E) -> E::Rows {
        engine.flatten(x)
    }

    fn classify<E: Engine>(&self, features: E::Rows, engine: &mut E) -> E::Rows {
        engine.head(features, &self.hidden, &self.classifier, &self.dropout)
    }
}
