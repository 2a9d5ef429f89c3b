//! Slips in keys and values, and the hints to what was meant.

use super::*;
use crate::recipe::OTHER_NAMES;

/// A recipe with one stage and with entries in every list, those of `augment.one_of` apart.
const ENTRIES: &str = r#"name = "x"
augment.operators = [{ name = "hue" }]
augment.mix = [{ name = "mixup" }]
[model]
name = "cnn"
[[stage]]
name = "a"
epochs = 1
lr = 1e-3
"#;

/// The hint for an override of the recipe with two stages.
fn hint(assignment: &str) -> String {
    with(&[assignment]).unwrap_err().hint_text().unwrap_or_default().to_owned()
}

/// The hint for an override of the recipe with one stage.
fn hint_of_one(assignment: &str) -> String {
    let error = Recipe::parse(ENTRIES, "r.toml", &[assignment]).unwrap_err();
    error.hint_text().unwrap_or_default().to_owned()
}

/// The hint for the minimal recipe with `from` replaced by `to`.
fn hint_in_file(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from));
    let error = Recipe::parse(&MINIMAL.replace(from, to), "r.toml", &NONE).unwrap_err();
    error.hint_text().unwrap_or_default().to_owned()
}

#[test]
fn a_key_without_its_table_is_found_wherever_it_stands() {
    for (assignment, expected) in [
        ("lr=1e-4", "did you mean `stage.0.lr`?"),
        ("epochs=2", "did you mean `stage.0.epochs` or `average.epochs`?"),
        ("size=64", "did you mean `data.size` or `stage.0.size`?"),
        ("batch_size=8", "did you mean `stage.0.batch_size`?"),
        ("batchSize=8", "did you mean `stage.0.batch_size`?"),
        ("dropout=0.2", "did you mean `model.dropout`?"),
        ("stage.epochs=2", "did you mean `stage.0.epochs`?"),
        ("stage.0.dropout=0.2", "did you mean `model.dropout`?"),
        ("train.from=blocks.3", "did you mean `stage.0.train.from`?"),
        ("optimizer.name=sgd", "did you mean `stage.0.optimizer`?"),
        ("optimizer.lr=1", "did you mean `stage.0.lr`?"),
        ("stage[0].lr=1", "did you mean `stage.0.lr`?"),
        ("stage.a.lr=1", "did you mean `stage.0.lr`?"),
        ("label_smothing=0.1", "did you mean `loss.label_smoothing`?"),
        ("alpha=1", "did you mean `augment.mix.0.alpha`?"),
        ("learning_rate=1", "did you mean `stage.0.lr`?"),
        ("data.image_size=64", "did you mean `data.size`?"),
        ("weights=imagenet", "did you mean `model.weights`?"),
        // the nearest name of the table itself is nearer
        ("model.dorpout=0.1", "did you mean `model.dropout`?"),
        ("stage.0.Epochs=3", "did you mean `stage.0.epochs`?"),
        ("stage.all.Epochs=3", "did you mean `stage.all.epochs`?"),
        ("stage.0.scheduler=cosine", "did you mean `stage.0.schedule`?"),
        ("stage.0.momentum=0.9", "did you mean `stage.0.betas`?"),
        ("stage.all.freeze=10", "did you mean `stage.all.train`?"),
        ("imgsz=64", "did you mean `data.size`?"),
        ("data.pretrained=true", "did you mean `model.weights`?"),
        ("modle.dropout=0.1", "did you mean `model.dropout`?"),
        ("modle.nothing=0.1", "did you mean `model`?"),
        // there are both
        ("distill.weights=0.5", "did you mean `distill.weight` or `model.weights`?"),
    ] {
        assert_eq!(hint_of_one(assignment), expected, "{assignment}");
    }
    let of_each = "did you mean `stage.0.lr` (a), `stage.1.lr` (b) or `stage.all.lr`?";
    assert_eq!((hint("lr=1"), hint("stage.lr=1")), (of_each.into(), of_each.into()));
    // a name that stands everywhere says nothing
    assert!(hint_of_one("data.name=x").starts_with("known: size, "));
    // what has no entry yet has a place in a file
    assert_eq!(hint("alpha=1"), "did you mean `alpha` under `[[augment.mix]]`?");
}

#[test]
fn a_key_in_the_wrong_place_of_a_file_is_told_its_header() {
    let top = |line: &str| hint_in_file("[model]", &format!("{line}\n[model]"));
    assert_eq!(top("epochs = 2"), "did you mean `epochs` under `[[stage]]` or `epochs` under `[average]`?");
    assert_eq!(top("learning_rate = 2"), "did you mean `lr` under `[[stage]]`?");
    assert_eq!(top("augment.alpha = 1"), "did you mean `alpha` under `[[augment.mix]]`?");
    assert_eq!(
        hint_in_file("[model]", "[model]\nseed = 3"),
        "did you mean `seed` at the top of the file, before the first table?"
    );
    assert_eq!(hint_in_file("[model]", "[model]\nstage = 3"), "did you mean `stages`?");
    let stage =
        |line: &str| hint_in_file("[[stage]]\nname = \"a\"", &format!("[[stage]]\n{line}\nname = \"a\""));
    assert_eq!(stage("scheduler = \"cosine\""), "did you mean `schedule`?");
    assert_eq!(stage("momentum = 0.9"), "did you mean `betas`?");
    for (table, header) in [("train", "[[stage]]"), ("optimizer", "[[stage]]"), ("dataset", "[data]")] {
        let hint = hint_in_file("[model]", &format!("[{table}]\nepochs = 3\n[model]"));
        assert_eq!(hint, format!("such keys stand under `{header}` here"));
    }
}

#[test]
fn every_name_of_another_program_leads_to_a_key() {
    let keys: Vec<String> = SCHEMAS[0].keys().into_iter().map(|at| at.path).collect();
    for (other, path) in OTHER_NAMES {
        assert!(keys.iter().any(|key| key == path), "{other}: {path}");
        assert!(!hint_of_one(&format!("{other}=1")).is_empty(), "{other}");
    }
}

#[test]
fn names_are_found_in_any_case() {
    for (assignment, expected) in [
        ("stage.0.optimizer=SGD", "did you mean `sgd`?"),
        ("stage.0.optimizer=AdamW", "did you mean `adamw`?"),
        ("stage.0.schedule=Cosine", "did you mean `cosine`?"),
        ("stage.0.schedule=OneCycleLR", "did you mean `one-cycle`?"),
        ("precision=BF16", "did you mean `bf16`?"),
        ("model.weights=IMAGENET1K_V1", "did you mean `imagenet`?"),
        ("model.name=efficientnet_v2_s", "did you mean `tf_efficientnetv2_s`?"),
        ("model.name=EfficientNetV2B0", "did you mean `tf_efficientnetv2_b0`?"),
        (
            "model.name=hf_hub:timm/tf_efficientnetv2_b0.in1k",
            "did you mean `tf_efficientnetv2_b0`? `model.weights=imagenet` starts it from timm's weights",
        ),
        (
            "model.weights=timm/tf_efficientnetv2_b0.in1k",
            "`imagenet` takes timm's published weights, which `hema weights fetch` brings",
        ),
        ("augment.operators.0.name=Rotate", "did you mean `rotate`?"),
        ("augment.operators.0.name=RandomHorizontalFlip", "did you mean `flip-horizontal`?"),
    ] {
        assert_eq!(hint_of_one(assignment), expected, "{assignment}");
    }
}

#[test]
fn a_value_in_another_form_is_shown_the_right_one() {
    let from = "expected `all`, `head` or a table such as `{ from = \"blocks.3\" }`";
    let error = |assignment: &str| shown(&Recipe::parse(ENTRIES, "r.toml", &[assignment]).unwrap_err());
    assert!(error("stage.0.train=blocks.3").ends_with(from), "{}", error("stage.0.train=blocks.3"));
    assert!(error("stage.0.train=3").ends_with(from), "{}", error("stage.0.train=3"));
    for (assignment, expected) in [
        (
            "stage.0.train={from=blocks.3}",
            "text in lists and tables stands in double quotes, which a shell takes away unless single ones are around \
             all: 'stage.0.train={from=\"blocks.3\"}'",
        ),
        (
            "augment.operators=[{name=hue, probability=0.5}]",
            "text in lists and tables stands in double quotes, which a shell takes away unless single ones are around \
             all: 'augment.operators=[{name=\"hue\", probability=0.5}]'",
        ),
        ("augment.operators=[\"hue\"]", "did you mean `{ name = \"hue\" }`?"),
        ("augment.mix=[\"mixup\"]", "did you mean `{ name = \"mixup\" }`?"),
        ("model=resnet18", "did you mean `model.name = \"resnet18\"`?"),
        ("stage.0.lr=0,001", "write `0.001`, with a point"),
        ("data.mean=[0.5, 0.5", "it is no TOML: unclosed array, expected `]`"),
    ] {
        assert_eq!(hint_of_one(assignment), expected, "{assignment}");
    }
    assert!(error("augment.mix=mixup").contains("expected a list of tables such as `{ name = \"mixup\" }`"));
    assert!(error("distill=a").contains("expected a table such as `{ teachers = [\"folder/file\"] }`"));
    assert_eq!(
        hint_in_file("[[stage]]\nname = \"a\"\nepochs = 1\nlr = 1e-3\n[[stage]]", "[stage]"),
        "write `[[stage]]` with two brackets a side, or a list `[{ ... }]` in one line"
    );
}

/// Every key that the reference and `hema recipe keys` name is one that the parser takes, with the value that
/// they show.
#[test]
fn every_key_with_its_example_is_read() {
    let recipe = Recipe::parse(ENTRIES, "r.toml", &NONE).unwrap();
    let forms = ["augment.operators.0.some_of", "augment.operators.0.count", "augment.operators.0.all_of"];
    let keys = SCHEMAS[0].keys();
    assert!(keys.len() > 80, "{}", keys.len());
    for at in keys {
        let assignment = format!("{}={}", at.path, at.key.example());
        if at.path.starts_with("augment.one_of.0.") {
            recipe.with_override("", "augment.one_of=[{}]").unwrap().with_override("", &assignment).unwrap();
        } else if forms.contains(&at.path.as_str()) {
            // other forms of an entry, whose own keys stand in it alone
            let form = if at.key.name == "count" { "some_of = [{ name = \"hue\" }], " } else { "" };
            let entry = format!("augment.operators=[{{ {form}{} = {} }}]", at.key.name, at.key.example());
            recipe.with_override("", &entry).unwrap();
        } else {
            recipe.with_override("", &assignment).unwrap();
        }
    }
}
