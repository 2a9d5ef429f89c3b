//! Which images a step shows at which size, and which weights it moves how far.

use super::*;
use crate::weights::state_dict;

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
fn views_that_learn_from_the_label_change_the_loss() {
    let fixture = Fixture::new();
    let loss = |views: &str| {
        let all = ["loss.consistency=1", "stage.all.epochs=1", &format!("loss.labelled_views={views}")];
        fixture.run(views, &recipe(&all), Start::Fresh, FOREVER).unwrap();
        History::read(&fixture.out(views).join("metrics.csv")).unwrap().epochs[0].train_loss
    };
    assert!((loss("first") - loss("all")).abs() > 1e-3);
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
        let error = check(&recipe, &synthetic::CLASSES.map(String::from), 64, &Device::flex())
            .unwrap_err()
            .to_string();
        assert_eq!(error, format!("stage `all`: size is {size}, but {found}"));
    }
}
