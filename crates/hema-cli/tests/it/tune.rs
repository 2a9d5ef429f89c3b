//! `hema tune` and `hema train --find-lr`: the search for recipe values.

use insta::assert_snapshot;

use crate::support::Place;

/// A recipe whose runs take a moment.
const TINY: &str = "--recipe mlp --data cells --set precision=fp32 --set data.size=12 --set stage.all.epochs=2 \
                    --set stage.all.batch_size=16 --set stage.all.optimizer=sgd --set stage.all.clip_norm=1e9";

const SPACE: &str = r#"
"stage.0.lr" = { log = [1e-4, 1e-1] }
"loss.label_smoothing" = { uniform = [0, 0.2] }
"model.dropout" = { choice = [0, 0.2] }
"#;

fn place() -> Place {
    let place = Place::with_cells();
    place.write("space.toml", SPACE);
    place
}

fn trials(place: &Place, out: &str) -> serde_json::Value {
    serde_json::from_str(&place.read(&format!("{out}/trials.json"))).unwrap()
}

#[test]
fn a_search_ranks_its_trials_and_writes_the_best_recipe() {
    let place = place();
    let tune = format!("tune {TINY} --space space.toml --trials 4");
    let said = place.hema(&format!("{tune} --out whole")).succeeds();
    assert_eq!(said.out.lines().count(), 5, "{said:?}");
    let found = trials(&place, "whole");
    let rows = found["trials"].as_array().unwrap();
    let metrics: Vec<f64> = rows.iter().map(|row| row["metric"].as_f64().unwrap()).collect();
    assert!(metrics.len() == 4 && metrics.is_sorted_by(|a, b| a >= b), "{metrics:?}");
    let mut values: Vec<&str> = rows.iter().map(|row| row["values"][2].as_str().unwrap()).collect();
    values.sort_unstable();
    values.dedup();
    assert_eq!(values.len(), 4, "every trial has a learning rate of its own");
    assert_eq!(place.read("whole/trials.csv").lines().count(), 5);
    let page = place.read("whole/report.html");
    assert!(page.matches("<circle").count() == 3 * 4);
    for origin in
        ["<span>tune</span>", "<dt>Data</dt>", "<dt>Split</dt>", "<dt>Time</dt>", "Space that was searched ("]
    {
        assert!(page.contains(origin), "{origin}");
    }

    // the best recipe makes the best trial again
    let best = rows[0]["run"].as_str().unwrap();
    place.hema("train --recipe whole/best.toml --data cells --split whole/split.csv --out again").succeeds();
    let weights = |run: &str| hema::weights::read(&place.path(run).join("best.safetensors")).unwrap().tensors;
    assert!(weights("again") == weights(&format!("whole/{best}")));

    let error = place.hema(&format!("{tune} --out whole")).error();
    assert!(error.starts_with("error: whole: already holds runs"), "{error}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_search_goes_on_to_the_same_result() {
    let place = place();
    let tune = format!("tune {TINY} --space space.toml --trials 3");
    place.hema(&format!("{tune} --out whole")).succeeds();
    let said = crate::resume::interrupt(&place, &format!("{tune} --out parts"), "trial 2 of 3");
    assert_eq!(said.status, Some(130), "{said:?}");
    assert!(said.err.ends_with("\ncontinue with: hema tune --resume --out parts\n"), "{said:?}");
    assert!(!place.path("parts/best.toml").exists());
    let error = place.hema("tune --resume --out parts --set stage.0.epochs=3").error();
    assert!(error.contains("were made with another recipe"), "{error}");
    let said = place.hema("tune --resume --out parts").succeeds();
    assert!(said.err.contains("already done"), "{said:?}");
    for name in ["trials.json", "trials.csv", "best.toml"] {
        assert_eq!(place.read(&format!("whole/{name}")), place.read(&format!("parts/{name}")), "{name}");
    }
}

#[test]
fn halving_gives_the_best_third_three_times_as_many_epochs() {
    let place = place();
    let tiny = TINY.replace("stage.all.epochs=2", "stage.all.epochs=3");
    place.hema(&format!("tune {tiny} --space space.toml --trials 6 --halving --out halved")).succeeds();
    let (first, second) = (place.list("halved/rung-1"), place.list("halved/rung-2"));
    assert_eq!((first.len(), second.len()), (6, 2));
    let found = trials(&place, "halved");
    let rows = found["trials"].as_array().unwrap();
    let epochs: Vec<u64> = rows.iter().map(|row| row["epochs"].as_u64().unwrap()).collect();
    assert_eq!(epochs, [3, 3, 1, 1, 1, 1]);
    assert!(place.read("halved/best.toml").contains("epochs = 3"));
    // those that went on were the best of the first rung
    let metric = |name: &str| {
        let manifest =
            hema::model_file::Bundle::read(&place.path(&format!("halved/rung-1/{name}"))).unwrap().manifest;
        manifest.metrics["accuracy"]
    };
    let worst_kept = second.iter().map(|name| metric(name)).fold(f64::INFINITY, f64::min);
    assert!(first.difference(&second).all(|name| metric(name) <= worst_kept));
}

#[test]
fn a_trial_that_diverges_is_out_and_the_search_goes_on() {
    let place = place();
    place.write("space.toml", "\"stage.0.lr\" = { choice = [1e-3, 1e38] }");
    let said = place.hema(&format!("tune {TINY} --space space.toml --trials 6 --out out")).succeeds();
    let found = trials(&place, "out");
    let rows = found["trials"].as_array().unwrap();
    let of = |lr: &str, metric: bool| {
        rows.iter().filter(|row| row["values"][0] == lr && row["metric"].is_null() != metric).count()
    };
    assert!(of("0.001", true) > 0 && of("1e38", false) > 0, "{rows:?}");
    assert_eq!(of("0.001", true) + of("1e38", false), 6);
    assert!(said.err.contains("warning: this trial is out: step "), "{said:?}");
    assert!(place.read("out/best.toml").contains("lr = 0.001"));

    place.write("space.toml", "\"stage.0.lr\" = { choice = [1e38] }");
    let error = place.hema(&format!("tune {TINY} --space space.toml --trials 2 --out none")).err;
    assert!(error.contains("error: none: the loss of every trial was not finite\nhint: lower"), "{error}");
    assert!(!place.path("none/best.toml").exists());
}

#[test]
fn a_bad_space_is_refused_before_anything_is_done() {
    let place = place();
    for (text, expected) in [
        ("\"stage.0.learning\" = { log = [1e-4, 1] }", "space.toml: stage.0.learning="),
        ("\"stage.0.lr\" = { log = [0, 1] }", "space.toml: stage.0.lr: a logarithmic range starts at 0"),
        ("\"stage.0.lr\" = { uniform = [1, 0] }", "space.toml: stage.0.lr: found 1 to 0"),
        ("\"stage.0.lr\" = { uniform = [nan, 1] }", "space.toml: line 1: stage.0.lr.uniform.0: found `NaN`"),
        ("\"model.name\" = { choice = [\"cmn\"] }", "space.toml: model.name=\"cmn\": unknown model `cmn`"),
    ] {
        place.write("bad/space.toml", text);
        let error = place.hema(&format!("tune {TINY} --space bad/space.toml --out out")).error();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(place.list("out").is_empty(), "{text}");
    }
    assert_snapshot!(place.hema("tune --resume --out nowhere").error(), @r"
    error: nowhere: no run to resume: there is no recipe.toml
    hint: give the folder of a run as --out, or start one with --recipe and --data
    ");
}

#[test]
fn a_range_test_suggests_a_learning_rate_and_touches_no_run() {
    let place = place();
    let said = place.hema(&format!("train {TINY} --find-lr --out lr")).succeeds();
    let rate =
        |said: &str| -> f64 { said.trim().strip_prefix("--set stage.0.lr=").unwrap().parse().unwrap() };
    let plain = rate(&said.out);
    assert!((1e-4..1.0).contains(&plain), "{plain}");
    assert_eq!(place.list("lr"), ["lr.csv", "lr.html"].map(String::from).into());
    let page = place.read("lr/lr.html");
    for origin in ["<span>--find-lr</span>", "<dt>Data</dt>", "<dt>Commit</dt>", "Recipe ("] {
        assert!(page.contains(origin), "{origin}");
    }
    let rows = place.read("lr/lr.csv").lines().count();
    assert!((40..=101).contains(&rows), "{rows}");
    // lion takes steps of one size, however small the gradient
    let lion =
        place.hema(&format!("train {TINY} --set stage.0.optimizer=lion --find-lr --out lion")).succeeds();
    assert!(rate(&lion.out) < 0.5 * plain, "{} {plain}", rate(&lion.out));
    // what it suggests trains
    place.hema(&format!("train {TINY} --set stage.0.lr={plain} --out run")).succeeds();

    let before = place.list("run");
    assert_snapshot!(place.hema(&format!("train {TINY} --find-lr --out run")).error(), @r"
    error: run: holds a run, expected a folder for the page of a range test
    hint: choose another --out
    ");
    assert_eq!(place.list("run"), before);
    let json = place.hema(&format!("train {TINY} --find-lr --out json --json")).succeeds().json();
    assert_eq!(json["suggested"].as_f64().map(|rate| format!("{rate:.1e}").parse().unwrap()), Some(plain));
    assert!(
        place.hema(&format!("train {TINY} --find-lr --resume --out run")).err.contains("cannot be used with")
    );
}

#[test]
fn a_search_goes_on_to_more_trials_in_its_folder() {
    let place = place();
    let tune = format!("tune {TINY} --space space.toml");
    place.hema(&format!("{tune} --trials 4 --out whole")).succeeds();
    place.hema(&format!("{tune} --trials 2 --out parts")).succeeds();
    let error = place.hema(&format!("{tune} --trials 4 --out parts")).error();
    assert!(error.contains("`hema tune --resume --out parts`, for more trials with --trials N"), "{error}");
    let said = place.hema("tune --resume --out parts --trials 4").succeeds();
    assert_eq!(said.err.matches("already done").count(), 2, "{said:?}");
    assert_eq!(trials(&place, "parts"), trials(&place, "whole"));

    let error = place.hema("tune --resume --space space.toml --out parts").error();
    assert!(
        error.ends_with("`hema tune --resume --out parts` is enough; another space needs another --out"),
        "{error}"
    );
    let error = place.hema("tune --resume --out parts --trials 3").error();
    assert!(error.starts_with("error: parts: holds 4 trials, found --trials 3"), "{error}");
    // halving that would begin with fewer epochs is another search
    place.hema(&format!("{tune} --trials 2 --halving --out halved --set stage.0.epochs=3")).succeeds();
    let error = place.hema("tune --resume --out halved --trials 3").error();
    assert!(
        error.contains("halving would begin with fewer epochs") && error.contains("--trials 2"),
        "{error}"
    );
}
