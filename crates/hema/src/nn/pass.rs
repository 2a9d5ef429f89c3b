//! One forward pass: whether it trains, and where its randomness comes from.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::module::ParamId;
use hema_core::rng::{self, Purpose, Rng};
use rand::RngExt;

use super::precision::Precision;

/// The state of one forward pass through a network.
///
/// A training pass uses the statistics of its batch (where batch normalisation is not frozen) and draws the
/// masks of dropout and of stochastic depth from a stream named by the seed and the step, so that a repeated
/// step repeats its masks on any device.
#[derive(Debug)]
pub struct Pass {
    randomness: Option<RefCell<Rng>>,
    precision: Precision,
    recomputes: bool,
    momentum: Option<f64>,
    prepared: Prepared,
}

/// Everything that prediction with a network computes once and uses for every batch: its convolutions with
/// the normalisations folded in. It belongs to one network that does not change any more; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Prepared(Arc<Mutex<HashMap<(ParamId, Precision), Made>>>);

/// The preparation of one block, of a type that its maker knows.
type Made = Arc<dyn Any + Send + Sync>;

impl Prepared {
    /// The preparation of the block whose first weight is `id`, made by `make` at the first call.
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

    /// This pass with maps of the given precision.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// This pass with blocks that keep nothing but their inputs for the backward pass, which computes the
    /// rest again (Chen et al., 2016), or with blocks that keep all they need.
    pub fn recomputing(self, recomputes: bool) -> Self {
        Self { recomputes, ..self }
    }

    /// This pass with another weight of its batch in the running statistics than the layers' own.
    pub(crate) fn with_momentum(self, momentum: f64) -> Self {
        Self { momentum: Some(momentum), ..self }
    }

    /// This predicting pass, using and adding to the preparations of earlier ones through the same network.
    pub fn with_prepared(self, prepared: &Prepared) -> Self {
        Self { prepared: prepared.clone(), ..self }
    }

    /// The type that maps are stored in.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether blocks keep nothing but their inputs for the backward pass.
    pub(super) fn recomputes(&self) -> bool {
        self.recomputes
    }

    /// The weight of the batch in the running statistics, where it is not the layers' own.
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

    /// A mask of `len` values, each 0 with probability `rate`, else `1 / (1 - rate)`; `None` when nothing is
    /// to be dropped. The expected value of a masked activation is the activation itself.
    pub(super) fn mask(&self, len: usize, rate: f64) -> Option<Vec<f32>> {
        let randomness = self.randomness.as_ref().filter(|_| rate > 0.0)?;
        let mut rng = randomness.borrow_mut();
        let kept = (1.0 / (1.0 - rate)) as f32;
        Some((0..len).map(|_| if rng.random::<f64>() < rate { 0.0 } else { kept }).collect())
    }
}
