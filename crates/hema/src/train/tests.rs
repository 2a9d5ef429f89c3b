//! Whole runs on drawn cells.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use hema_core::data::Dataset;
use hema_core::metrics::ACCURACY;
use hema_core::{metrics, synthetic, tta};

use super::*;
use crate::device;
use crate::nn::Precision;
use crate::predict::Predictor;
use crate::run_log::History;
use crate::watch::Watch;
use crate::weights::state_dict;

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

    /// With so many training images of each class.
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

#[test]
fn a_resumed_run_ends_with_the_same_weights_to_the_bit() {
    for precision in precisions() {
        resume(&recipe(&[precision]));
    }
}

/// Maps of either type, but on cards that have no arithmetic in bf16.
fn precisions() -> &'static [&'static str] {
    let narrow = Precision::Bf16.check(&device::of_tests()).is_ok();
    if narrow { &["precision=fp32", "precision=bf16"] } else { &["precision=fp32"] }
}

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

#[test]
fn a_run_resumes_that_was_saved_before_a_recipe_had_some_of_its_keys() {
    const NEW: [&str; 4] = ["precision", "tta", "layer_decay", "copies"];
    let fixture = Fixture::new();
    let today = recipe(&["precision=fp32"]);
    let whole = fixture.run("whole", &today, Start::Fresh, FOREVER).unwrap();
    fixture.run("old", &today, Start::Fresh, 2).unwrap();

    let is_new = |line: &&str| NEW.iter().any(|key| line.starts_with(&format!("{key} = ")));
    let forget = |text: &str| {
        assert!(text.lines().filter(is_new).count() >= NEW.len(), "{text}");
        text.lines().filter(|line| !is_new(line)).collect::<Vec<_>>().join("\n")
    };
    let saved = fixture.out("old").join(RECIPE);
    std::fs::write(&saved, forget(&std::fs::read_to_string(&saved).unwrap())).unwrap();
    let checkpoint = fixture.out("old").join(CHECKPOINT);
    let mut file = weights::read(&checkpoint).unwrap();
    for json in file.metadata.values_mut() {
        let mut document: serde_json::Value = serde_json::from_str(json).unwrap();
        document["recipe"] = forget(document["recipe"].as_str().unwrap()).into();
        *json = document.to_string();
    }
    weights::write(&checkpoint, &file.tensors, &file.metadata).unwrap();

    // today's default is another than what such a run did
    let default = recipe(&[]);
    assert!(
        fixture
            .run("old", &default, Start::Resume, FOREVER)
            .unwrap_err()
            .to_string()
            .contains("another recipe")
    );
    let old = Recipe::load_saved(&saved, &[] as &[&str]).unwrap();
    assert_eq!(old, today);
    assert_eq!(fixture.run("old", &old, Start::Resume, FOREVER).unwrap(), whole);
    assert_eq!(fixture.tensors("whole"), fixture.tensors("old"));
}

#[test]
fn a_resumed_run_goes_on_with_its_mean_of_the_weights() {
    for kind in ["ema", "uniform"] {
        resume(&recipe(&[&format!("average.kind={kind}"), "average.epochs=2", CORRUPTED, "select.on=both"]));
    }
}

#[test]
fn the_mean_of_the_weights_is_kept_and_training_goes_on_from_the_weights() {
    let fixture = Fixture::new();
    let runs = ["none", "ema", "uniform"].map(|kind| {
        let recipe = recipe(&[&format!("average.kind={kind}"), "stage.all.epochs=1", "stage.1.epochs=3"]);
        fixture.run(kind, &recipe, Start::Fresh, 18).unwrap();
        let saved = weights::read(&fixture.out(kind).join(CHECKPOINT)).unwrap().tensors;
        let part = |part: &str| -> weights::StateDict {
            let of = |(name, array): (&String, &weights::Array)| {
                Some((name.strip_prefix(part)?.to_owned(), array.clone()))
            };
            saved.iter().filter_map(of).collect()
        };
        (part("network/"), part("average/"), fixture.tensors(kind))
    });
    let [none, ema, uniform] = &runs;
    assert!(none.1.is_empty());
    // a mean has every weight and running statistic
    assert!(ema.1.keys().eq(none.0.keys()) && uniform.1.keys().eq(none.0.keys()));
    assert_ne!(ema.1, ema.0);
    assert_eq!(uniform.0, none.0);
    // the models of the last whole epoch differ, also in their running statistics
    for (name, array) in &none.2 {
        assert!(!name.ends_with("running_mean") || *array != ema.2[name], "{name}");
    }
}

#[test]
fn statistics_of_a_mean_can_be_estimated_anew() {
    let uniform = ["average.kind=uniform", "average.epochs=2"];
    let estimated = recipe(&[&uniform[..], &["average.statistics=estimated"]].concat());
    resume(&estimated);
    let fixture = Fixture::new();
    fixture.run("averaged", &recipe(&uniform), Start::Fresh, FOREVER).unwrap();
    fixture.run("estimated", &estimated, Start::Fresh, FOREVER).unwrap();
    let (averaged, estimated) = (fixture.tensors("averaged"), fixture.tensors("estimated"));
    for (name, array) in &averaged {
        let of_batches = name.contains("running_") && !name.starts_with("classifier");
        assert_eq!(*array != estimated[name], of_batches, "{name}");
    }
    // what was there before does not show
    let device = Device::flex();
    let recipe = recipe(&uniform);
    let learner = Learner::new(&recipe, &fixture.train, &device).unwrap();
    let stage = &recipe.stages[1];
    let network = |state: &weights::StateDict| {
        let fresh = Network::new(&model_spec(&recipe, 8), 0, &device).unwrap();
        state_dict(&learner.estimate_statistics(weights::load(fresh, state).unwrap().0, stage, 0).unwrap())
    };
    let mut spoilt = averaged.clone();
    for (_, array) in spoilt.iter_mut().filter(|(name, _)| name.contains("running_")) {
        array.values.iter_mut().for_each(|value| *value += 3.0);
    }
    assert!(network(&averaged) == network(&spoilt));
}

#[test]
fn a_run_with_mixtures_or_views_resumes_to_the_bit_too() {
    let mix =
        "augment.mix=[{ name = \"mixup\", probability = 0.5 }, { name = \"resizemix\", probability = 0.4 }]";
    for how in [mix, "loss.consistency=12"] {
        resume(&recipe(&[how, "loss.class_weights=balanced"]));
    }
}

/// The largest difference between the weights of two runs.
fn difference(fixture: &Fixture, [a, b]: [&str; 2]) -> f32 {
    let (a, b) = (fixture.tensors(a), fixture.tensors(b));
    let apart = a
        .iter()
        .flat_map(|(name, array)| array.values.iter().zip(&b[name].values).map(|(a, b)| (a - b).abs()));
    apart.fold(0.0, f32::max)
}

#[test]
fn a_step_in_parts_is_the_same_step() {
    // drivers for cards may round a product and a sum as one
    let rounding = if device::is_cpu(&device::of_tests()) { 1e-4 } else { 2e-4 };
    let fixture = Fixture::new();
    // without batch normalisation, which would see other batches
    let plain = [
        "model.name=cnn",
        "model.dropout=0",
        "stage.all.epochs=1",
        "loss.class_weights=balanced",
        "stage.all.lr=1e-2",
    ];
    fixture.run("whole", &recipe(&plain), Start::Fresh, FOREVER).unwrap();
    for (name, more) in [("parts", "stage.all.micro_batch=5"), ("others", "stage.all.batch_size=5")] {
        fixture.run(name, &recipe(&[&plain[..], &[more]].concat()), Start::Fresh, FOREVER).unwrap();
    }
    let found = difference(&fixture, ["whole", "parts"]);
    assert!(found < rounding, "{found}");
    assert!(difference(&fixture, ["whole", "others"]) > 1e-3);
    let viewed = ["loss.consistency=3", "loss.labelled_views=all"];
    fixture.run("views", &recipe(&[&plain[..], &viewed].concat()), Start::Fresh, FOREVER).unwrap();
    let parts = [&plain[..], &viewed, &["stage.all.micro_batch=7"]].concat();
    fixture.run("views in parts", &recipe(&parts), Start::Fresh, FOREVER).unwrap();
    let found = difference(&fixture, ["views", "views in parts"]);
    assert!(found < rounding, "{found}");
}

#[test]
fn layers_far_from_the_head_learn_less() {
    let fixture = Fixture::new();
    let plain = ["model.name=cnn", "stage.all.epochs=1"];
    for (name, more) in
        [("all", "seed=0"), ("decay", "stage.all.layer_decay=1e-9"), ("head", "stage.all.train=head")]
    {
        fixture.run(name, &recipe(&[&plain[..], &[more]].concat()), Start::Fresh, FOREVER).unwrap();
    }
    assert!(difference(&fixture, ["decay", "head"]) < 1e-6);
    assert!(difference(&fixture, ["decay", "all"]) > 1e-4);
}

#[test]
fn views_that_learn_from_the_label_change_the_loss() {
    let fixture = Fixture::new();
    let loss = |views: &str| {
        let all = ["loss.consistency=1", "stage.all.epochs=1", &format!("loss.labelled_views={views}")];
        fixture.run(views, &recipe(&all), Start::Fresh, FOREVER).unwrap();
        History::read(&fixture.out(views).join("metrics.csv")).unwrap().epochs[0].train_loss
    };
    assert!((loss("first") - loss("all")).abs() > 1e-3);
}

/// Noise on every validation image, and blur on half of them.
const CORRUPTED: &str =
    "select.operators=[{ name = \"gaussian-noise\" }, { name = \"defocus-blur\", probability = 0.5 }]";

#[test]
fn corrupted_validation_images_are_judged_and_decide_where_they_should() {
    let fixture = Fixture::new();
    let mut logged = Vec::new();
    for on in ["clean", "corrupted", "both"] {
        let recipe = recipe(&[CORRUPTED, &format!("select.on={on}"), "stage.all.epochs=2"]);
        let Outcome::Finished { best_epoch, best } = fixture.run(on, &recipe, Start::Fresh, FOREVER).unwrap()
        else {
            panic!("interrupted")
        };
        let history = History::read(&fixture.out(on).join("metrics.csv")).unwrap();
        let kept = &history.epochs[best_epoch as usize - 1];
        let corrupted = kept.val_corrupted.as_ref().unwrap().value(&ACCURACY);
        let expected = match on {
            "clean" => kept.val.value(&ACCURACY),
            "corrupted" => corrupted,
            _ => f64::midpoint(kept.val.value(&ACCURACY), corrupted),
        };
        assert_eq!(best, expected, "{on}");
        let model = Bundle::read(&fixture.out(on).join(model_file::BEST)).unwrap().manifest;
        assert_eq!(model.metrics["corrupted_accuracy"], corrupted);
        let epoch = &history.epochs[0];
        let corrupted = epoch.val_corrupted.as_ref().map(|scores| scores.loss);
        logged.push((epoch.val.loss, corrupted));
        assert_ne!(Some(epoch.val.loss), corrupted);
    }
    // the first epoch is the same whatever decides, and so is the damage
    assert!(logged.iter().all(|numbers| *numbers == logged[0]), "{logged:?}");
}

#[test]
fn images_are_enlarged_for_the_network_once_they_are_augmented() {
    let fixture = Fixture::new();
    let enlarged = recipe(&["data.enlarge=32", "stage.0.size=24"]);
    fixture.run("enlarged", &enlarged, Start::Fresh, FOREVER).unwrap();
    let model = Bundle::read(&fixture.out("enlarged").join(LAST)).unwrap();
    let Manifest { model: spec, preprocess, .. } = &model.manifest;
    assert_eq!((preprocess.size, preprocess.network_size(), spec.size), (24, 32, 32));
    let plain = recipe(&[]);
    let (shown, small) =
        (shown(&enlarged, &fixture.train, 1).unwrap(), shown(&plain, &fixture.train, 1).unwrap());
    assert!(shown == small, "augmentation is that of small images");

    // the first stage, of one epoch, says a size of its own and shows its images at that
    fixture.run("plain", &plain, Start::Fresh, FOREVER).unwrap();
    fixture.run("throughout", &recipe(&["data.enlarge=32"]), Start::Fresh, FOREVER).unwrap();
    let first_loss =
        |run: &str| History::read(&fixture.out(run).join("metrics.csv")).unwrap().epochs[0].train_loss;
    assert_eq!(first_loss("enlarged"), first_loss("plain"));
    assert_ne!(first_loss("throughout"), first_loss("plain"));
    resume(&enlarged);
}

#[test]
fn stages_of_growing_size_resume_to_the_bit_and_end_at_full_size() {
    let small = recipe(&["stage.0.size=22", "stage.1.size=23"]);
    resume(&small);
    let fixture = Fixture::new();
    fixture.run("small", &small, Start::Fresh, FOREVER).unwrap();
    fixture.run("full", &recipe(&[]), Start::Fresh, FOREVER).unwrap();
    fixture.run("same", &recipe(&["stage.all.size=24"]), Start::Fresh, FOREVER).unwrap();
    assert_ne!(fixture.tensors("small"), fixture.tensors("full"));
    assert_eq!(fixture.tensors("same"), fixture.tensors("full"));
    let manifest = Bundle::read(&fixture.out("small").join(LAST)).unwrap().manifest;
    assert_eq!((manifest.preprocess.size, manifest.model.size), (24, 24));

    let error = Recipe::parse(RECIPE_TEXT, "test", &["stage.1.size=25"]).unwrap_err().to_string();
    assert!(
        error.ends_with("stage.1.size: found `25`, expected 1 to the 24 pixels of `data.size`"),
        "{error}"
    );
    for (model, size, found) in [
        ("mlp", 23, "`mlp` takes images of one size alone"),
        ("cnn_gap", 16, "`cnn_gap` cannot take images of 16 pixels: expected at least 22"),
    ] {
        let recipe = recipe(&[&format!("model.name={model}"), &format!("stage.1.size={size}")]);
        let error =
            check(&recipe, &synthetic::CLASSES.map(String::from), &Device::flex()).unwrap_err().to_string();
        assert_eq!(error, format!("stage `all`: size is {size}, but {found}"));
    }
}

#[test]
fn a_run_of_a_sampler_resumes_to_the_bit_too() {
    // 64 images are 64 draws, some of them mixed: four batches an epoch
    let fixture = Fixture::with_train(&[2, 2, 20, 8, 8, 8, 8, 8]);
    let recipe = recipe(&["data.sampler=undersample-mixup", "loss.class_weights=effective"]);
    let whole = fixture.run("whole", &recipe, Start::Fresh, FOREVER).unwrap();
    assert_eq!(fixture.run("parts", &recipe, Start::Fresh, 2).unwrap(), Outcome::Interrupted { step: 2 });
    assert_eq!(fixture.run("parts", &recipe, Start::Resume, 5).unwrap(), Outcome::Interrupted { step: 7 });
    assert_eq!(fixture.run("parts", &recipe, Start::Resume, FOREVER).unwrap(), whole);
    assert_eq!(fixture.tensors("whole"), fixture.tensors("parts"));
}

#[test]
fn every_sampler_and_class_weight_makes_another_run_and_sets_its_length() {
    let fixture = Fixture::with_train(&[4, 8, 12, 8, 8, 8, 8, 8]);
    let mut runs = Vec::new();
    for (sampler, images) in [
        ("natural", 64),
        ("balanced", 64),
        ("square-root", 64),
        ("oversample", 96),
        ("undersample", 32),
        ("undersample-mixup", 64),
    ] {
        let recipe = recipe(&[&format!("data.sampler={sampler}"), "stage.all.epochs=1"]);
        fixture.run(sampler, &recipe, Start::Fresh, FOREVER).unwrap();
        let history = History::read(&fixture.out(sampler).join("metrics.csv")).unwrap();
        assert_eq!(history.epochs[0].step, images / 16, "{sampler}");
        runs.push(fixture.tensors(sampler));
    }
    for weights in ["balanced", "effective"] {
        let recipe = recipe(&[&format!("loss.class_weights={weights}"), "stage.all.epochs=1"]);
        let name = format!("{weights} weights");
        fixture.run(&name, &recipe, Start::Fresh, FOREVER).unwrap();
        runs.push(fixture.tensors(&name));
    }
    for (position, run) in runs.iter().enumerate() {
        assert!(!runs[..position].contains(run), "run {position}");
    }
    let by_stage = recipe(&["stage.all.class_weights=balanced", "stage.all.epochs=1"]);
    fixture.run("by stage", &by_stage, Start::Fresh, FOREVER).unwrap();
    assert_eq!(fixture.tensors("by stage"), fixture.tensors("balanced weights"));
}

#[test]
fn the_seed_decides_the_run() {
    let fixture = Fixture::new();
    fixture.run("a", &recipe(&["stage.all.epochs=1"]), Start::Fresh, FOREVER).unwrap();
    fixture.run("b", &recipe(&["stage.all.epochs=1"]), Start::Fresh, FOREVER).unwrap();
    fixture.run("c", &recipe(&["stage.all.epochs=1", "seed=4"]), Start::Fresh, FOREVER).unwrap();
    assert_eq!(fixture.tensors("a"), fixture.tensors("b"));
    assert_ne!(fixture.tensors("a"), fixture.tensors("c"));
}

#[test]
fn a_frozen_backbone_stays_as_it_was_and_its_head_learns() {
    let fixture = Fixture::new();
    let recipe = recipe(&["stage.0.epochs=1"]);
    fixture.run("run", &recipe, Start::Fresh, 5).unwrap();
    let device = Device::flex();
    let fresh = state_dict(&Network::new(&model_spec(&recipe, 8), recipe.seed, &device).unwrap());
    let saved = weights::read(&fixture.out("run").join(CHECKPOINT)).unwrap().tensors;
    for (name, array) in &fresh {
        let changed = saved[&format!("network/{name}")] != *array;
        assert_eq!(changed, name.starts_with("classifier"), "{name}");
    }
}

#[test]
fn a_run_learns_and_its_model_predicts() {
    for precision in precisions() {
        learn(&recipe(&["stage.1.epochs=12", precision]));
    }
}

fn learn(recipe: &Recipe) {
    let fixture = Fixture::new();
    let Outcome::Finished { best, .. } = fixture.run("run", recipe, Start::Fresh, FOREVER).unwrap() else {
        panic!("interrupted")
    };
    assert!(best > 0.5, "{best}");
    let (predictor, manifests) = Predictor::open(&[fixture.out("run")], &Device::flex()).unwrap();
    assert_eq!(manifests[0].metrics["accuracy"], best);
    let probabilities = predictor.predict(&predictor.view_cropped(&fixture.val), None, &mut |_| {}).unwrap();
    let labels: Vec<usize> = (0..fixture.val.len()).filter_map(|i| fixture.val.label(i)).collect();
    let right =
        probabilities.chunks(8).zip(&labels).filter(|(row, label)| metrics::argmax(row) == **label).count();
    assert_eq!(right as f64 / labels.len() as f64, best);
}

#[test]
fn a_directory_holds_one_run() {
    let fixture = Fixture::new();
    let recipe = recipe(&["stage.all.epochs=1"]);
    let error = fixture.run("run", &recipe, Start::Resume, FOREVER).unwrap_err();
    assert!(error.to_string().contains("nothing to resume"), "{error}");
    fixture.run("run", &recipe, Start::Fresh, FOREVER).unwrap();
    let error = fixture.run("run", &recipe, Start::Fresh, FOREVER).unwrap_err();
    assert!(error.to_string().contains("already holds a run"), "{error}");
    let other = self::recipe(&["stage.all.epochs=1", "seed=9"]);
    let error = fixture.run("run", &other, Start::Resume, FOREVER).unwrap_err();
    assert!(error.to_string().contains("was made with another recipe"), "{error}");
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_names_the_step() {
    let fixture = Fixture::new();
    let recipe = recipe(&["stage.0.lr=1e30", "stage.0.optimizer=adamw", "stage.0.train=all"]);
    let Outcome::Diverged(error) = fixture.run("run", &recipe, Start::Fresh, FOREVER).unwrap() else {
        panic!()
    };
    assert!(error.to_string().starts_with("step 2, batch starting with "), "{error}");
    assert!(error.hint_text().unwrap().ends_with("no checkpoint is saved yet"), "{error:?}");

    let recipe = self::recipe(&["stage.1.lr=1e30", "stage.1.schedule=constant"]);
    let Outcome::Diverged(error) = fixture.run("later", &recipe, Start::Fresh, FOREVER).unwrap() else {
        panic!()
    };
    assert!(error.to_string().starts_with("step 7, "), "{error}");
    let hint = error.hint_text().unwrap();
    assert!(hint.ends_with("later/checkpoint.safetensors holds the run as it was after step 5"), "{hint}");
}

#[test]
fn checkpoints_within_an_epoch_change_nothing_and_lose_nothing() {
    let fixture = Fixture::new();
    let recipe = recipe(&[]);
    fixture.run("rare", &recipe, Start::Fresh, FOREVER).unwrap();
    fixture.run_saving_every(Duration::ZERO, "often", &recipe, Start::Fresh, FOREVER).unwrap();
    assert_eq!(fixture.tensors("rare"), fixture.tensors("often"));

    // a step that fails ends a run without a last word, as a killed process does
    let broken = self::recipe(&["stage.0.lr=1e30", "stage.0.optimizer=adamw", "stage.0.train=all"]);
    let ended = fixture.run_saving_every(Duration::ZERO, "broken", &broken, Start::Fresh, FOREVER).unwrap();
    let Outcome::Diverged(error) = ended else { panic!() };
    assert!(error.hint_text().unwrap().ends_with("after step 1"), "{error:?}");
}

#[test]
fn a_stage_can_start_at_a_module_and_an_unknown_one_is_an_error() {
    let fixture = Fixture::new();
    let error =
        fixture.run("a", &recipe(&["stage.0.train={ from = \"stages.9\" }"]), Start::Fresh, 1).unwrap_err();
    assert!(error.to_string().contains("no module `stages.9`"), "{error}");
    assert!(error.hint_text().unwrap().contains("stages."), "{error:?}");
    fixture.run("b", &recipe(&["stage.0.train={ from = \"stages.2\" }"]), Start::Fresh, 1).unwrap();
    let saved = weights::read(&fixture.out("b").join(CHECKPOINT)).unwrap().tensors;
    let moved = |name: &str| saved.contains_key(&format!("optimizer/mean/{name}"));
    assert!(moved("stages.2.conv.weight") && moved("classifier.bias") && !moved("stages.1.conv.weight"));
}

#[test]
fn the_model_averages_over_the_views_of_its_recipe() {
    let fixture = Fixture::new();
    let short = ["stage.all.epochs=1"];
    fixture.run("one", &recipe(&short), Start::Fresh, FOREVER).unwrap();
    fixture.run("four", &recipe(&[&short[..], &["tta=flips"]].concat()), Start::Fresh, FOREVER).unwrap();
    assert!(difference(&fixture, ["one", "four"]) == 0.0, "training has no views");

    let open = |name: &str| Predictor::open(&[fixture.out(name)], &Device::flex()).unwrap().0;
    let predict = |predictor: &Predictor| {
        predictor.predict(&predictor.view_cropped(&fixture.val), None, &mut |_| ()).unwrap()
    };
    let (one, four) = (open("one"), open("four"));
    assert_ne!(predict(&one), predict(&four));
    assert_eq!(predict(&one.with_tta(tta::find("flips").unwrap())), predict(&four));
    let error = Recipe::load("cnn", &["tta=flip"]).unwrap_err();
    assert!(error.to_string().contains("unknown set of views `flip`"), "{error}");
}

/// `distill.teachers` of runs.
fn taught_by(fixture: &Fixture, runs: &[&str]) -> String {
    let paths: Vec<String> = runs.iter().map(|run| format!("\"{}\"", fixture.out(run).display())).collect();
    format!("distill.teachers=[{}]", paths.join(", "))
}

#[test]
fn a_network_learns_what_its_teachers_say() {
    let mut fixture = Fixture::new();
    let short = ["model.name=cnn", "stage.all.epochs=1"];
    for (name, seed) in [("first", "seed=1"), ("second", "seed=2")] {
        fixture.run(name, &recipe(&[&short[..], &[seed]].concat()), Start::Fresh, FOREVER).unwrap();
    }
    let teachers = taught_by(&fixture, &["first", "second"]);
    let student =
        |more: &[&str]| recipe(&[&short[..], &[&teachers, "loss.label_smoothing=0"], more].concat());
    fixture.run("half", &student(&["distill.weight=0.5"]), Start::Fresh, FOREVER).unwrap();
    fixture.run("whole", &student(&["distill.weight=1"]), Start::Fresh, FOREVER).unwrap();
    fixture
        .run("parts", &student(&["distill.weight=1", "stage.all.micro_batch=5"]), Start::Fresh, FOREVER)
        .unwrap();
    fixture
        .run("softer", &student(&["distill.weight=1", "distill.temperature=8"]), Start::Fresh, FOREVER)
        .unwrap();
    let first = taught_by(&fixture, &["first"]);
    fixture.run("of one", &student(&["distill.weight=1", &first]), Start::Fresh, FOREVER).unwrap();

    // the labels say nothing where the teachers say all
    let data = fixture.train.clone();
    let mislabelled = |i: usize| {
        (data.entry(i).path.to_owned(), data.image(i).unwrap(), data.label(i).map(|label| (label + 1) % 8))
    };
    let images = (0..data.len()).map(mislabelled).collect();
    fixture.train = Dataset::from_images(data.classes().to_vec(), images).unwrap();
    fixture.run("whole, wrong labels", &student(&["distill.weight=1"]), Start::Fresh, FOREVER).unwrap();
    fixture.run("half, wrong labels", &student(&["distill.weight=0.5"]), Start::Fresh, FOREVER).unwrap();

    assert!(difference(&fixture, ["whole", "whole, wrong labels"]) == 0.0);
    assert!(difference(&fixture, ["half", "half, wrong labels"]) > 1e-3);
    assert!(difference(&fixture, ["whole", "half"]) > 1e-3);
    assert!(difference(&fixture, ["whole", "softer"]) > 1e-3);
    assert!(difference(&fixture, ["whole", "of one"]) > 1e-3);
    let found = difference(&fixture, ["whole", "parts"]);
    assert!(found < 1e-4, "{found}");
}

#[test]
fn a_taught_run_resumes_to_the_bit_with_the_teachers_it_had() {
    let fixture = Fixture::new();
    fixture.run("teacher", &recipe(&["stage.all.epochs=1"]), Start::Fresh, FOREVER).unwrap();
    let teacher = taught_by(&fixture, &["teacher"]);
    resume(&recipe(&[&teacher, "loss.consistency=12"]));

    let student = recipe(&[&teacher]);
    fixture.run("student", &student, Start::Fresh, 3).unwrap();
    std::fs::remove_dir_all(fixture.out("teacher")).unwrap();
    fixture.run("teacher", &recipe(&["seed=9", "stage.all.epochs=1"]), Start::Fresh, FOREVER).unwrap();
    let error = fixture.run("student", &student, Start::Resume, FOREVER).unwrap_err();
    assert!(error.to_string().contains("was made with another model to learn from"), "{error}");
}

#[test]
fn teachers_for_other_classes_are_refused() {
    let fixture = Fixture::new();
    fixture.run("teacher", &recipe(&["stage.all.epochs=1"]), Start::Fresh, FOREVER).unwrap();
    let student = recipe(&[&taught_by(&fixture, &["teacher"])]);
    let device = Device::flex();
    check(&student, fixture.train.classes(), &device).unwrap();
    let mut classes = fixture.train.classes().to_vec();
    classes.swap(0, 1);
    let error = check(&student, &classes, &device).unwrap_err().to_string();
    assert!(
        error.contains("a model for the classes basophil, eosinophil") && error.contains("teacher"),
        "{error}"
    );
    let error = check(&recipe(&[&taught_by(&fixture, &["nowhere"])]), &classes, &device).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}
