//! Training: one visible loop, from a recipe and two data sets to a run directory.
//!
//! A run directory holds `recipe.toml`, `metrics.csv` and `TensorBoard` events, `best.safetensors` (the model
//! with the best validation metric), `last.safetensors` (the model of the last epoch) and
//! `checkpoint.safetensors` (all that a resumed run needs to end with the same weights, to the bit, as one
//! that was never interrupted).
//!
//! Left out on purpose: reading data, terminal output and signals, which the command does.

mod average;
mod checkpoint;
mod folder;
mod freeze;
mod learner;
mod outlook;
mod range_test;
mod settings;
mod setup;
mod start;
mod statistics;
mod task;
mod teachers;
mod training_images;
mod validate;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::tensor::Device;
use hema_core::error::{Error, ErrorKind, Result};
use hema_core::file;
use hema_core::likeness::Likeness;
use hema_core::provenance::Provenance;
use hema_core::sampler::Draw;
use hema_core::seen::Seen;

use crate::device;
use crate::loader::{self, Flow};
use crate::model::{ModelSpec, Network};
use crate::model_file::{self, Bundle, Manifest, Trained};
use crate::nn::on_pool;
use crate::optim::Optimizer;
use crate::origins::of_start;
use crate::recipe::{BatchNorm, Recipe, Stage, Statistics};
use crate::run_log::RunLog;
use crate::weights::{self, Origin, origins_together};

use average::Average;
use checkpoint::Position;
use learner::Learner;
use setup::{check_labelled, check_memory, check_sizes};
use start::{Started, start_weights};
use teachers::Teachers;
use validate::{Judge, Validated};

pub use checkpoint::{Unfinished, unfinished};
pub use folder::{CHECKPOINT, Claimed, DIVERGED, Holding, LAST, RECIPE, Start, check_folder};
pub use range_test::{Point, RangeTest, test_rates};
pub use setup::{model_spec, preprocess};
pub use task::{Observer, Outcome, Progress, Task};
pub use training_images::shown;

pub(crate) use outlook::{doubts, outlook, training_data};

pub use crate::run_log::{Epoch, Validation};

/// Trains by a recipe. Set `stop` to end after the current step.
///
/// # Errors
/// A recipe that does not fit the data or the model, a directory that already holds a run (or, resuming, none
/// that fits), or a file that cannot be written.
pub fn fit(task: &Task, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Outcome> {
    let mut run = Run::open(task, observer)?;
    while let Some(stage) = task.recipe.stages.get(run.position.stage) {
        run.learner.enter(stage)?;
        while run.continues(stage) {
            if let Some(end) = run.train_epoch(stage, observer, stop)? {
                return Ok(end);
            }
            run.average.after_epoch(&run.learner.network, stage.epochs - run.position.stage_epoch);
            let network = run.network_to_judge(stage)?;
            let validated = match run.judge.judge(&network, &run.learner.preprocess, task.device) {
                Ok(validated) => validated,
                Err(error) if error.kind() == ErrorKind::Diverged => {
                    return Ok(run.diverged_in_validation(&error));
                }
                Err(error) => return Err(error),
            };
            run.finish_epoch(stage, &network, &validated, observer)?;
        }
        run.leave()?;
    }
    let (best_epoch, best) = run.position.best.unwrap_or_default();
    Ok(Outcome::Finished { best_epoch, best })
}

/// Checks in a moment, before any image is read, that a new run can start: its network can be built for these
/// classes, finds its first weights, and has the modules that stages name; the machine has the memory for its
/// steps, with so many `images` to train on; its teachers know the same classes.
///
/// # Errors
/// The first of these that fails.
pub fn check(recipe: &Recipe, classes: &[String], images: usize, device: &Device) -> Result<()> {
    recipe.precision.on(device).check(device)?;
    Teachers::open(recipe, classes, device)?;
    let spec = model_spec(recipe, classes.len());
    check_sizes(recipe, &spec)?;
    check_memory(recipe, &spec, images, device)?;
    let network = Network::new(&spec, recipe.seed, &device.clone().autodiff())?;
    let network = start_weights(network, &spec, &recipe.model.weights, classes)?.network;
    recipe.stages.iter().try_for_each(|stage| freeze::prepare(network.clone(), stage).map(drop))
}

/// Warns of validation images that the models were trained on which a run starts or learns from.
fn warn_of_known(seen: &Seen, task: &Task, observer: &mut dyn Observer) -> Result<()> {
    let known = seen.among(task.val)?;
    if known.trained > 0 {
        observer.warn(&format!(
            "{} of the {} validation images are among those that the model was trained on which this one starts or \
             learns from: their scores flatter it",
            known.trained, known.images
        ));
    }
    Ok(())
}

/// A run under way.
struct Run<'a> {
    task: &'a Task<'a>,
    inputs: checkpoint::Inputs,
    judge: Judge,
    learner: Learner<'a>,
    spec: ModelSpec,
    /// Prints of the images that the model had seen which the run started from, and of all that this one has.
    seen_before: Seen,
    seen: Seen,
    likeness: Likeness,
    /// Published weights that the run started from; `None` where that is not known.
    origins_before: Option<Vec<Origin>>,
    /// The mean of the network's weights over training.
    average: Average,
    position: Position,
    log: RunLog,
    epoch_started: Instant,
    /// When the last checkpoint was saved, and after which step; 0 before the first.
    saved: (Instant, u64),
}

impl<'a> Run<'a> {
    /// Starts a run in an empty directory, or goes on with the one that is there.
    fn open(task: &'a Task<'a>, observer: &mut dyn Observer) -> Result<Self> {
        let recipe = task.recipe;
        check_labelled(task.train)?;
        check_labelled(task.val)?;
        let judge = Judge::new(recipe, task.val)?;
        let classes = task.train.classes().len();
        let spec = model_spec(recipe, classes);
        let inputs = checkpoint::Inputs::of(task)?;
        check_folder(task.out, task.start)?;
        let resumes = task.start == Start::Resume;
        let saved = resumes.then(|| checkpoint::read(task, &inputs)).transpose()?;

        let mut learner = Learner::new(recipe, task.train, task.device)?;
        let mut position = Position::default();
        let mut average = Average::new(&recipe.average);
        let (seen_before, origins_before);
        if let Some(saved) = saved {
            seen_before = saved.seen_before;
            // an older checkpoint does not say
            origins_before = saved.origins_before.or_else(|| of_start(task.recipe));
            learner.network = weights::load(learner.network, &saved.network)?.0;
            position = saved.position;
            average.restore(position.averaged, saved.average);
            if let Some(stage) = recipe.stages.get(position.stage)
                && position.stage_step > 0
            {
                let mut restored = Optimizer::new(settings::optimizer(stage));
                restored.restore(position.stage_step, &saved.optimizer, task.device)?;
                learner.optimizer = Some(restored);
            }
        } else {
            let weights = &recipe.model.weights;
            let started = start_weights(learner.network, &spec, weights, task.train.classes())?;
            let Started { network, line, seen, origins } = started;
            learner.network = network;
            if let Some(line) = line {
                observer.note(&line);
            }
            warn_of_known(&seen.and(learner.teachers.seen()), task, observer)?;
            (seen_before, origins_before) = (seen, origins);
            let text = recipe.to_toml()?;
            file::write_atomic(&task.out.join(RECIPE), |w| w.write_all(text.as_bytes()))?;
        }
        let seen = Seen::new(task.train, task.val)?.and(&seen_before).and(learner.teachers.seen());
        Ok(Self {
            task,
            inputs,
            judge,
            learner,
            spec,
            seen_before,
            seen,
            likeness: Likeness::of(task.train)?,
            origins_before,
            average,
            log: RunLog::open(task.out, resumes.then_some(position.epoch))?,
            saved: (Instant::now(), position.step),
            position,
            epoch_started: Instant::now(),
        })
    }

    /// Whether the stage has another epoch.
    fn continues(&self, stage: &Stage) -> bool {
        let patient = stage.patience.is_none_or(|patience| self.position.epochs_since_best < patience);
        self.position.stage_epoch < stage.epochs && patient
    }

    /// One pass over the training images, from the first batch that is not done yet; how the run ended, if it
    /// did.
    fn train_epoch(
        &mut self,
        stage: &Stage,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Option<Outcome>> {
        let (images, teachers) = (self.learner.images.clone(), self.learner.teachers.clone());
        let count = images.len();
        let (batches, total_steps) = (stage.steps_per_epoch(count), stage.total_steps(count));
        let schedule = stage.lr_schedule();
        let epoch = self.position.epoch;

        let draws = images.draw(epoch, stage.batch_size);
        let remaining = &draws[(self.position.batch as usize * stage.batch_size).min(count)..];
        let preprocess = self.learner.preprocess_at(stage);
        let make = |draws: &[Draw]| teachers.batch(&images, draws, epoch, &preprocess);
        self.epoch_started = Instant::now();
        let seconds_before = self.position.train_seconds;
        let mut trained = 0;
        let mut end = None;
        let waited = loader::for_each_made_batch(remaining, stage.batch_size, &preprocess, &make, |batch| {
            let here = batch.samples.len() / self.learner.views();
            self.position.lr = schedule.lr_at(self.position.stage_step, total_steps);
            let Position { lr, step, .. } = self.position;
            let loss = match on_pool(self.task.device, || self.learner.step(stage, batch, lr, step)) {
                Ok(loss) => loss,
                Err(diverged) => {
                    end = Some(Outcome::Diverged(diverged.hint(self.advise_on_divergence())));
                    return Ok(Flow::Stop);
                }
            };
            self.average.after_step(&self.learner.network);

            self.position.loss_sum += loss * here as f64;
            self.position.images += here as u64;
            self.position.batch += 1;
            self.position.stage_step += 1;
            self.position.step += 1;
            self.position.train_seconds = seconds_before + self.epoch_started.elapsed().as_secs_f64();
            trained += here;
            observer.step(&self.progress(stage, trained, batches));
            if stop.load(Ordering::Relaxed) {
                end = Some(Outcome::Interrupted { step: self.position.step });
                return Ok(Flow::Stop);
            }
            if self.saved.0.elapsed() >= self.task.save_every {
                self.save()?;
            }
            Ok(Flow::Continue)
        })?;
        self.position.waited_seconds += waited.as_secs_f64();
        // a run is worth going on with before it has a model
        let first_epoch_done = end.is_none() && epoch == 0;
        if first_epoch_done || matches!(end, Some(Outcome::Interrupted { .. })) {
            self.save()?;
        }
        Ok(end)
    }

    /// Where the run stands, of whose epoch this process has `trained` so many images.
    fn progress<'s>(&self, stage: &'s Stage, trained: usize, batches: u64) -> Progress<'s> {
        let position = &self.position;
        Progress {
            stage,
            epoch: position.epoch + 1,
            epochs: position.epoch + 1 + self.epochs_left(),
            batch: position.batch,
            batches,
            steps_left: self.steps_left(),
            loss: position.loss_sum / position.images as f64,
            images_per_second: trained as f64 / self.epoch_started.elapsed().as_secs_f64(),
        }
    }

    /// The network, or the mean of its weights where there is one.
    fn network_to_judge(&self, stage: &Stage) -> Result<Network> {
        let network = self.average.network(&self.learner.network)?;
        let estimated = self.task.recipe.average.statistics == Statistics::Estimated;
        if estimated && self.average.count() > 0 && stage.batch_norm == BatchNorm::Train {
            return self.learner.estimate_statistics(network, stage, self.position.epoch);
        }
        Ok(network)
    }

    fn epochs_left(&self) -> u64 {
        let stages = &self.task.recipe.stages[self.position.stage..];
        stages.iter().map(|stage| stage.epochs).sum::<u64>() - self.position.stage_epoch - 1
    }

    /// Steps that the run still takes, if no stage ends early.
    fn steps_left(&self) -> u64 {
        let images = self.learner.images.len();
        let stages = &self.task.recipe.stages[self.position.stage..];
        let steps = stages.iter().map(|stage| stage.total_steps(images)).sum::<u64>();
        steps.saturating_sub(self.position.stage_step)
    }

    /// Logs the epoch, keeps its weights if they are the best, and saves a checkpoint.
    fn finish_epoch(
        &mut self,
        stage: &Stage,
        network: &Network,
        validated: &Validated,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let (value, loss) = (self.judge.value(validated), self.judge.loss(validated));
        let improves = |best: f64| self.judge.improves(value, best);
        // of equals the one with the lower loss is kept, and patience does not heed it
        let lower_loss = self.position.is_equal_with_lower_loss(value, loss);
        let improved = lower_loss || self.position.best.is_none_or(|(_, best)| improves(best));
        let improved_stage = self.position.stage_best.is_none_or(improves);

        let position = &mut self.position;
        position.epoch += 1;
        position.stage_epoch += 1;
        position.batch = 0;
        if improved {
            position.best = Some((position.epoch, value));
            position.best_loss = Some(loss);
        }
        position.epochs_since_best = if improved_stage { 0 } else { position.epochs_since_best + 1 };
        if improved_stage {
            position.stage_best = Some(value);
        }
        let images = std::mem::take(&mut position.images);
        let epoch = Epoch {
            stage: stage.name.clone(),
            epoch: position.epoch,
            step: position.step,
            lr: position.lr,
            train_loss: std::mem::take(&mut position.loss_sum) / images as f64,
            val: Validation::new(&validated.clean),
            val_corrupted: validated.corrupted.as_ref().map(Validation::new),
            images_per_second: images as f64 / position.train_seconds,
            data_wait: std::mem::take(&mut position.waited_seconds)
                / std::mem::take(&mut position.train_seconds),
            seconds: self.epoch_started.elapsed().as_secs_f64(),
        };
        let bundle = self.bundle(network, validated, self.log.seconds() + epoch.seconds);
        if improved {
            bundle.write(&self.task.out.join(model_file::BEST))?;
        }
        bundle.write(&self.task.out.join(LAST))?;
        self.log.log(&epoch)?;
        self.save()?;
        observer.epoch(&epoch, improved);
        Ok(())
    }

    /// Ends a stage: the next one starts from the best weights so far.
    fn leave(&mut self) -> Result<()> {
        let best = Bundle::read(&self.task.out.join(model_file::BEST))?;
        let learner = &mut self.learner;
        learner.network = weights::load(learner.network.clone(), &best.tensors)?.0;
        learner.optimizer = None;
        self.average = Average::new(&self.task.recipe.average);
        self.position.next_stage();
        self.save()
    }

    /// The model of the epoch that is done, with which the run has taken so many seconds.
    fn bundle(&self, network: &Network, validated: &Validated, seconds: f64) -> Bundle {
        let teachers = &self.learner.teachers;
        Bundle {
            manifest: Manifest {
                format: model_file::FORMAT,
                model: self.spec.clone(),
                classes: self.task.train.classes().to_vec(),
                preprocess: self.learner.preprocess.clone(),
                temperature: validated.temperature,
                prevalence: self.learner.prevalence(),
                tta: self.task.recipe.tta.to_string(),
                augmentations: self.learner.images.augmentations(),
                synthetic: self.task.synthetic,
                fitted_on: Some(self.judge.fitted_on()),
                seen: self.seen.clone(),
                likeness: self.likeness.clone(),
                trust: None,
                origins: origins_together([self.origins_before.clone(), teachers.origins()]),
                trained: Some(Trained {
                    data: self.task.data.to_owned(),
                    images: self.task.train.len() as u64,
                    validation: self.task.val.len() as u64,
                    epoch: self.position.epoch,
                    epochs: self.position.epoch,
                    seconds,
                }),
                metrics: validated.metrics(),
                recipe: self.task.recipe.to_toml().unwrap_or_default(),
                provenance: Provenance::now(self.task.command, device::name(self.task.device)),
            },
            tensors: weights::state_dict(network),
        }
    }

    /// The end of a run whose network gives no numbers for the validation images.
    fn diverged_in_validation(&self, error: &Error) -> Outcome {
        let epoch = self.position.epoch + 1;
        let error = Error::new(format!("epoch {epoch}, on the validation images: {}", error.message()));
        Outcome::Diverged(error.hint(self.advise_on_divergence()))
    }

    /// Advice on a loss that is not finite, and on how much of the run is saved.
    fn advise_on_divergence(&self) -> String {
        let saved = match self.saved.1 {
            0 => "no checkpoint is saved yet".into(),
            step => {
                let path = self.task.out.join(CHECKPOINT);
                format!("{} holds the run as it was after step {step}", path.display())
            }
        };
        format!("lower the stage's `lr` or set its `clip_norm`; {saved}")
    }

    fn save(&mut self) -> Result<()> {
        self.saved = (Instant::now(), self.position.step);
        self.position.averaged = self.average.count();
        let state = checkpoint::State {
            network: &self.learner.network,
            average: &self.average,
            optimizer: self.learner.optimizer.as_ref(),
            seen_before: &self.seen_before,
            origins_before: self.origins_before.as_deref(),
            position: &self.position,
        };
        checkpoint::save(self.task, &self.inputs, &state)
    }
}

#[cfg(test)]
mod tests;
