//! Whole runs on drawn cells: here the runs, in the files below the tests by topic.

mod resuming;
mod selection;
mod steps;
mod teachers;

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use hema_core::data::Dataset;
use hema_core::synthetic;

use super::*;
use crate::device;
use crate::nn::Precision;
use crate::run_log::History;
use crate::watch::Watch;

const RECIPE_TEXT: &str = r#"
name = "test"
seed = 3
[data]
size = 24
[model]
name = "cnn_gap"
dropout = 0.1
[augment]
operators = [{ name = "flip-horizontal", probability = 0.5 }, { name = "brightness", strength = 0.2 }]
[loss]
label_smoothing = 0.05
[[stage]]
name = "head"
epochs = 1
batch_size = 16
train = "head"
batch_norm = "frozen"
optimizer = "lion"
lr = 1e-3
schedule = "constant"
[[stage]]
name = "all"
epochs = 2
batch_size = 16
lr = 3e-3
weight_decay = 0.01
schedule = "one-cycle"
clip_norm = 5.0
"#;

fn cells(counts: &[usize; 8], seed: u64) -> Dataset {
    let images = synthetic::images(counts, 24, seed).into_iter();
    let classes = synthetic::CLASSES.map(String::from).to_vec();
    Dataset::from_images(classes, images.map(|(path, image, label)| (path, image, Some(label))).collect())
        .unwrap()
}

fn recipe(overrides: &[&str]) -> Recipe {
    Recipe::parse(RECIPE_TEXT, "test", overrides).unwrap()
}

/// Stops the run after a number of steps.
struct StopAfter<'a> {
    steps: Cell<u64>,
    stop: &'a AtomicBool,
}

impl Watch for StopAfter<'_> {}

impl Observer for StopAfter<'_> {
    fn step(&mut self, _: &Progress<'_>) {
        self.steps.set(self.steps.get().saturating_sub(1));
        self.stop.store(self.steps.get() == 0, Ordering::Relaxed);
    }
}

struct Fixture {
    train: Dataset,
    val: Dataset,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self::with_train(&[9; 8])
    }

    /// Fixture of this number of training images of each class.
    fn with_train(counts: &[usize; 8]) -> Self {
        Self { train: cells(counts, 1), val: cells(&[4; 8], 2), folder: tempfile::tempdir().unwrap() }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, name: &str, recipe: &Recipe, start: Start, steps: u64) -> Result<Outcome> {
        self.run_saving_every(Duration::MAX, name, recipe, start, steps)
    }

    fn run_saving_every(
        &self,
        save_every: Duration,
        name: &str,
        recipe: &Recipe,
        start: Start,
        steps: u64,
    ) -> Result<Outcome> {
        let stop = AtomicBool::new(false);
        let mut observer = StopAfter { steps: Cell::new(steps), stop: &stop };
        let device = device::of_tests();
        let out = Claimed::for_run(&self.out(name), start)?;
        let task = Task {
            recipe,
            train: &self.train,
            val: &self.val,
            data: "cells",
            synthetic: true,
            out: &out,
            start,
            save_every,
            command: "test",
            device: &device,
        };
        fit(&task, &mut observer, &stop)
    }

    fn tensors(&self, name: &str) -> weights::StateDict {
        Bundle::read(&self.out(name).join(LAST)).unwrap().tensors
    }
}

const FOREVER: u64 = u64::MAX;

/// Maps of either type, but on cards that have no arithmetic in bf16.
fn precisions() -> &'static [&'static str] {
    let narrow = Precision::Bf16.check(&device::of_tests()).is_ok();
    if narrow { &["precision=fp32", "precision=bf16"] } else { &["precision=fp32"] }
}

/// Holds a run that is interrupted three times to one that is not.
fn resume(recipe: &Recipe) {
    let fixture = Fixture::new();
    let whole = fixture.run("whole", recipe, Start::Fresh, FOREVER).unwrap();

    // five batches an epoch: stops inside the first stage, at an epoch's last step, and inside the last epoch
    assert_eq!(fixture.run("parts", recipe, Start::Fresh, 2).unwrap(), Outcome::Interrupted { step: 2 });
    assert_eq!(fixture.run("parts", recipe, Start::Resume, 3).unwrap(), Outcome::Interrupted { step: 5 });
    assert_eq!(fixture.run("parts", recipe, Start::Resume, 7).unwrap(), Outcome::Interrupted { step: 12 });
    assert_eq!(fixture.run("parts", recipe, Start::Resume, FOREVER).unwrap(), whole);

    assert_eq!(fixture.tensors("whole"), fixture.tensors("parts"));
    let history = |name: &str| History::read(&fixture.out(name).join("metrics.csv")).unwrap();
    let numbers =
        |h: &History| h.epochs.iter().map(|e| (e.step, e.lr, e.train_loss, e.val.loss)).collect::<Vec<_>>();
    assert_eq!(numbers(&history("whole")), numbers(&history("parts")));
    assert_eq!(history("whole").epochs.len(), 3);
}

/// The largest difference between the weights of two runs.
fn difference(fixture: &Fixture, [a, b]: [&str; 2]) -> f32 {
    let (a, b) = (fixture.tensors(a), fixture.tensors(b));
    let apart = a
        .iter()
        .flat_map(|(name, array)| array.values.iter().zip(&b[name].values).map(|(a, b)| (a - b).abs()));
    apart.fold(0.0, f32::max)
}

/// Noise on every validation image, and blur on half of them.
const CORRUPTED: &str =
    "select.operators=[{ name = \"gaussian-noise\" }, { name = \"defocus-blur\", probability = 0.5 }]";
