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
fn a_checkpoint_that_was_damaged_or_edited_is_refused() {
    let fixture = Fixture::new();
    // a weight with half of its state is found, which takes an optimizer with two slots
    let recipe = recipe(&["precision=fp32", "average.kind=ema", "stage.0.optimizer=adamw"]);
    fixture.run("run", &recipe, Start::Fresh, 2).unwrap();
    let path = fixture.out("run").join(CHECKPOINT);
    let whole = std::fs::read(&path).unwrap();
    let error = || fixture.run("run", &recipe, Start::Resume, 1).unwrap_err().to_string();
    for share in [2, 3, 5, 7] {
        let mut flipped = whole.clone();
        let at = whole.len() - whole.len() / share;
        flipped[at] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        assert!(error().ends_with("its contents do not match their checksum"));
    }
    std::fs::write(&path, &whole).unwrap();
    let file = weights::read(&path).unwrap();
    let written = |change: &dyn Fn(&mut weights::TensorFile)| {
        let mut edited = file.clone();
        change(&mut edited);
        weights::write(&path, &edited.tensors, &edited.metadata).unwrap();
        error()
    };
    let name_of = |start: &str| file.tensors.keys().find(|name| name.starts_with(start)).unwrap().clone();
    for part in ["network/", "average/", "optimizer/"] {
        let name = name_of(part);
        let missing = written(&|file| drop(file.tensors.remove(&name)));
        assert!(
            missing.contains("do not fit its architecture") || missing.contains("its state"),
            "{missing}"
        );
        let longer = written(&|file| {
            let array = file.tensors.get_mut(&name).unwrap();
            array.shape = vec![array.values.len() + 1];
            array.values.push(0.0);
        });
        assert!(longer.contains("has shape") || longer.contains("its state"), "{longer}");
    }
    let stranger = written(&|file| {
        let array = file.tensors[&name_of("network/")].clone();
        file.tensors.insert("other/x".into(), array);
    });
    assert!(stranger.ends_with("its tensor `other/x` is none of a run's"), "{stranger}");
    let position = |key: &str, value: serde_json::Value| {
        written(&|file| {
            let json = file.metadata.get_mut("hema-checkpoint").unwrap();
            let mut document: serde_json::Value = serde_json::from_str(json).unwrap();
            document["position"][key] = value.clone();
            *json = document.to_string();
        })
    };
    for (key, value) in [
        ("stage", 9),
        ("stage_epoch", 1 << 40),
        ("epoch", 1 << 40),
        ("batch", 1_u64 << 60),
        ("step", u64::MAX),
        ("stage_step", u64::MAX),
    ] {
        let error = position(key, value.into());
        assert!(error.ends_with("its position is none of a run by its recipe"), "{key}: {error}");
    }
    // a run that goes on all the same
    weights::write(&path, &file.tensors, &file.metadata).unwrap();
    assert_eq!(fixture.run("run", &recipe, Start::Resume, 1).unwrap(), Outcome::Interrupted { step: 3 });
}

#[test]
fn a_step_that_the_machine_has_no_memory_for_is_refused_before_anything_is_built() {
    let classes = synthetic::CLASSES.map(String::from);
    let check = |overrides: &[&str], images: usize| {
        check(&recipe(overrides), &classes, images, &Device::flex()).map_err(|e| e.to_string())
    };
    let huge = ["model.name=tf_efficientnetv2_b0", "data.size=2048", "stage.all.batch_size=65536"];
    let error = check(&huge, 1_000_000).unwrap_err();
    let expected = "stage.0.batch_size: a step of 65536 images of 2048 pixels through `tf_efficientnetv2_b0` would take ";
    assert!(error.starts_with(expected), "{error}");
    // a data set of a few images has no larger steps
    check(&huge[..2], 1).unwrap();
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
