//! `hema recipe`: a recipe to read, and the keys that one can have.

use hema::recipe::{Recipe, Shipped};
use insta::assert_snapshot;

use crate::support::Place;

#[test]
fn a_shipped_recipe_is_shown_as_it_is_and_runs_from_a_file() {
    let place = Place::with_cells();
    let shown = place.hema("recipe show cnn").succeeds().out;
    assert_eq!(shown.trim_end(), Shipped::find("cnn").unwrap().text.trim_end());
    assert!(shown.starts_with("# "));
    place.write("mine.toml", &shown);
    place.hema("train --recipe mine.toml --data cells --out run --set epochs=1").error();
    let quick = "--set data.size=24 --set stage.all.epochs=1 --set model.name=cnn_gap";
    place.hema(&format!("train --recipe mine.toml --data cells --out run {quick}")).succeeds();

    // of a run, its model or a file: every key
    let full = place.read("run/recipe.toml");
    for words in ["run", "run/best.safetensors", &format!("mine.toml {quick}"), &format!("cnn {quick}")] {
        let shown = place.hema(&format!("recipe show {words}")).succeeds().out;
        let read = |text: &str| Recipe::parse(text, "shown", &[] as &[&str]).unwrap();
        assert!(shown.contains("drop_path = 0.0"), "{words}: {shown}");
        assert_eq!(read(&shown), read(&full), "{words}");
    }
    assert!(place.hema("recipe show cnn --full").succeeds().out.contains("drop_path = 0.0"));
    let json = place.hema("recipe show cnn --json").succeeds().json();
    assert_eq!((&json["name"], &json["recipe"]["model"]["drop_path"]), (&"cnn".into(), &0.0.into()));
    assert_eq!(json["text"], Shipped::find("cnn").unwrap().text);
    assert_snapshot!(place.hema("recipe show cells").error(), @"error: cells: a folder without a recipe.toml, expected a run directory");
    assert!(
        place
            .hema("recipe show cnn --set epochs=2")
            .error()
            .starts_with("error: --set epochs=2: unknown key")
    );
    assert!(place.hema("recipe show v2b").error().ends_with("hint: did you mean `v2b0`?"));
}

#[test]
fn a_key_is_found_by_its_name_and_by_its_meaning() {
    let place = Place::empty();
    let said = place.hema("recipe keys clip_norm").succeeds();
    assert_snapshot!(said.out, @r"
    `[[stage]]`: one stretch of training with one optimizer.

      stage.0.clip_norm
          a number above 0; when left out: gradients are not clipped
          Largest norm of the gradient of all weights together; larger ones are scaled down to it.
    ");
    assert!(said.err.starts_with("in a file, `stage.0.lr` is `lr` below `[[stage]]`"), "{said:?}");
    for (word, path) in [
        ("learning-rate", "stage.0.lr"),
        ("Label smoothing", "loss.label_smoothing"),
        ("batchsize", "stage.0.batch_size"),
        ("sgd", "stage.0.optimizer"),
        ("focal", "loss.focus"),
    ] {
        let mut command = place.command("recipe keys");
        let output = command.arg(word).output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(out.lines().any(|line| line.trim() == path), "{word}: {out}");
    }
    let all = place.hema("recipe keys --json").succeeds().json();
    let lr = all.as_array().unwrap().iter().find(|key| key["key"] == "stage.0.lr").unwrap();
    assert_eq!((&lr["required"], &lr["values"]), (&true.into(), &"a number above 0".into()));
    assert!(place.hema("recipe keys").succeeds().out.lines().all(|line| line.chars().count() <= 100));
    assert_snapshot!(place.hema("recipe keys epohcs").error(), @r"
    error: no key of a recipe has to do with `epohcs`
    hint: did you mean `epochs`?
    ");
}
