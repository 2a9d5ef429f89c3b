//! Folders of several runs, and models, where a run is expected; and what is called alike.

use crate::support::{Place, QUICK};

fn with_series(words: &str) -> Place {
    let place = Place::with_cells();
    place.train(&format!("--data cells --out both {words}")).succeeds();
    place
}

#[test]
fn the_runs_of_several_seeds_answer_together_wherever_a_run_does() {
    let place = with_series("--seeds 2");
    let said = place.hema("predict both cells/ig --out together.csv").succeeds();
    assert!(said.err.contains("both: its 2 runs answer together\n"), "{said:?}");
    place.hema("predict both/seed-0 cells/ig --with both/seed-1 --out named.csv").succeeds();
    assert_eq!(place.read("together.csv"), place.read("named.csv"));
    let said = place.hema("evaluate both --data cells --part test --suite clean").succeeds();
    assert!(said.out.starts_with("10 images of cells (test)\n"), "{said:?}");
    place.hema("report both --out both.html").succeeds();
    let page = place.read("both.html");
    assert!(page.contains("seed-0") && page.contains("seed-1"));
    let said = place.hema("ensemble both --data cells --out ensemble.safetensors").succeeds();
    assert!(said.out.contains("both/seed-1 "), "{said:?}");

    let error = place.hema("export both --to timm --out timm").error();
    assert!(
        error.starts_with("error: both: a folder of 2 runs (seed-0, seed-1), expected one model"),
        "{error}"
    );
    assert!(error.contains("hint: name one of them, as both/seed-0; `hema ensemble`"), "{error}");
    std::fs::remove_file(place.path("both/summary.json")).unwrap();
    let error = place.hema("predict both cells/ig").error();
    assert!(error.contains("not finished\nhint: go on with `hema train --resume --out both`"), "{error}");
}

#[test]
fn folds_are_judged_together_only_on_what_none_of_them_has_seen() {
    let place = with_series("--folds 2");
    for part in ["", "--part val", "--part all"] {
        let error = place.hema(&format!("evaluate both --data cells --suite clean {part}")).error();
        assert!(error.starts_with("error: both: its runs are folds: "), "{part}: {error}");
        assert!(error.contains("--part test, or one of them, as both/fold-1"), "{error}");
    }
    place.hema("evaluate both --data cells --suite clean --part test").succeeds();
}

#[test]
fn a_model_file_in_a_run_stands_for_the_run() {
    let place = Place::with_run();
    let of_run = place.hema("evaluate run --data cells --part test --suite clean").succeeds();
    let of_file =
        place.hema("evaluate run/best.safetensors --data cells --part test --suite clean").succeeds();
    assert_eq!(of_run.out, of_file.out);
    place.hema("report run/best.safetensors --out page.html").succeeds();
    assert!(place.read("page.html").contains("What training saw"));
    let error = place.hema("predict run/recipe.toml cells").error();
    assert!(error.contains("hint: the model of this run is run/best.safetensors"), "{error}");
}

#[test]
fn runs_of_one_name_are_told_apart_by_their_paths() {
    let place = Place::with_cells();
    for out in ["a/run", "b/run"] {
        place.train(&format!("--data cells --out {out}")).succeeds();
    }
    place.hema("report a/run b/run --out page.html").succeeds();
    let page = place.read("page.html");
    assert!(page.contains("a/run</h2>") && page.contains("b/run</h2>"));
}

#[test]
fn a_finished_run_says_the_road_to_more_epochs_and_the_new_one_what_it_took() {
    let place = Place::with_run();
    let road = "--set model.weights=run --out NEW";
    for words in [
        "train --resume --out run --set stage.all.epochs=3".into(),
        format!("train {QUICK} --data cells --out run"),
    ] {
        let error = place.hema(&words).err;
        assert!(error.contains(road), "{words}: {error}");
    }
    let said = place.train("--data cells --set model.weights=run/best.safetensors --out more").succeeds();
    assert!(
        said.err.contains("tensors loaded from run/best.safetensors, none is new, 0 of the file left out; its classes are the same\n"),
        "{said:?}"
    );
    std::fs::remove_dir_all(place.path("cells/ig")).unwrap();
    let said = place.train("--data cells --set model.weights=run/best.safetensors --out other").succeeds();
    let line = said.err.lines().find(|line| line.starts_with("weights: ")).unwrap();
    assert!(
        line.contains(" none is new, 0 of the file left out; its classes are others (basophil, "),
        "{line}"
    );
    assert!(line.ends_with("its classifier goes on with the 7 of them that the run has too"), "{line}");
}

#[test]
fn the_page_shows_what_training_saw() {
    let place = Place::with_run();
    let record: serde_json::Value = serde_json::from_str(&place.read("run/training.json")).unwrap();
    let counts =
        |key: &str| -> u64 { record[key].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum() };
    let rows = |part: &str| {
        place.read("run/split.csv").lines().filter(|line| line.ends_with(&format!(",{part}"))).count()
    };
    assert_eq!((counts("training"), counts("validation")), (rows("train") as u64, rows("val") as u64));
    let shown = record["shown"].as_array().unwrap();
    assert_eq!(shown.len(), 16, "the images of the first step");
    let page = place.read("run/report.html");
    assert!(page.contains("What training saw") && page.contains(shown[0]["picture"].as_str().unwrap()));
}
