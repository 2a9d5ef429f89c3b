//! Model cards: what a run leaves, and what `hema card` writes of any model.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::Place;

/// The value of the row of a table that begins so.
fn row<'a>(card: &'a str, what: &str) -> &'a str {
    let line = card
        .lines()
        .find_map(|line| line.strip_prefix(&format!("| {what} | ")))
        .unwrap_or_else(|| panic!("{what}: {card}"));
    line.strip_suffix(" |").unwrap()
}

fn what(json: &Value) -> Vec<&str> {
    json["missing"].as_array().unwrap().iter().map(|missing| missing["what"].as_str().unwrap()).collect()
}

#[test]
fn a_run_leaves_its_card_and_the_command_writes_the_same() {
    let place = Place::with_run();
    let card = place.read("run/card.md");
    assert!(
        card.starts_with(
            "---\nlicense: \"unknown\"\nlibrary_name: hema\npipeline_tag: image-classification\n"
        ),
        "{card}"
    );
    assert!(card.contains("- name: \"run\"\n") && card.contains("# run\n"), "{card}");
    assert_eq!(row(&card, "architecture"), "`cnn_gap`");
    assert_eq!(row(&card, "start"), "random weights");
    assert_eq!(row(&card, "epochs"), "1, of which number 1 was kept");
    assert!(row(&card, "cost").contains(" s on cpu, "), "{card}");
    assert_eq!(row(&card, "data"), "`cells`");
    let headings: Vec<&str> = card.lines().filter(|line| line.starts_with('#')).collect();
    assert_snapshot!(headings.join("\n"), @r"
    # run
    ## At a glance
    ## What it can answer
    ## How good it is
    ### cells, validation part
    ## What it has seen
    ## What its training images were like
    ## How it was made
    ## Origins and their terms
    ## What is not on record
    ");
    assert!(
        card.contains("**No test:** the model, or something of it, was chosen by some of these images."),
        "{card}"
    );
    assert!(card.contains(" images in training and 10 others by which it was chosen"), "{card}");
    for of_images in ["side of the picture", "tint of the background"] {
        assert!(card.contains(of_images), "{of_images}: {card}");
    }

    // but for who wrote it
    let body = |card: &str| card.split("\n---\n\nCard written").next().unwrap().to_owned();
    assert_eq!(body(&place.hema("card run").succeeds().out), body(&card));
    let said = place.hema("card run --out new/README.md").succeeds();
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", "card: new/README.md\n"));
    assert_eq!(body(&place.read("new/README.md")), body(&card));

    let mut json = place.hema("card run/best.safetensors --json").succeeds().json();
    let mut own: Value = serde_json::from_str(&place.read("run/card.json")).unwrap();
    for card in [&mut json, &mut own] {
        let card = card.as_object_mut().unwrap();
        for key in ["provenance", "path", "missing"] {
            card.remove(key);
        }
    }
    assert_eq!(json, own);
}

#[test]
fn evaluations_that_are_given_are_in_the_card_and_what_is_known_is_missing_no_more() {
    let place = Place::with_run();
    let bare = place.hema("card run --json").succeeds().json();
    assert!(what(&bare).contains(&"what it keeps when images get worse"), "{bare}");
    place.hema("evaluate run --data cells --part test --suite degraded --out judged").succeeds();
    let card = place.hema("card run --evaluation judged --evaluation judged/evaluation.json").succeeds().out;
    assert_eq!(card.matches("### ").count(), 2, "the run's own, and the one that was given twice: {card}");
    assert!(card.contains("Under the suite **degraded**, mean over 45 conditions"), "{card}");
    assert!(card.contains("Other images of the data set that it was trained on"), "{card}");
    assert!(row(&card, "motion-blur").contains(", 5: "), "{card}");
    let json = place.hema("card run --evaluation judged --json").succeeds().json();
    assert_eq!(what(&json)[0], "how good it is on another laboratory's cells");

    place.train("--data cells --out other --set seed=7").succeeds();
    let error = place.hema("card other --evaluation judged").error();
    assert!(error.contains("judged: is the evaluation of another model, `run`"), "{error}");
    let error = place.hema("card run --evaluation cells").error();
    assert!(error.contains("cells: no evaluation.json here"), "{error}");
    // of the last epoch's model there is no evaluation, and a model file that was moved has none beside it
    std::fs::copy(place.path("run/best.safetensors"), place.path("moved.safetensors")).unwrap();
    for model in ["run/last.safetensors", "moved.safetensors"] {
        let json = place.hema(&format!("card {model} --json")).succeeds().json();
        assert_eq!(json["evaluations"].as_array().unwrap().len(), 0, "{model}");
    }
    let json = place.hema("card moved.safetensors --evaluation judged --json").succeeds().json();
    assert_eq!(json["members"][0]["trained"]["epochs"], 1);
}

#[test]
fn several_models_that_answer_together_have_one_card() {
    let place = Place::with_run();
    place.hema("ensemble run run --data cells --tta flips --out both.safetensors").succeeds();
    let card = place.hema("card both.safetensors").succeeds().out;
    assert!(card.contains("### Network 1\n") && card.contains("### Network 2\n"), "{card}");
    assert_eq!(row(&card, "networks"), "2, which answer together");
    assert!(row(&card, "views of each image").contains("`flips`"), "{card}");
    place.hema("evaluate both.safetensors --data cells --suite clean --out judged").succeeds();
    place.hema("card both.safetensors --evaluation judged").succeeds();
    place.train("--data cells --out series --seeds 2").succeeds();
    let json = place.hema("card series --json").succeeds().json();
    assert_eq!(json["files"].as_array().unwrap().len(), 2);
    assert!(
        place.list("series/seed-0").contains("card.md") || place.list("series/seed-1").contains("card.md")
    );
}

#[test]
fn what_a_model_started_from_goes_on_to_those_that_start_or_learn_from_it() {
    let place = Place::with_run();
    let origins =
        |model: &str| place.hema(&format!("card {model} --json")).succeeds().json()["origins"].clone();
    assert_eq!(origins("run"), serde_json::json!([]));
    let tensors = hema::weights::read(&place.path("run/best.safetensors")).unwrap().tensors;
    hema::weights::write(&place.path("theirs.safetensors"), &tensors, &[].into()).unwrap();
    place.train("--data cells --out begun --set model.weights=theirs.safetensors").succeeds();
    let theirs = serde_json::json!([{ "source": "theirs.safetensors" }]);
    assert_eq!(origins("begun"), theirs);
    place.train("--data cells --out taught --set distill.teachers=[\"begun\"]").succeeds();
    assert_eq!(origins("taught"), theirs);
    place.train("--data cells --out further --set model.weights=taught").succeeds();
    assert_eq!(origins("further"), theirs);
    let card = place.read("further/card.md");
    assert!(card.contains("- `theirs.safetensors`: terms not on record"), "{card}");
    assert_eq!(row(&card, "start"), "the weights of taught");
    place.hema("soup further begun --data cells --uniform --out soup.safetensors").succeeds();
    assert_eq!(origins("soup.safetensors"), theirs);
}
