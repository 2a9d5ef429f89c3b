//! Running statistics of batch normalisation, estimated anew for a network that no step has seen: the mean of
//! weights (Izmailov et al., 2018, section 3.2).

use hema_core::error::Result;
use hema_core::sampler::Draw;

use super::freeze;
use super::learner::Learner;
use super::setup::model_spec;
use crate::loader::{self, Flow};
use crate::model::Network;
use crate::nn::{Pass, on_pool};
use crate::recipe::Stage;
use crate::weights;

impl Learner<'_> {
    /// The network with the mean statistics of the batches of an epoch, wherever the stage trains with those
    /// of the batch.
    ///
    /// # Errors
    /// An image that cannot be read.
    pub(super) fn estimate_statistics(&self, network: Network, stage: &Stage, epoch: u64) -> Result<Network> {
        // statistics of its own, which clones would share
        let spec = model_spec(self.recipe, self.data.classes().len());
        let fresh = Network::new(&spec, self.recipe.seed, &self.device)?;
        let fresh = freeze::prepare(weights::load(fresh, &weights::state_dict(&network))?.0, stage)?;

        let preprocess = self.preprocess_at(stage);
        let make = |draws: &[Draw]| self.images.batch_at(draws, epoch, &preprocess);
        let precision = self.recipe.precision.on(&self.device);
        let mut batches = 0;
        loader::for_each_made_batch(
            &self.images.draw(epoch, stage.batch_size),
            stage.batch_size,
            &preprocess,
            &make,
            |batch| {
                let images = batch.samples.len() / self.views();
                for part in batch.parts(stage.micro_batch.unwrap_or(images), self.views()) {
                    batches += 1;
                    on_pool(&self.device, || {
                        let pass = Pass::train(self.recipe.seed, batches)
                            .with_precision(precision)
                            .recomputing(true)
                            .with_momentum(1.0 / batches as f64);
                        drop(fresh.forward(part.into_tensor(&self.device), &pass));
                    });
                }
                Ok(Flow::Continue)
            },
        )?;
        Ok(weights::load(network, &weights::state_dict(&fresh))?.0)
    }
}
