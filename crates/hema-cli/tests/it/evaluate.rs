//! `hema evaluate`: going on where it was interrupted, and suites of one's own.
#![cfg(unix)]

use std::process::Stdio;
use std::time::Duration;

use crate::files;
use crate::support::Place;

/// Two drawn cells of every class in `few/`, beside a trained `run/`.
fn with_few_cells() -> Place {
    let place = Place::with_run();
    files::write_cells(&place.path("few"), 2, 24);
    place
}

/// The scores of a record, without what tells when and how they were measured.
fn scores(place: &Place, record: &str) -> serde_json::Value {
    let mut record: serde_json::Value = serde_json::from_str(&place.read(record)).unwrap();
    for key in ["provenance", "speed"] {
        record.as_object_mut().unwrap().remove(key).unwrap();
    }
    record
}

#[test]
fn an_evaluation_that_was_killed_goes_on_to_the_same_record() {
    let place = with_few_cells();
    let words = |out: &str| format!("evaluate run --data few --suite blood-c --out {out}");
    place.hema(&words("whole")).succeeds();
    assert_eq!(place.list("whole").into_iter().collect::<Vec<_>>(), ["evaluation.json", "report.html"]);

    let mut first =
        place.command(&words("judged")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = place.path("judged/evaluation.partial.jsonl");
    while std::fs::read_to_string(&journal).map_or(0, |text| text.lines().count()) < 3 {
        assert!(first.try_wait().unwrap().is_none(), "ended before it was killed");
        std::thread::sleep(Duration::from_millis(1));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!place.path("judged/evaluation.json").exists());

    // another model may have the same description, and this one be shown another crop: those scores are not
    // taken
    place.train("--data cells --set seed=1 --out other").succeeds();
    std::fs::copy(&journal, place.path("kept")).unwrap();
    for (model, more) in [("other", ""), ("run", "--rescale 0.8")] {
        let words = format!("evaluate {model} --data few --suite blood-c --out judged {more}");
        let other = place.hema(&words).succeeds();
        assert!(!other.err.contains("going on"), "{other:?}");
        std::fs::copy(place.path("kept"), &journal).unwrap();
        std::fs::remove_file(place.path("judged/evaluation.json")).unwrap();
    }

    let said = place.hema(&words("judged")).succeeds();
    assert!(said.err.contains("going on with an evaluation that has judged "), "{said:?}");
    assert_eq!(scores(&place, "judged/evaluation.json"), scores(&place, "whole/evaluation.json"));
    assert!(!journal.exists());
}

#[test]
fn evaluations_of_two_models_in_one_folder_never_take_each_others_numbers() {
    let place = with_few_cells();
    place.train("--data cells --set seed=1 --out other").succeeds();
    let words = |model: &str, out: &str| format!("evaluate {model} --data few --suite blood-c --out {out}");
    place.hema(&words("run", "whole")).succeeds();
    let journal = place.path("judged/evaluation.partial.jsonl");
    let lines = || std::fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
    let begin = |model: &str, until: usize| {
        let mut begun = place.command(&words(model, "judged"));
        let mut begun = begun.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while lines() < until {
            assert!(begun.try_wait().unwrap().is_none(), "ended before it was killed");
            std::thread::sleep(Duration::from_millis(1));
        }
        begun
    };
    let mut first = begin("run", 2);
    // meanwhile nobody else judges there
    let refused = place.hema(&words("other", "judged")).error();
    assert!(refused.starts_with("error: judged: another hema is judging a model there\nhint: "), "{refused}");
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = begin("other", lines() + 2);
    second.kill().unwrap();
    second.wait().unwrap();

    let said = place.hema(&words("run", "judged")).succeeds();
    assert!(said.err.contains("going on with an evaluation that has judged "), "{said:?}");
    assert!(said.err.contains(" conditions that were judged there are of another model, "), "{said:?}");
    assert_eq!(scores(&place, "judged/evaluation.json"), scores(&place, "whole/evaluation.json"));
    assert!(!journal.exists());
}

#[test]
fn a_suite_of_ones_own_is_judged_beside_the_others() {
    let place = with_few_cells();
    let suite = "name = \"attic\"\n[[condition]]\nname = \"dim\"\nseverities = true\n\
                 operators = [{ all_of = [{ name = \"brightness-down\" }, { name = \"jpeg\" }] }]\n";
    place.write("attic.toml", suite);
    let said = place.hema("evaluate run --data few --suite clean,attic.toml").succeeds();
    let (_, rows) = said.out.split_once("accuracy, suite attic ").unwrap();
    let rows: Vec<&str> = rows.lines().skip(1).take(2).collect();
    for (row, start) in rows.iter().zip(["against unchanged images, attic ", "under the worst, dim "]) {
        assert!(row.trim_start().starts_with(start), "{rows:?}");
    }
    assert!(rows[0].contains(" points  ") && rows[1].contains(" to "), "each with its interval: {rows:?}");

    place.write("attic.toml", suite.replace("jpeg", "jpg"));
    let error = place.hema("evaluate run --data few --suite attic.toml").error();
    assert!(
        error.starts_with(
            "error: attic.toml: line 5: condition.0.operators.0.all_of.1.name: unknown operator `jpg`"
        ),
        "{error}"
    );
}

#[test]
fn a_suite_damages_larger_images_than_a_model_enlarges() {
    let place = Place::with_cells();
    let sizes = "--set data.size=24 --set data.enlarge=32";
    place.train(&format!("--data cells --out run {sizes}")).succeeds();
    let suite = "name = \"fine\"\nsize = 48\n\
                 [[condition]]\nname = \"dim\"\noperators = [{ name = \"brightness-down\" }]\n";
    place.write("fine.toml", suite);
    let suites =
        &place.hema("evaluate run --data cells --suite fine.toml --json").succeeds().json()["suites"];
    assert_eq!(suites[0]["size"], 48, "not the network's 32");
}

#[test]
fn classes_without_an_image_stand_apart_and_enter_no_mean_over_classes() {
    let place = Place::with_run();
    files::write_cells(&place.path("few"), 8, 24);
    for class in ["ig", "lymphocyte", "platelet"] {
        std::fs::remove_dir_all(place.path(&format!("few/{class}"))).unwrap();
    }
    let suite =
        "name = \"dim\"\n[[condition]]\nname = \"dim\"\noperators = [{ name = \"brightness-down\" }]\n";
    place.write("dim.toml", suite);
    let said =
        place.hema("evaluate run --data few --part all --suite clean,dim.toml --out judged").succeeds();
    for metric in ["balanced accuracy", "macro F1", "AUROC"] {
        let line = format!("{metric}, over 5 of 8 classes ");
        assert!(said.out.lines().any(|found| found.starts_with(&line)), "{metric}: {said:?}");
    }
    let absent = said.out.lines().find(|line| line.starts_with("no image is of: ig")).unwrap();
    assert!(absent.contains("lymphocyte") && absent.contains("platelet"), "{said:?}");
    let page = place.read("judged/report.html");
    assert!(page.contains("Macro F1<small>over 5 of 8 classes</small>"));
    // page, terminal and record have one headline, with its interval
    let record: serde_json::Value = serde_json::from_str(&place.read("judged/evaluation.json")).unwrap();
    let suite = &record["suites"][0];
    let [accuracy, low, high] =
        [&suite["accuracy"], &suite["accuracy_interval"][0], &suite["accuracy_interval"][1]]
            .map(|share| format!("{:.1}", 100.0 * share.as_f64().unwrap()));
    let (_, headline) = page.split_once("Accuracy under degradation</span>").unwrap();
    let headline = headline.split_once("</p>").unwrap().0;
    assert!(
        headline.contains(&format!("{accuracy}\u{202f}%")) && headline.contains(&format!("{low}–{high}")),
        "{headline}"
    );
    let row = said.out.lines().find(|line| line.starts_with("accuracy, suite dim ")).unwrap();
    assert!(row.contains(&format!("{accuracy} %")) && row.contains(&format!("{low} % to {high} %")), "{row}");

    // a record from before this convention has its macro F1 computed anew
    let mut record: serde_json::Value = serde_json::from_str(&place.read("judged/evaluation.json")).unwrap();
    let macro_f1 = record["conditions"][0]["scores"]["macro_f1"].as_f64().unwrap();
    record["format"] = 1.into();
    record["conditions"][0]["scores"]["macro_f1"] = 0.123.into();
    place.write("old/evaluation.json", record.to_string());
    place.hema("report old").succeeds();
    let page = place.read("report.html");
    assert!(!page.contains("12.3\u{202f}%") && page.contains(&format!("{:.1}\u{202f}%", 100.0 * macro_f1)));
}
