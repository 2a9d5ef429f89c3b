//! Slips in recipes, in `--set` and on the command line: what was found, where, and what was probably meant.

use insta::assert_snapshot;

use crate::support::Place;

/// A recipe of which each test spoils one line.
const RECIPE: &str = r#"name = "mine"

[data]
size = 24

[model]
name = "cnn_gap"

[augment]
operators = [{ name = "flip-horizontal", probability = 0.5 }]

[[stage]]
name = "all"
epochs = 1
batch_size = 16
lr = 1e-3
"#;

#[test]
fn slips_in_a_recipe_are_found_before_anything_is_read() {
    let place = Place::with_cells();
    place.write("mine.toml", RECIPE);
    place.hema("train --recipe mine.toml --data cells --out run").succeeds();

    let error = |from: &str, to: &str| {
        assert!(RECIPE.contains(from));
        place.write("mine.toml", RECIPE.replacen(from, to, 1));
        let error = place.hema("train --recipe mine.toml --data cells --out new").error();
        assert!(place.list("new").is_empty());
        error
    };
    assert_snapshot!(error("epochs", "epohcs"), @r"
    error: mine.toml: line 14: stage.0.epohcs: unknown key `epohcs`
    hint: did you mean `epochs`?
    ");
    assert_snapshot!(error("flip-horizontal", "flip-horzontal"), @r"
    error: mine.toml: line 10: augment.operators.0.name: unknown operator `flip-horzontal`
    hint: did you mean `flip-horizontal`?
    ");
    assert_snapshot!(error("cnn_gap", "cnn_gpa"), @r"
    error: mine.toml: line 7: model.name: unknown model `cnn_gpa`
    hint: did you mean `cnn_gap`?
    ");
    assert_snapshot!(error("epochs = 1", "epochs = \"many\""), @r#"error: mine.toml: line 14: stage.0.epochs: found `"many"`, expected a whole number from 1 to 1000000"#);
    assert_snapshot!(error("1e-3", "-1"), @"error: mine.toml: line 16: stage.0.lr: found `-1`, expected a number above 0");
    assert_snapshot!(error("size = 24", "size = 8"), @"error: `cnn_gap` cannot take images of 8 pixels: expected at least 22");
    assert_snapshot!(error("lr = 1e-3", "lr = 1e-3\ntrain = { from = \"blocks.9\" }"), @r"
    error: stage `all`: the network has no module `blocks.9`
    hint: known: stages, stages.0, stages.1, stages.2, classifier
    ");
    assert_snapshot!(error("[model]", "[model"), @"error: mine.toml: line 6: unclosed table, expected `]`");
}

#[test]
fn slips_in_overrides_are_found() {
    let place = Place::with_cells();
    let error = |assignment: &str| {
        let error = place.train(&format!("--data cells --out new --set {assignment}")).error();
        assert!(place.list("new").is_empty());
        error
    };
    assert_snapshot!(error("stage.0.epohcs=3"), @r"
    error: --set stage.0.epohcs=3: unknown key `epohcs`
    hint: did you mean `stage.0.epochs`?
    ");
    assert_snapshot!(error("stagee.0.epochs=3"), @r"
    error: --set stagee.0.epochs=3: unknown key `stagee`
    hint: did you mean `stage.0.epochs`?
    ");
    assert_snapshot!(error("stage.7.epochs=3"), @r"
    error: --set stage.7.epochs=3: found `7`, expected the number of an entry or `all`
    hint: entries count from 0 and there is 1
    ");
    assert_snapshot!(error("epochs=3"), @r"
    error: --set epochs=3: unknown key `epochs`
    hint: did you mean `stage.0.epochs` or `average.epochs`?
    ");
    assert_snapshot!(error("stage.0.optimizer=SGD"), @r"
    error: --set stage.0.optimizer=SGD: unknown optimizer `SGD`
    hint: did you mean `sgd`?
    ");
    assert_snapshot!(error("model.name=efficientnet_v2_s"), @r"
    error: --set model.name=efficientnet_v2_s: unknown model `efficientnet_v2_s`
    hint: did you mean `tf_efficientnetv2_s`?
    ");
    assert_snapshot!(error("stage.all.epochs"), @r"
    error: --set stage.all.epochs: found no `=`, expected key=value
    hint: for example --set stage.0.lr=1e-4
    ");
    // a shell has parted what belongs together
    assert_snapshot!(error("stage.all.epochs = 3"), @r"
    error: --set stage.all.epochs: expected KEY=VALUE in one word
    hint: leave out the spaces, as in `--set stage.0.lr=1e-4`, or put it in single quotes
    ");
    for words in ["stage.all.epochs= 3", "stage.all.epochs =3", "stage.all.epochs 3"] {
        assert!(error(words).contains("expected KEY=VALUE in one word"), "{}", error(words));
    }
    assert_snapshot!(error("stage.all.epochs=many"), @r#"error: --set stage.all.epochs=many: found `"many"`, expected a whole number from 1 to 1000000"#);
    assert_snapshot!(error("stage.all.lr=-1"), @"error: --set stage.all.lr=-1: found `-1`, expected a number above 0");
    assert_snapshot!(error("select.metric=acuracy"), @r"
    error: --set select.metric=acuracy: unknown metric `acuracy`
    hint: did you mean `accuracy`?
    ");
    assert_snapshot!(error("data.validation=0"), @r"
    error: cells: no image is left for validation, whose share is 0
    hint: add images, raise the share with --set data.validation=0.3, or give a --split
    ");
    assert_snapshot!(error("model.weights=mine.safetensors"), @r"
    error: mine.safetensors: cannot be opened: No such file or directory (os error 2)
    hint: check the path
    ");
    assert!(
        error("model.weights=imagenet")
            .contains("\nhint: none are published where `hema weights fetch` looks; take the recipe `few-cells`, which needs none")
    );
}

#[test]
fn recipes_of_absurd_sizes_are_refused_before_anything_is_read() {
    let place = Place::with_cells();
    let error = |overrides: &str| {
        let error = place.train(&format!("--data cells --out new {overrides}")).error();
        assert!(place.list("new").is_empty());
        error
    };
    assert_snapshot!(error("--set model.head=[1000000000]"), @"error: --set model.head=[1000000000]: model.head.0: found `1000000000`, expected 1 to 65536 units");
    let wide = error("--set model.name=mlp --set data.size=2048 --set model.head=[60000]");
    assert!(wide.starts_with("error: `mlp` for 2048 pixels with the head [60000] has 75497"), "{wide}");
    assert!(wide.contains(" parameters, expected at most 2000000000\nhint: give smaller images "), "{wide}");
    assert_snapshot!(error("--set stage.all.batch_size=1000000000"), @"error: --set stage.all.batch_size=1000000000: found `1000000000`, expected 1 to 65536 images");
    assert_snapshot!(error("--set stage.all.epochs=1000000000000"), @"error: --set stage.all.epochs=1000000000000: found `1000000000000`, expected 1 to 1000000");
}

#[test]
fn unknown_names_suggest_known_ones() {
    let place = Place::with_run();
    assert_snapshot!(place.hema("train --recipe cnnn --data cells").error(), @r"
    error: cnnn: neither a shipped recipe nor a readable file: cannot be opened: No such file or directory (os error 2)
    hint: did you mean `cnn`?
    ");
    assert_snapshot!(place.hema("evaluate run --data cells --suite degrade").error(), @r"
    error: unknown suite `degrade`
    hint: did you mean `degraded`?
    ");
    assert_snapshot!(place.hema("evaluate run --data cells --part vall").error(), @"error: part is `vall` (expected train, val, test or all)");
    assert_snapshot!(place.hema("list modles").error(), @r"
    error: there is nothing called `modles` to list
    hint: did you mean `models`?
    ");
    assert_snapshot!(place.hema("list --schema recip").error(), @r"
    error: there is no schema of `recip`
    hint: did you mean `recipe`?
    ");
    let schema = place.hema("list --schema recipe").succeeds().json();
    assert_eq!(schema["properties"]["stage"]["items"]["$ref"], "#/$defs/Stage");
    assert!(place.hema("predct run cells").error().contains("'predict'"));
    assert!(place.hema("predict run").error().contains("<INPUT>"));
}

#[test]
fn a_run_does_not_write_over_its_own_recipe_or_split() {
    let place = Place::with_cells();
    place.write("mine/recipe.toml", format!("# my notes\n{RECIPE}"));
    assert_snapshot!(place.hema("train --recipe mine/recipe.toml --data cells --out mine").error(), @r"
    error: mine/recipe.toml: the run would write over this file
    hint: choose another --out
    ");
    place.hema("train --recipe mine/recipe.toml --data cells --out run").succeeds();
    std::fs::copy(place.path("run/split.csv"), place.path("mine/split.csv")).unwrap();
    let error = place.train("--data cells --split mine/split.csv --out mine").error();
    assert!(error.starts_with("error: mine/split.csv: the run would write over this file"), "{error}");
    assert!(place.read("mine/recipe.toml").starts_with("# my notes") && place.list("mine").len() == 2);
}

#[test]
fn a_loss_that_explodes_stops_the_run() {
    let place = Place::with_cells();
    let error = place.train("--data cells --out run --set stage.all.lr=1e30").error();
    assert!(error.contains("expected a finite number") || error.contains("gradient"), "{error}");
    assert!(
        error.ends_with("\nhint: lower the stage's `lr` or set its `clip_norm`; no checkpoint is saved yet"),
        "{error}"
    );
    assert!(!place.path("run/best.safetensors").exists());
}
