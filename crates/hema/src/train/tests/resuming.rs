//! Runs that were interrupted, killed or spoilt, and the folder that holds them.

use super::*;

#[test]
fn a_resumed_run_ends_with_the_same_weights_to_the_bit() {
    for precision in precisions() {
        resume(&recipe(&[precision]));
    }
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
fn a_run_with_mixtures_or_views_resumes_to_the_bit_too() {
    let mix =
        "augment.mix=[{ name = \"mixup\", probability = 0.5 }, { name = \"resizemix\", probability = 0.4 }]";
    for how in [mix, "loss.consistency=12"] {
        resume(&recipe(&[how, "loss.class_weights=balanced"]));
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
