//! `hema train --seeds` and `--folds`: several runs and what they come to.

use std::collections::BTreeSet;

use crate::support::{Place, QUICK};

fn summary(place: &Place, out: &str) -> serde_json::Value {
    serde_json::from_str(&place.read(&format!("{out}/summary.json"))).unwrap()
}

#[test]
fn runs_of_several_seeds_are_what_single_runs_are_and_are_summed_up() {
    let place = Place::with_cells();
    // all seeds share a split, which would otherwise be drawn by the first
    place.hema("split cells --out cells/split.csv").succeeds();
    let said = place.train("--data cells --out series --seeds 2 --set seed=4").succeeds();
    assert!(said.out.starts_with("2 runs") && said.out.contains("\naccuracy "), "{said:?}");
    place.train("--data cells --out single --set seed=5").succeeds();
    let weights = |run: &str| hema::weights::read(&place.path(run).join("best.safetensors")).unwrap().tensors;
    assert!(weights("series/seed-5") == weights("single"));
    assert!(weights("series/seed-4") != weights("single"));

    let summary = summary(&place, "series");
    assert_eq!(summary["runs"], serde_json::json!(["seed-4", "seed-5"]));
    let accuracy = &summary["scores"][0];
    let values: Vec<f64> = serde_json::from_value(accuracy["values"].clone()).unwrap();
    let mean = f64::midpoint(values[0], values[1]);
    assert!((accuracy["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    let deviation = (values[0] - values[1]).abs() / 2.0_f64.sqrt();
    assert!((accuracy["deviation"].as_f64().unwrap() - deviation).abs() < 1e-12);
    let page = place.read("series/report.html");
    assert!(
        page.contains("mean of 2 runs; standard deviation ") && page.contains("differ in their seed alone")
    );
    assert!(page.contains("train</span> <span>--recipe</span>") && !page.contains("holds up best"));

    let again = place.train("--data cells --out series --seeds 2").error();
    assert!(again.starts_with("error: series: already holds runs"), "{again}");
    // one that lacks a run goes on with it
    std::fs::remove_dir_all(place.path("series/seed-5")).unwrap();
    let said = place.hema("train --resume --out series").succeeds();
    assert!(said.err.contains("already done") && said.out.starts_with("2 runs"), "{said:?}");
    assert!(weights("series/seed-5") == weights("single"));

    // and to more of them
    let said = place.hema("train --resume --out series --seeds 3").succeeds();
    assert_eq!(said.err.matches("already done").count(), 2, "{said:?}");
    let runs = serde_json::json!(["seed-4", "seed-5", "seed-6"]);
    assert_eq!(self::summary(&place, "series")["runs"], runs);
    for (words, expected) in [
        ("--seeds 2", "error: series: was begun with 3 seeds, found --seeds 2\nhint: give a larger number"),
        ("--folds 4", "error: series: was begun with no folds, found --folds 4\nhint: leave --folds out"),
    ] {
        let error = place.hema(&format!("train --resume --out series {words}")).error();
        assert!(error.starts_with(expected), "{words}: {error}");
    }
    // a run and a series have each their own folder
    let before = (place.list("single"), place.read("single/report.html"));
    let error = place.hema("train --resume --seeds 3 --out single").error();
    assert!(error.starts_with("error: single: holds a single run, expected a series of "), "{error}");
    assert!(error.contains("hint: without --seeds and --folds it goes on; a series begins in another --out"));
    let error = place.train("--data cells --out single --seeds 3").error();
    assert!(error.contains("`hema train --resume --out single` goes on with that one alone"), "{error}");
    assert_eq!((place.list("single"), place.read("single/report.html")), before);
    let before = place.read("series/report.html");
    let error = place.train("--data cells --out series").error();
    assert!(error.starts_with("error: series: already holds runs\nhint: choose another --out"), "{error}");
    assert_eq!(place.read("series/report.html"), before);
    let error = place.hema("train --resume --folds 2 --out nowhere").error();
    assert!(error.starts_with("error: nowhere: holds no runs, expected a series"), "{error}");
}

#[test]
fn every_image_outside_the_test_part_validates_once_over_the_folds() {
    let place = Place::with_cells();
    place.hema("split cells --out cells/split.csv").succeeds();
    place.train("--data cells --out folds --folds 3").succeeds();
    let parts = |run: &str, part: &str| -> BTreeSet<String> {
        let table = place.read(&format!("{run}/split.csv"));
        let of_part = |line: &&str| line.split(',').any(|cell| cell == part);
        table.lines().filter(of_part).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    let own = |part: &str| parts("cells", part);
    let mut validated = BTreeSet::new();
    for fold in 1..=3 {
        let run = format!("folds/fold-{fold}");
        assert_eq!(parts(&run, "test"), own("test"), "{run}");
        for path in parts(&run, "val") {
            assert!(validated.insert(path.clone()), "{path} validates twice");
        }
    }
    assert_eq!(validated, own("train").union(&own("val")).cloned().collect());
    let page = place.read("folds/report.html");
    assert!(
        page.contains("mean of 3 runs; standard deviation ") && page.contains("judged on different images")
    );
    assert!(!page.contains("Not the same images"), "folds are different images by design");
    place.hema("report folds --out again.html").succeeds();
    assert!(place.read("again.html").contains("mean of 3 runs; standard deviation "));
    assert_eq!(summary(&place, "folds")["runs"], serde_json::json!(["fold-1", "fold-2", "fold-3"]));

    let error =
        place.hema(&format!("train {QUICK} --data cells --out x --folds 3 --split cells/split.csv")).err;
    assert!(error.contains("cannot be used with"), "{error}");
}
