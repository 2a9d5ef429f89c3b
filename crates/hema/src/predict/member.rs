//! A model of a predictor, on its device.

use burn::tensor::Device;
use hema_core::error::Result;
use hema_core::preprocess::Preprocess;

use crate::memory;
use crate::model::Network;
use crate::model_file::{self, Bundle};
use crate::nn::Prepared;
use crate::weights;

/// Images, or views of them, that a forward pass takes at once, and no more pixels of them than this.
const BATCH: usize = 64;
const BATCH_PIXELS: usize = BATCH * 384 * 384;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) network: Network,
    pub(super) preprocess: Preprocess,
    pub(super) temperature: f64,
    /// A weight for each view; the weights of all members sum to 1.
    pub(super) weights: Vec<f32>,
    pub(super) prepared: Prepared,
    /// Checksum of its file, where it was read from one.
    pub(super) checksum: Option<u32>,
}

impl Member {
    pub(super) fn new(member: &model_file::Member, device: &Device) -> Result<Self> {
        let Bundle { manifest, tensors } = &member.model;
        let outline = Network::outline(&manifest.model)?;
        let values = outline.parameters.saturating_add(2 * outline.largest_map);
        memory::check(values.saturating_mul(4), "an image and the network that classifies it")?;
        let network = weights::load_all(Network::new(&manifest.model, 0, device)?, tensors)?;
        Ok(Self {
            network,
            preprocess: manifest.preprocess.clone(),
            temperature: manifest.temperature,
            weights: member.weights.iter().map(|weight| *weight as f32).collect(),
            prepared: Prepared::default(),
            checksum: member.checksum,
        })
    }

    /// Images, or views of them, that the network takes at once.
    pub(super) fn batch(&self) -> usize {
        let side = self.preprocess.network_size().max(1);
        (BATCH_PIXELS / (side * side)).clamp(1, BATCH)
    }
}
