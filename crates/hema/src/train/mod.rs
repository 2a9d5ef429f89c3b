//! Training: one visible loop, from a recipe and two data sets to a run directory.
//!
//! A run directory holds `recipe.toml`, `metrics.csv` and `TensorBoard` events, `best.safetensors` (the model with the best
//! validation metric), `last.safetensors` (the model of the last epoch) and `checkpoint.safetensors` (all that a resumed
//! run needs to end with the same weights, to the bit, as one that was never interrupted).
//!
//! Left out on purpose: reading data, terminal output and signals, which the command does.

mod average;
mod checkpoint;
mod deck;
mod freeze;
mod setup;
mod teachers;
mod validate;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use hema_core::data::Dataset;
use hema_core::error::{Error, Result};
use hema_core::file;
use hema_core::preprocess::Preprocess;
use hema_core::provenance::Provenance;
use hema_core::sampler::Draw;

use crate::bundle::{self, Bundle, Manifest};
use crate::loader::{self, Flow};
use crate::loss::{CrossEntropy, Target, VIEWS, distillation, jensen_shannon};
use crate::model::{ModelSpec, Network};
use crate::nn::{Pass, on_pool};
use crate::optim::Optimizer;
use crate::recipe::{Distill, LabelledViews, Loss, Recipe, Stage};
use crate::run_log::{Epoch, RunLog};
use crate::weights;

use average::Average;
pub use checkpoint::{CHECKPOINT, Position, check_folder};
use deck::Deck;
pub use deck::shown;
use setup::{check_labelled, start_weights};
pub use setup::{device_name, model_spec, preprocess};
use teachers::{Lesson, Teachers};
use validate::{Judge, Validated};

/// Name of the last epoch's model inside a run directory.
pub const LAST: &str = "last.safetensors";

/// Name of the recipe inside a run directory.
pub const RECIPE: &str = "recipe.toml";

/// What is trained, on what, and where the run goes.
pub struct Task<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// Images to train on, all labelled.
    pub train: &'a Dataset,
    /// Images to choose by, all labelled.
    pub val: &'a Dataset,
    /// The cells are drawn.
    pub synthetic: bool,
    /// Run directory.
    pub out: &'a Path,
    /// The command line, for provenance.
    pub command: &'a str,
    /// Device to compute on.
    pub device: &'a Device,
}

/// Hears how a run is going.
pub trait Observer {
    /// After every step.
    fn step(&mut self, progress: &Progress<'_>);
    /// After every epoch; `improved` when its weights are the best so far.
    fn epoch(&mut self, epoch: &Epoch, improved: bool);
}

/// Where a run stands after a step.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The stage.
    pub stage: &'a Stage,
    /// Number of the epoch under way, from 1, counted through all stages.
    pub epoch: u64,
    /// Most epochs the run can have.
    pub epochs: u64,
    /// Steps taken in the epoch.
    pub batch: u64,
    /// Steps of the epoch.
    pub batches: u64,
    /// Mean loss of the epoch so far.
    pub loss: f64,
    /// Training images per second in this epoch.
    pub images_per_second: f64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All stages are done.
    Finished {
        /// Epoch of the best model.
        best_epoch: u64,
        /// Value of the chosen metric there.
        best: f64,
    },
    /// Stopped on request after this step; a checkpoint is saved.
    Interrupted {
        /// Steps taken.
        step: u64,
    },
}

/// Trains by a recipe. Set `stop` to end after the current step.
///
/// # Errors
/// A recipe that does not fit the data or the model, a directory that already holds a run (or, resuming, none that
/// fits), a loss that is not finite, or a file that cannot be written.
pub fn fit(task: &Task, resume: bool, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Outcome> {
    let mut run = Run::open(task, resume)?;
    while let Some(stage) = task.recipe.stages.get(run.position.stage) {
        run.enter(stage)?;
        while run.continues(stage) {
            if run.train_epoch(stage, observer, stop)? == Flow::Stop {
                run.save()?;
                return Ok(Outcome::Interrupted { step: run.position.step });
            }
            run.average.after_epoch(&run.network, stage.epochs - run.position.stage_epoch);
            let network = run.average.network(&run.network)?;
            let validated = run.judge.judge(&network, &run.preprocess, task.device)?;
            run.finish_epoch(stage, &network, &validated, observer)?;
        }
        run.leave()?;
    }
    let (best_epoch, best) = run.position.best.unwrap_or_default();
    Ok(Outcome::Finished { best_epoch, best })
}

/// Checks in a moment, before any image is read, that a new run can start: its network can be built for these
/// classes, finds its first weights, and has the modules that stages name; its teachers know the same classes.
///
/// # Errors
/// The first of these that fails.
pub fn check(recipe: &Recipe, classes: &[String], device: &Device) -> Result<()> {
    Teachers::open(recipe, classes, device)?;
    let spec = model_spec(recipe, classes.len());
    let network = Network::new(&spec, recipe.seed, &device.clone().autodiff())?;
    let network = start_weights(network, &spec, &recipe.model.weights)?;
    recipe.stages.iter().try_for_each(|stage| freeze::prepare(network.clone(), stage).map(drop))
}

/// A run under way.
struct Run<'a> {
    task: &'a Task<'a>,
    inputs: checkpoint::Inputs,
    judge: Judge<'a>,
    deck: Deck<'a>,
    teachers: Teachers,
    loss: CrossEntropy,
    preprocess: Preprocess,
    spec: ModelSpec,
    network: Network,
    /// The mean of the network's weights over training.
    average: Average,
    optimizer: Option<Optimizer>,
    position: Position,
    log: RunLog,
    /// Autodiff over the task's device.
    device: Device,
    epoch_started: Instant,
}

impl<'a> Run<'a> {
    /// Starts a run in an empty directory, or goes on with the one that is there.
    fn open(task: &'a Task<'a>, resume: bool) -> Result<Self> {
        let recipe = task.recipe;
        check_labelled(task.train)?;
        check_labelled(task.val)?;
        let judge = Judge::new(recipe, task.val)?;
        let classes = task.train.classes();
        let teachers = Teachers::open(recipe, classes, task.device)?;
        let spec = model_spec(recipe, classes.len());
        let device = task.device.clone().autodiff();
        let inputs = checkpoint::Inputs::of(task)?;
        let saved = checkpoint::find(task, &inputs, resume)?;

        let mut network = Network::new(&spec, recipe.seed, &device)?;
        let mut position = Position::default();
        let mut optimizer = None;
        let mut average = Average::new(&recipe.average);
        if let Some(saved) = saved {
            network = weights::load(network, &saved.network)?.0;
            position = saved.position;
            average.restore(position.averaged, saved.average);
            if let Some(stage) = recipe.stages.get(position.stage)
                && position.stage_step > 0
            {
                let mut restored = Optimizer::new(stage);
                restored.restore(position.stage_step, &saved.optimizer, task.device)?;
                optimizer = Some(restored);
            }
        } else {
            network = start_weights(network, &spec, &recipe.model.weights)?;
            let text = recipe.to_toml()?;
            file::write_atomic(&task.out.join(RECIPE), |w| w.write_all(text.as_bytes()))?;
        }
        let deck = Deck::new(recipe, task.train)?;
        Ok(Self {
            task,
            inputs,
            judge,
            loss: CrossEntropy::new(&recipe.loss, deck.quotas()),
            deck,
            teachers,
            preprocess: preprocess(recipe),
            spec,
            network,
            average,
            optimizer,
            log: RunLog::open(task.out, resume.then_some(position.step))?,
            position,
            device,
            epoch_started: Instant::now(),
        })
    }

    /// Freezes what the stage does not train and weighs classes as it says; a stage that is new starts a new optimizer.
    fn enter(&mut self, stage: &Stage) -> Result<()> {
        self.network = freeze::prepare(self.network.clone(), stage)?;
        let loss = &self.task.recipe.loss;
        let class_weights = stage.class_weights.unwrap_or(loss.class_weights);
        self.loss = CrossEntropy::new(&Loss { class_weights, ..loss.clone() }, self.deck.quotas());
        self.optimizer.get_or_insert_with(|| Optimizer::new(stage));
        Ok(())
    }

    /// Whether the stage has another epoch.
    fn continues(&self, stage: &Stage) -> bool {
        let patient = stage.patience.is_none_or(|patience| self.position.epochs_since_best < patience);
        self.position.stage_epoch < stage.epochs && patient
    }

    /// One pass over the training images, from the first batch that is not done yet.
    fn train_epoch(&mut self, stage: &Stage, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Flow> {
        let images = self.deck.len();
        let (batches, total_steps) = (stage.steps_per_epoch(images), stage.total_steps(images));
        let schedule = stage.lr_schedule();
        let epoch = self.position.epoch;

        let deck = self.deck.clone();
        let draws = deck.draw(epoch, stage.batch_size);
        let remaining = &draws[(self.position.batch as usize * stage.batch_size).min(images)..];
        let teachers = self.teachers.clone();
        let make = |draws: &[Draw]| teachers.teach(deck.batch(draws, epoch)?);
        let preprocess = self.preprocess.clone();
        self.epoch_started = Instant::now();
        let mut here = 0;
        let mut flow = Flow::Continue;
        let waited = loader::for_each_made_batch(remaining, stage.batch_size, &preprocess, &make, |batch| {
            let samples = batch.samples.len() / self.views();
            self.position.lr = schedule.lr_at(self.position.stage_step, total_steps);
            let loss = on_pool(|| self.step(stage, batch))?;

            self.position.loss_sum += loss * samples as f64;
            self.position.images += samples as u64;
            self.position.batch += 1;
            self.position.stage_step += 1;
            self.position.step += 1;
            here += samples;
            observer.step(&Progress {
                stage,
                epoch: epoch + 1,
                epochs: epoch + 1 + self.epochs_left(),
                batch: self.position.batch,
                batches,
                loss: self.position.loss_sum / self.position.images as f64,
                images_per_second: here as f64 / self.epoch_started.elapsed().as_secs_f64(),
            });
            flow = if stop.load(Ordering::Relaxed) { Flow::Stop } else { Flow::Continue };
            Ok(flow)
        })?;
        self.position.waited_seconds += waited.as_secs_f64();
        self.position.train_seconds += self.epoch_started.elapsed().as_secs_f64();
        Ok(flow)
    }

    /// One step: forward and backward of every part of the batch, update. The batch's mean loss.
    fn step(&mut self, stage: &Stage, batch: loader::Batch<Lesson>) -> Result<f64> {
        let images = batch.samples.len() / self.views();
        let first = self.task.train.entry(batch.samples[0].shown.image).path.clone();
        let kept = "lower the stage's `lr` or set its `clip_norm`; a checkpoint of earlier epochs is kept";
        let at = |e: Error, step: u64| {
            Error::new(format!("step {}, batch starting with {first}: {e}", step + 1)).hint(kept)
        };
        let targets: Vec<Target> =
            batch.samples[..images].iter().map(|lesson| lesson.shown.target.clone()).collect();
        let total = self.loss.total(&targets);
        let precision = self.task.recipe.precision.on_this_machine();
        let pass = Pass::train(self.task.recipe.seed, self.position.step).with_precision(precision);

        let mut value = 0.0;
        let mut sum = GradientsAccumulator::new();
        for part in batch.parts(stage.micro_batch.unwrap_or(images), self.views()) {
            let loss = self.part_loss(part, total, images, &pass);
            value += loss.clone().into_data().iter::<f64>().next().unwrap_or(f64::NAN);
            if !value.is_finite() {
                let error = Error::new(format!("the loss is {value}, expected a finite number"));
                return Err(at(error, self.position.step));
            }
            let grads = GradientsParams::from_grads(loss.backward(), &self.network);
            sum.accumulate(&self.network, grads);
        }
        if let Some(optimizer) = &mut self.optimizer {
            let network = self.network.clone();
            let stepped = optimizer.step(network, sum.grads(), self.position.lr);
            self.network = stepped.map_err(|e| at(e, self.position.step))?;
            self.average.after_step(&self.network);
        }
        Ok(value)
    }

    /// What a part adds to the mean loss of a batch of `images` that count `total`.
    fn part_loss(&self, part: loader::Batch<Lesson>, total: f32, images: usize, pass: &Pass) -> Tensor<1> {
        let recipe = self.task.recipe;
        let targets: Vec<Target> = part.samples.iter().map(|lesson| lesson.shown.target.clone()).collect();
        let taught: Vec<f32> = part.samples.iter().flat_map(|lesson| &lesson.taught).copied().collect();
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
    fn views(&self) -> usize {
        if self.task.recipe.loss.consistency > 0.0 { VIEWS } else { 1 }
    }

    fn epochs_left(&self) -> u64 {
        let stages = &self.task.recipe.stages[self.position.stage..];
        stages.iter().map(|stage| stage.epochs).sum::<u64>() - self.position.stage_epoch - 1
    }

    /// Logs the epoch, keeps its weights if they are the best, and saves a checkpoint.
    fn finish_epoch(
        &mut self,
        stage: &Stage,
        network: &Network,
        validated: &Validated,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let value = self.judge.value(validated);
        let improves = |best: f64| self.judge.improves(value, best);
        let improved = self.position.best.is_none_or(|(_, best)| improves(best));
        let improved_stage = self.position.stage_best.is_none_or(improves);

        let position = &mut self.position;
        position.epoch += 1;
        position.stage_epoch += 1;
        position.batch = 0;
        if improved {
            position.best = Some((position.epoch, value));
        }
        position.epochs_since_best = if improved_stage { 0 } else { position.epochs_since_best + 1 };
        if improved_stage {
            position.stage_best = Some(value);
        }
        let images = std::mem::take(&mut position.images);
        let (clean, corrupted) = (&validated.clean, validated.corrupted.as_ref());
        let epoch = Epoch {
            stage: stage.name.clone(),
            epoch: position.epoch,
            step: position.step,
            lr: position.lr,
            train_loss: std::mem::take(&mut position.loss_sum) / images as f64,
            val_loss: clean.nll,
            val_accuracy: clean.accuracy,
            val_balanced_accuracy: clean.balanced_accuracy,
            val_macro_f1: clean.macro_f1,
            val_corrupted_loss: corrupted.map(|scores| scores.nll),
            val_corrupted_accuracy: corrupted.map(|scores| scores.accuracy),
            val_corrupted_balanced_accuracy: corrupted.map(|scores| scores.balanced_accuracy),
            val_corrupted_macro_f1: corrupted.map(|scores| scores.macro_f1),
            images_per_second: images as f64 / position.train_seconds,
            data_wait: std::mem::take(&mut position.waited_seconds)
                / std::mem::take(&mut position.train_seconds),
            seconds: self.epoch_started.elapsed().as_secs_f64(),
        };
        let bundle = self.bundle(network, validated);
        if improved {
            bundle.write(&self.task.out.join(bundle::BEST))?;
        }
        bundle.write(&self.task.out.join(LAST))?;
        self.log.log(&epoch)?;
        self.save()?;
        observer.epoch(&epoch, improved);
        Ok(())
    }

    /// Ends a stage: the next one starts from the best weights so far.
    fn leave(&mut self) -> Result<()> {
        let best = Bundle::read(&self.task.out.join(bundle::BEST))?;
        self.network = weights::load(self.network.clone(), &best.tensors)?.0;
        self.optimizer = None;
        self.average = Average::new(&self.task.recipe.average);
        self.position.next_stage();
        self.save()
    }

    fn bundle(&self, network: &Network, validated: &Validated) -> Bundle {
        Bundle {
            manifest: Manifest {
                format: bundle::FORMAT,
                model: self.spec.clone(),
                classes: self.task.train.classes().to_vec(),
                preprocess: self.preprocess.clone(),
                temperature: validated.temperature,
                augmentations: self.deck.augmentations(),
                synthetic: self.task.synthetic,
                metrics: validated.metrics(),
                recipe: self.task.recipe.to_toml().unwrap_or_default(),
                provenance: Provenance::now(self.task.command, device_name(self.task.device)),
            },
            tensors: weights::state_dict(network),
        }
    }

    fn save(&mut self) -> Result<()> {
        self.position.averaged = self.average.count();
        let state = checkpoint::State {
            network: &self.network,
            average: &self.average,
            optimizer: self.optimizer.as_ref(),
            position: &self.position,
        };
        checkpoint::save(self.task, &self.inputs, &state)
    }
}

#[cfg(test)]
mod tests;
