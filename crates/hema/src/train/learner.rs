//! A training step: the loss of a batch, its gradients, the update.
//!
//! Left out on purpose: which batches there are, and the files of a run.

use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use hema_core::data::Dataset;
use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;

use super::freeze;
use super::setup::{check_sizes, model_spec, preprocess};
use super::teachers::{Distilled, Teachers};
use super::training_images::TrainingImages;
use crate::loader;
use crate::loss::{CrossEntropy, Target, VIEWS, distillation, jensen_shannon};
use crate::model::Network;
use crate::nn::Pass;
use crate::optim::Optimizer;
use crate::recipe::{Distill, LabelledViews, Loss, Recipe, Stage};

/// A network in training, with its optimizer, its images and its loss.
pub(super) struct Learner<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) data: &'a Dataset,
    pub(super) images: TrainingImages<'a>,
    /// Models that it learns from.
    pub(super) teachers: Teachers,
    loss: CrossEntropy,
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
        let network = Network::new(&spec, recipe.seed, &device)?;
        check_sizes(recipe, &spec, &network, &device)?;
        let images = TrainingImages::new(recipe, data)?;
        Ok(Self {
            recipe,
            data,
            teachers,
            loss: CrossEntropy::new(&recipe.loss, images.quotas()),
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
        let loss = &self.recipe.loss;
        let class_weights = stage.class_weights.unwrap_or(loss.class_weights);
        self.loss = CrossEntropy::new(&Loss { class_weights, ..loss.clone() }, self.images.quotas());
        self.optimizer.get_or_insert_with(|| Optimizer::new(stage));
        Ok(())
    }

    /// Share of each class in what is learnt from: how often it is shown, times what its images count.
    pub(super) fn prevalence(&self) -> Vec<f64> {
        let pairs = self.images.quotas().iter().zip(self.loss.class_weights());
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
        let total = self.loss.total(&targets);
        let precision = self.recipe.precision.on(&self.device);
        let pass = Pass::train(self.recipe.seed, steps_before)
            .with_precision(precision)
            .recomputing(stage.recompute);

        let mut losses = Vec::new();
        let mut sum = GradientsAccumulator::new();
        for part in batch.parts(stage.micro_batch.unwrap_or(images), self.views()) {
            let loss = self.part_loss(part, total, images, &pass);
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

    /// The share of a part in the mean loss of a batch of `images` whose weights sum to `total`.
    fn part_loss(&self, part: loader::Batch<Distilled>, total: f32, images: usize, pass: &Pass) -> Tensor<1> {
        let recipe = self.recipe;
        let targets: Vec<Target> = part.samples.iter().map(|sample| sample.labelled.target.clone()).collect();
        let taught: Vec<f32> = part.samples.iter().flat_map(|sample| &sample.taught).copied().collect();
        // the views stand one after the other
        let here = targets.len() / self.views();
        let share = self.loss.total(&targets[..here]) / total;
        let share_of_images = here as f64 / images as f64;
        let logits = self.network.forward(part.into_tensor(&self.device), pass);
        let labelled = match recipe.loss.labelled_views {
            LabelledViews::First => logits.clone().narrow(0, 0, here),
            LabelledViews::All => logits.clone(),
        };
        let targets = &targets[..labelled.dims()[0]];
        let mut loss = self.loss.forward(labelled, targets, &self.device) * share;
        if !taught.is_empty() {
            let Distill { temperature, weight, .. } = recipe.distill;
            let of_teachers = distillation(logits.clone(), &taught, temperature, &self.device);
            loss = loss * (1.0 - weight) + of_teachers * (weight * share_of_images);
        }
        let consistency = recipe.loss.consistency;
        if consistency > 0.0 {
            loss = loss + jensen_shannon(logits) * (consistency * share_of_images);
        }
        loss
    }

    /// Views of every training image in a batch.
    pub(super) fn views(&self) -> usize {
        if self.recipe.loss.consistency > 0.0 { VIEWS } else { 1 }
    }
}
