//! The model that a run chooses: the mean of the weights, the images that decide, and its predictions.

use hema_core::metrics::ACCURACY;
use hema_core::{metrics, tta};

use super::*;
use crate::predict::Predictor;
use crate::weights::state_dict;

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

#[test]
fn of_epochs_with_equal_accuracy_the_one_with_the_lowest_loss_is_kept() {
    let fixture = Fixture::new();
    // so slow that the accuracy stands still
    let recipe = recipe(&["stage.all.lr=1e-7", "stage.all.schedule=constant", "stage.1.epochs=5"]);
    let Outcome::Finished { best_epoch, best } = fixture.run("run", &recipe, Start::Fresh, FOREVER).unwrap()
    else {
        panic!("interrupted")
    };
    let epochs = History::read(&fixture.out("run").join("metrics.csv")).unwrap().epochs;
    let equal: Vec<_> = epochs.iter().filter(|epoch| epoch.val.value(&ACCURACY) == best).collect();
    let lowest = equal.iter().min_by(|a, b| a.val.loss.total_cmp(&b.val.loss)).unwrap();
    assert_eq!(best_epoch, lowest.epoch);
    let position = Position { best: Some((1, 0.5)), best_loss: Some(1.0), ..Position::default() };
    assert!(position.is_equal_with_lower_loss(0.5, 0.9));
    assert!(!position.is_equal_with_lower_loss(0.5, 1.0) && !position.is_equal_with_lower_loss(0.4, 0.9));
}
