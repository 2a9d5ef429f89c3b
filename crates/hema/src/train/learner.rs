//! A training step: the loss of a batch, its gradients, the update.
//!
//! Left out on purpose: which batches there are, and the files of a run.

use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use hema_core::data::Dataset;
use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;

use super::setup::{check_memory, check_sizes, model_spec, preprocess};
use super::teachers::{Distilled, Teachers};
use super::training_images::TrainingImages;
use super::{freeze, settings};
use crate::loader;
use crate::loss::{Objective, Part, Target};
use crate::model::Network;
use crate::nn::Pass;
use crate::optim::Optimizer;
use crate::recipe::{Recipe, Stage};

/// A network in training, with its optimizer, its images and its loss.
pub(super) struct Learner<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) data: &'a Dataset,
    pub(super) images: TrainingImages<'a>,
    /// Models that it learns from.
    pub(super) teachers: Teachers,
    objective: Objective,
    pub(super) preprocess: Preprocess,
    pub(super) network: Network,
    pub(super) optimizer: Option<Optimizer>,
    /// The device, with autodiff.
    pub(super) device: Device,
}

impl<'a> Learner<'a> {
    /// A network with random weights and no optimizer yet.
    pub(super) fn new(recipe: &'a Recipe, data: &'a Dataset, device: &Device) -> Result<Self> {
        recipe.precision.on(device).check(device)?;
        let teachers = Teachers::open(recipe, data.classes(), device)?;
        let device = device.clone().autodiff();
        let spec = model_spec(recipe, data.classes().len());
        check_sizes(recipe, &spec)?;
        check_memory(recipe, &spec, data.len(), &device)?;
        let network = Network::new(&spec, recipe.seed, &device)?;
        let images = TrainingImages::new(recipe, data)?;
        Ok(Self {
            recipe,
            data,
            teachers,
            objective: settings::objective(recipe, None, images.quotas()),
            images,
            preprocess: preprocess(recipe),
            network,
            optimizer: None,
            device,
        })
    }

    /// Freezes what the stage does not train and weighs classes as it says; a stage that is new starts a new
    /// optimizer.
    pub(super) fn enter(&mut self, stage: &Stage) -> Result<()> {
        self.network = freeze::prepare(self.network.clone(), stage)?;
        self.objective = settings::objective(self.recipe, Some(stage), self.images.quotas());
        if self.optimizer.is_none() {
            self.optimizer = Some(Optimizer::new(settings::optimizer(stage)));
        }
        Ok(())
    }

    /// Share of each class in what is learnt from: how often it is shown, times what its images count.
    pub(super) fn prevalence(&self) -> Vec<f64> {
        let pairs = self.images.quotas().iter().zip(&self.objective.cross_entropy.class_weights);
        let counts: Vec<f64> = pairs.map(|(count, weight)| *count as f64 * f64::from(*weight)).collect();
        let total: f64 = counts.iter().sum();
        counts.iter().map(|count| count / total).collect()
    }

    /// The preprocessing, at the size that the stage shows images at.
    pub(super) fn preprocess_at(&self, stage: &Stage) -> Preprocess {
        match stage.size {
            None => self.preprocess.clone(),
            Some(size) => Preprocess { size, enlarge: None, ..self.preprocess.clone() },
        }
    }

    /// One step: forward and backward of every part of the batch, update. The batch's mean loss.
    ///
    /// # Errors
    /// A loss or a gradient that is not finite, and nothing else.
    pub(super) fn step(
        &mut self,
        stage: &Stage,
        batch: loader::Batch<Distilled>,
        lr: f64,
        steps_before: u64,
    ) -> Result<f64> {
        let images = batch.samples.len() / self.views();
        let first = self.data.entry(batch.samples[0].labelled.image).path.to_owned();
        let at =
            |e: Error| Error::new(format!("step {}, batch starting with {first}: {e}", steps_before + 1));
        let targets: Vec<Target> =
            batch.samples[..images].iter().map(|sample| sample.labelled.target.clone()).collect();
        let precision = self.recipe.precision.on(&self.device);
        let pass = Pass::train(self.recipe.seed, steps_before)
            .with_precision(precision)
            .recomputing(stage.recompute);

        let mut losses = Vec::new();
        let mut sum = GradientsAccumulator::new();
        for part in batch.parts(stage.micro_batch.unwrap_or(images), self.views()) {
            let loss = self.part_loss(part, &targets, &pass);
            losses.push(loss.clone().inner());
            let grads = GradientsParams::from_grads(loss.backward(), &self.network);
            sum.accumulate(&self.network, grads);
        }
        let network = self.network.clone();
        let updated = match &mut self.optimizer {
            Some(optimizer) => optimizer.step(network, sum.grads(), lr),
            None => Ok(network),
        };
        // asked for last: a graphics card answers when it has done all that it was asked before
        let read = |loss: Tensor<1>| loss.into_data().iter::<f64>().next().unwrap_or(f64::NAN);
        let value: f64 = losses.into_iter().map(read).sum();
        if !value.is_finite() {
            return Err(at(Error::new(format!("the loss is {value}, expected a finite number"))));
        }
        self.network = updated.map_err(at)?;
        Ok(value)
    }

    /// The addend of a part to the mean loss of a batch with these targets.
    fn part_loss(&self, part: loader::Batch<Distilled>, batch: &[Target], pass: &Pass) -> Tensor<1> {
        let targets: Vec<Target> = part.samples.iter().map(|sample| sample.labelled.target.clone()).collect();
        let taught: Vec<f32> = part.samples.iter().flat_map(|sample| &sample.taught).copied().collect();
        let logits = self.network.forward(part.into_tensor(&self.device), pass);
        self.objective.add(&Part { logits, targets: &targets, taught: &taught, views: self.views(), batch })
    }

    /// Views of every training image in a batch.
    pub(super) fn views(&self) -> usize {
        self.objective.views()
    }
}
