//! What a person sees who writes a recipe: defaults, overrides, and an error for every kind of slip.

mod schema;
mod slips;

use hema_core::error::{Error, Result};
use hema_core::preprocess::{Crop, Preprocess};

use super::read::{Author, Place, read_table, write_table};
use super::table::table;
use super::*;

const NONE: [&str; 0] = [];

const MINIMAL: &str = r#"name = "x"
[model]
name = "cnn"
[[stage]]
name = "a"
epochs = 1
lr = 1e-3
[[stage]]
name = "b"
epochs = 2
lr = 1e-4
"#;

fn with(overrides: &[&str]) -> Result<Recipe> {
    Recipe::parse(MINIMAL, "r.toml", overrides)
}

/// The error for the minimal recipe with `from` replaced by `to`, hint included.
fn slip(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from));
    shown(&Recipe::parse(&MINIMAL.replace(from, to), "r.toml", &NONE).unwrap_err())
}

fn shown(error: &Error) -> String {
    match error.hint_text() {
        Some(hint) => format!("{error} | {hint}"),
        None => error.to_string(),
    }
}

#[test]
fn little_must_be_said() {
    let recipe = with(&[]).unwrap();
    assert_eq!((recipe.data.size, recipe.data.crop, recipe.model.weights), (96, Crop::None, Weights::None));
    assert_eq!((recipe.stages[1].train.clone(), recipe.stages[1].batch_size), (Train::All, 64));
    assert_eq!(recipe.select.metric.as_str(), "accuracy");
}

#[test]
fn every_shipped_recipe_is_whole_and_named_as_its_file() {
    for shipped in SHIPPED {
        let recipe = Recipe::load(shipped.name, &NONE).unwrap();
        assert_eq!(recipe.name, shipped.name);
        assert!(!recipe.about.is_empty() && recipe.about == shipped.about());
    }
}

#[test]
fn the_recipes_of_the_results_can_be_run() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/robustness/recipes");
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let recipe = Recipe::load(&path.to_string_lossy(), &NONE).unwrap();
        assert_eq!(Some(recipe.name.as_str()), path.file_stem().and_then(|stem| stem.to_str()));
        found += 1;
    }
    assert!(found >= 12, "{found}");
}

#[test]
fn toml_round_trips() {
    let all_said = [
        "data.crop=200",
        "data.filter=lanczos",
        "data.mean=[0.5, 0.5, 0.5]",
        "model.weights=weights/x.safetensors",
        "model.head=[512, 256]",
        "model.activation=leaky_relu",
        "model.stages=3",
        "augment.operators=[{ name = \"hue\", strength = 0.25 }]",
        "data.sampler=square-root",
        "loss.class_weights=effective",
        "loss.beta=0.99",
        "stage.0.train={ from = \"blocks.3\" }",
        "stage.0.betas=[0.9, 0.99]",
        "stage.0.micro_batch=8",
        "stage.0.layer_decay=0.75",
        "stage.0.class_weights=balanced",
        "stage.1.optimizer=sgd",
        "loss.focus=2",
        "stage.all.schedule=one-cycle",
        "stage.all.warmup=0.1",
        "stage.all.final_lr=0.01",
        "stage.all.clip_norm=1",
        "stage.1.patience=3",
        "augment.base=[{ name = \"flip-vertical\" }]",
        "augment.mix=[{ name = \"cutmix\", probability = 0.5, alpha = 0.5, within_class = true, area = \"keras\" }]",
        "augment.mix_per=batch",
        "augment.mix_all=true",
        "augment.last=[{ name = \"grid-mask\" }]",
        "augment.copies=2",
        "loss.labelled_views=all",
        "distill.teachers=[\"runs/a\", \"b.safetensors\"]",
        "distill.temperature=4",
        "average.kind=ema",
        "average.decay=0.9998",
        "select.operators=[{ name = \"jpeg\" }]",
        "select.on=both",
    ];
    let ways = [
        "augment.one_of=[{ operators = [{ all_of = [{ name = \"jpeg\" }, { name = \"hue\" }] }] }, {}]",
        "augment.one_of_per=batch",
    ];
    for said in [&all_said[..], &ways] {
        let recipe = with(said).unwrap();
        assert_eq!(Recipe::parse(&recipe.to_toml().unwrap(), "again", &NONE).unwrap(), recipe);
    }
    for shipped in SHIPPED {
        let recipe = Recipe::load(shipped.name, &NONE).unwrap();
        assert_eq!(Recipe::parse(&recipe.to_toml().unwrap(), "again", &NONE).unwrap(), recipe);
    }
}

#[test]
fn overrides_reach_every_key() {
    let recipe = with(&[
        "seed = 7",
        "model.name=tf_efficientnetv2_b0",
        "stage.0.lr=1e-2",
        "stage.all.batch_size=32",
        "stage.1.optimizer=lion",
        "stage.0.train={ from = \"blocks.2\" }",
        "stage.1.train.from=blocks.3",
        "data.crop=square",
    ])
    .unwrap();
    assert_eq!((recipe.seed, recipe.model.name.as_str()), (7, "tf_efficientnetv2_b0"));
    assert_eq!((recipe.stages[0].lr, recipe.stages[1].lr), (1e-2, 1e-4));
    assert!(recipe.stages.iter().all(|stage| stage.batch_size == 32));
    assert_eq!(recipe.stages[1].optimizer.as_str(), "lion");
    assert_eq!(recipe.stages[0].train, Train::From("blocks.2".into()));
    assert_eq!(recipe.stages[1].train, Train::From("blocks.3".into()));
    assert_eq!(recipe.data.crop, Crop::Square);
}

#[test]
fn a_wrong_override_is_named() {
    for (assignment, expected) in [
        ("seed", "--set seed: found no `=`, expected key=value | for example --set stage.0.lr=1e-4"),
        ("modle.dropout=1", "--set modle.dropout=1: unknown key `modle` | did you mean `model.dropout`?"),
        (
            "stage.all.bach_size=32",
            "--set stage.all.bach_size=32: unknown key `bach_size` | did you mean `stage.all.batch_size`?",
        ),
        (
            "stage.2.lr=1",
            "--set stage.2.lr=1: found `2`, expected the number of an entry or `all` | entries count from 0 and there are 2",
        ),
        ("seed.x=1", "--set seed.x=1: `x` stands below a plain value | remove it from the key"),
        ("seed=abc", "--set seed=abc: found `\"abc\"`, expected a whole number of at least 0"),
        ("stage.0.lr=fast", "--set stage.0.lr=fast: found `\"fast\"`, expected a number above 0"),
        (
            "stage.0.optimizer=lino",
            "--set stage.0.optimizer=lino: unknown optimizer `lino` | did you mean `lion`?",
        ),
        ("model.dropout=2", "--set model.dropout=2: found `2`, expected 0 or more and less than 1"),
    ] {
        assert_eq!(shown(&with(&[assignment]).unwrap_err()), expected);
    }
}

#[test]
fn a_slip_in_the_file_is_named_with_its_line_and_key() {
    for (from, to, expected) in [
        (
            "epochs = 2",
            "epohcs = 2",
            "line 10: stage.1.epohcs: unknown key `epohcs` | did you mean `epochs`?",
        ),
        ("[model]", "[modle]", "line 2: modle: unknown key `modle` | did you mean `model`?"),
        ("epochs = 2", "", "line 8: stage.1: the key `epochs` is missing"),
        ("name = \"cnn\"", "", "line 2: model: the key `name` is missing"),
        (
            "epochs = 2",
            "epochs = \"two\"",
            "line 10: stage.1.epochs: found `\"two\"`, expected a whole number from 1 to 1000000",
        ),
        (
            "epochs = 2",
            "epochs = 2\ntrain = \"heda\"",
            "line 11: stage.1.train: unknown value `heda` | did you mean `head`?",
        ),
        (
            "[model]",
            "augment.operators = [{ nme = \"hue\" }]\n[model]",
            "line 2: augment.operators.0.nme: unknown key `nme` | did you mean `name`?",
        ),
        (
            "[model]",
            "data.crop = \"sqare\"\n[model]",
            "line 2: data.crop: found `sqare`, expected `none`, `square` or a whole number of pixels, at least 1 | did you mean `square`?",
        ),
        ("[model]", "[model", "line 2: unclosed table, expected `]`"),
    ] {
        assert_eq!(slip(from, to), format!("r.toml: {expected}"));
    }
}

#[test]
fn values_that_make_no_sense_are_refused() {
    for (from, to, expected) in [
        ("epochs = 2", "epochs = 0", "line 10: stage.1.epochs: found `0`, expected 1 to 1000000"),
        ("lr = 1e-4", "lr = nan", "line 11: stage.1.lr: found `NaN`, expected a number above 0"),
        (
            "name = \"b\"",
            "name = \"a\"",
            "line 9: stage.1.name: found `a`, expected a name no other stage has",
        ),
        (
            "lr = 1e-4",
            "lr = 1e-4\nbatch_size = 0",
            "line 12: stage.1.batch_size: found `0`, expected 1 to 65536 images",
        ),
        ("lr = 1e-4", "lr = 1e-4\nwarmup = 1.5", "line 12: stage.1.warmup: found `1.5`, expected 0 to 1"),
        (
            "lr = 1e-4",
            "lr = 1e-4\nbetas = [0.9, 1.0]",
            "line 12: stage.1.betas.1: found `1`, expected 0 or more and less than 1",
        ),
        (
            "lr = 1e-4",
            "lr = 1e-4\nschedule = \"constant\"\nfinal_lr = 0.1",
            "line 13: stage.1.final_lr: found `0.1`, expected no such key, as the schedule is `constant`",
        ),
        (
            "[model]",
            "data.sampler = \"balancd\"\n[model]",
            "line 2: data.sampler: unknown sampler `balancd` | did you mean `balanced`?",
        ),
        (
            "[model]",
            "loss.beta = 1\n[model]",
            "line 2: loss.beta: found `1`, expected 0 or more and less than 1",
        ),
        (
            "[model]",
            "data.size = 5000\n[model]",
            "line 2: data.size: found `5000`, expected 1 to 2048 pixels",
        ),
        (
            "[model]",
            "data.enlarge = 95\n[model]",
            "line 2: data.enlarge: found `95`, expected the 96 of `data.size` to 2048 pixels",
        ),
        (
            "[model]",
            "data.std = [1, 0, 1]\n[model]",
            "line 2: data.std.1: found `0`, expected a number above 0",
        ),
        (
            "[model]",
            "data.test = 0.9\n[model]",
            "data.validation + data.test: found `1.05`, expected less than 1, to leave images to train on",
        ),
        (
            "[model]",
            "[model]\nweights = \"imagnet\"",
            "line 3: model.weights: found `imagnet`, expected `none`, `imagenet`, `builtin` or the path of a file | did you mean `imagenet`?",
        ),
        (
            "[model]",
            "select.metric = \"acuracy\"\n[model]",
            "line 2: select.metric: unknown metric `acuracy` | did you mean `accuracy`?",
        ),
        (
            "[model]",
            "average.epochs = 0\n[model]",
            "line 2: average.epochs: found `0`, expected 1 to 1000000",
        ),
        (
            "[model]",
            "select.on = \"both\"\n[model]",
            "line 2: select.on: found `both`, expected `clean`, as `select.operators` says of no corruption | add under \
             [select]:\noperators = [{ name = \"gaussian-noise\" }, { name = \"jpeg\" }]",
        ),
        (
            "[model]",
            "select.operators = [{ name = \"jpg\" }]\n[model]",
            "line 2: select.operators.0.name: unknown operator `jpg` | did you mean `jpeg`?",
        ),
        (
            "[model]",
            "augment.operators = [{ name = \"hue\", strength = 2 }]\n[model]",
            "line 2: augment.operators.0.strength: found `2`, expected 0 to 1",
        ),
    ] {
        assert_eq!(slip(from, to), format!("r.toml: {expected}"));
    }
    let no_stage = &MINIMAL[..MINIMAL.find("[[stage]]").unwrap()];
    let error = Recipe::parse(no_stage, "r.toml", &NONE).unwrap_err();
    assert!(error.to_string().starts_with("r.toml: there is no stage") && error.hint_text().is_some());
}

#[test]
fn absurd_numbers_are_refused_by_their_keys() {
    let long = format!("[{}]", "1,".repeat(1001));
    let operators = format!("[{}]", "{name=\"jpeg\"},".repeat(1001));
    for (key, value, expected) in [
        ("model.head", "[1000000000]", "model.head.0: found `1000000000`, expected 1 to 65536 units"),
        ("model.head", "[9223372036854775807]", "model.head.0: found `9223372036854775807`"),
        ("model.head", &*long, "model.head: found a list of 1001 entries, expected at most 1000"),
        ("model.stages", "1000000000", "model.stages: found `1000000000`, expected 1 to 100"),
        ("data.size", "1000000000", "data.size: found `1000000000`, expected 1 to 2048 pixels"),
        ("data.enlarge", "1000000000", "data.enlarge: found `1000000000`, expected 1 to 2048 pixels"),
        ("stage.0.size", "1000000000", "stage.0.size: found `1000000000`, expected 1 to 2048 pixels"),
        (
            "stage.0.batch_size",
            "1000000000",
            "stage.0.batch_size: found `1000000000`, expected 1 to 65536 images",
        ),
        ("stage.0.micro_batch", "1000000000", "stage.0.micro_batch: found `1000000000`"),
        ("stage.0.epochs", "1000000000000", "stage.0.epochs: found `1000000000000`, expected 1 to 1000000"),
        ("stage.0.patience", "1000000000000", "stage.0.patience: found `1000000000000`"),
        ("average.epochs", "1000000000000", "average.epochs: found `1000000000000`"),
        ("augment.copies", "1000000000", "augment.copies: found `1000000000`, expected 0 to 100"),
        ("augment.operators", &*operators, "augment.operators: found a list of 1001 entries"),
        ("augment.operators", "[{name=\"rand-m9-n1000000000\"}]", "n is `1000000000`"),
        ("augment.operators", "[{name=\"augmix-w1000000000\"}]", "w is `1000000000`"),
        (
            "augment.operators",
            "[{some_of=[{name=\"jpeg\"}],count=[0,1000000000]}]",
            "augment.operators.0.count: found [0, 1000000000]",
        ),
        ("model.dropout", &*long, "model.dropout: found a list of 1001 entries"),
        (
            "distill.teachers",
            &*format!("[{}]", "\"a.b\",".repeat(1001)),
            "distill.teachers: found a list of 1001",
        ),
    ] {
        let error = with(&[&format!("{key}={value}")]).unwrap_err().to_string();
        // the override names its key itself
        let expected = expected.strip_prefix(&format!("{key}: ")).unwrap_or(expected);
        assert!(error.contains(expected), "{key}: {}", &error[error.len().saturating_sub(200)..]);
    }
}

#[test]
fn text_that_is_deep_or_long_is_an_error() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let dotted = "a.".repeat(100_000) + "a";
    for text in [
        format!("a = {}", deep("[", "]")),
        format!("a = {}", deep("{a = ", "}")),
        format!("{dotted} = 1"),
        format!("[{dotted}]"),
        format!("[[{dotted}]]"),
        format!("[augment]\noperators = {}", deep("[{some_of = ", "}]")),
        "[[augment.operators]]\n[[augment.operators.all_of]]\n".repeat(1000),
        "[".repeat(1_000_000),
    ] {
        Recipe::parse(&text, "r.toml", &NONE).unwrap_err();
        Space::parse(&text, "s.toml").unwrap_err();
        Recipe::parse(MINIMAL, "r.toml", &[&format!("augment.operators={text}")]).unwrap_err();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.toml");
    std::fs::write(&path, format!("{MINIMAL}#{}", "x".repeat(1 << 20))).unwrap();
    let name = path.to_str().unwrap();
    for error in [
        Recipe::load(name, &NONE).unwrap_err(),
        Recipe::load_saved(&path, &NONE).unwrap_err(),
        read_suite(&path).unwrap_err(),
        Space::read(&path).unwrap_err(),
    ] {
        assert!(error.to_string().contains("has more than 1048576 bytes"), "{error}");
    }
    #[cfg(unix)]
    assert!(Recipe::load("/dev/zero", &NONE).unwrap_err().to_string().contains("expected a file"));
}

#[test]
fn operators_and_recipes_are_found_by_name() {
    let error = |operators: &str| {
        shown(&with(&[&format!("augment.operators=[{operators}]")]).unwrap_err()).replace("--set: ", "")
    };
    for (operators, expected) in [
        (
            r#"{ name = "hue" }, { name = "rotat" }"#,
            "augment.operators.1.name: unknown operator `rotat` | did you mean `rotate`?",
        ),
        (r#"{ name = "rand-m99" }"#, "augment.operators.0.name: augmentation policy `rand-m99`: m is `99`"),
        (
            r#"{ name = "rotate", fill = "green" }"#,
            "augment.operators.0.fill: fill is `green` (expected reflect, background",
        ),
        (
            r#"{ name = "hue", fill = "reflect" }"#,
            "augment.operators.0.name: `hue` shows nothing beyond the border",
        ),
        (
            r#"{ some_of = [{ name = "hue" }], count = [1, 2] }"#,
            "augment.operators.0.count: found [1, 2], expected the least and the most of 1",
        ),
        (r#"{ some_of = [{ name = "hu" }] }"#, "augment.operators.0.some_of.0.name: unknown operator `hu`"),
        (
            r#"{ some_of = [{ name = "hue", strength = 3 }] }"#,
            "augment.operators.0.some_of.0.strength: found `3`",
        ),
        (
            r#"{ name = "hue", some_of = [{ name = "hue" }] }"#,
            "augment.operators.0.name: found `hue` beside `some_of`",
        ),
        (r#"{ all_of = [{ name = "hu" }] }"#, "augment.operators.0.all_of.0.name: unknown operator `hu`"),
        (
            r#"{ name = "hue", all_of = [{ name = "hue" }] }"#,
            "augment.operators.0.name: found `hue` beside `all_of`",
        ),
        (
            r#"{ some_of = [{ name = "hue" }], all_of = [{ name = "hue" }] }"#,
            "augment.operators.0.all_of: found beside `some_of`, expected one of them",
        ),
        (
            "{ strength = 0.5 }",
            "augment.operators.0.name: an operator has neither `name`, `some_of` nor `all_of`",
        ),
    ] {
        assert!(error(operators).contains(expected), "{}", error(operators));
    }
    let all_kinds = r#"augment.operators=[{ name = "jpeg" }, { name = "trivial" }, { count = [0, 2], some_of = [{ name = "hue" }, { name = "zoom", fill = "background" }] }]"#;
    let built = with(&[all_kinds]).unwrap().augment.build().unwrap();
    assert_eq!(built.names(), ["jpeg", "trivial", "hue", "zoom"]);
    let error = Recipe::load("v2bo", &NONE).unwrap_err();
    assert!(shown(&error).starts_with("v2bo: neither a shipped recipe nor a readable file"));
    assert_eq!(error.hint_text(), Some("did you mean `v2b0`?"));
}

#[test]
fn mixes_and_consistency_are_checked() {
    let error = |overrides: &[&str]| shown(&with(overrides).unwrap_err());
    let mix = |entries: &str| format!("augment.mix=[{entries}]");
    for (entries, expected) in [
        (r#"{ name = "cutmx" }"#, "augment.mix.0.name: unknown mix `cutmx` | did you mean `cutmix`?"),
        (r#"{ name = "mixup", alpha = 0 }"#, "augment.mix.0.alpha: found `0`, expected 0.01 to 100"),
        (
            r#"{ name = "mixup", probability = 0.6 }, { name = "cutmix", probability = 0.5 }"#,
            "augment.mix: sum of the probabilities: found `1.1`, expected at most 1, as one of them is chosen",
        ),
        (r#"{ name = "resizemix", alpha = 1 }"#, "augment.mix.0.name: found alpha = 1 beside `resizemix`"),
    ] {
        let found = error(&[&mix(entries)]);
        assert!(found.contains(expected), "{found}");
    }
    let operators = "augment.operators=[{ name = \"hue\" }]";
    with(&["loss.consistency=12", operators]).unwrap();
    let nothing_differs = error(&["loss.consistency=12"]);
    assert!(nothing_differs.contains("expected 0, as there is nothing in `augment.operators`"));
    let both = error(&["loss.consistency=12", operators, &mix(r#"{ name = "mixup" }"#)]);
    assert!(
        both.contains("loss.consistency: found `12`, expected 0, as `augment.mix` mixes images"),
        "{both}"
    );
}

#[test]
fn ways_to_augment_stand_alone_and_their_entries_are_checked() {
    let error = |entries: &str, more: &[&str]| {
        shown(&with(&[&[&*format!("augment.one_of=[{entries}]")], more].concat()).unwrap_err())
    };
    let beside = error("{}, {}", &["augment.operators=[{ name = \"hue\" }]"]);
    assert!(beside.contains("augment.one_of: found `2 entries`, expected nothing, as"), "{beside}");
    let unknown = error(r#"{}, { operators = [{ name = "hu" }] }"#, &[]);
    assert!(unknown.contains("augment.one_of.1.operators.0.name: unknown operator `hu`"), "{unknown}");
    let share = error(r#"{ mix = [{ name = "cutmix", probability = 2 }] }"#, &[]);
    assert!(share.contains("augment.one_of.0.mix.0.probability: found `2`, expected 0 to 1"), "{share}");
    let views = error(r#"{ operators = [{ name = "hue" }] }, {}"#, &["loss.consistency=12"]);
    assert!(views.contains("loss.consistency: found `12`, expected 0, as there is nothing"), "{views}");
}

#[test]
fn steps_count_the_smaller_last_batch() {
    let recipe = with(&["stage.0.batch_size=32"]).unwrap();
    assert_eq!(recipe.stages[0].steps_per_epoch(65), 3);
    assert_eq!(recipe.total_steps(65), 3 + 2 * 2);
    assert_eq!(recipe.stages[0].lr_schedule().peak, 1e-3);
}

#[test]
fn images_are_normalised_as_imagenet_unless_a_recipe_says_otherwise() {
    let data = Data::default();
    assert_eq!((data.mean, data.std), (Preprocess::IMAGENET_MEAN, Preprocess::IMAGENET_STD));
}

#[test]
fn what_stands_beside_a_list_of_operators_is_refused_unless_runs_wrote_it() {
    let entry = |more: &str| format!("augment.operators=[{{ some_of = [{{ name = \"hue\" }}]{more} }}]");
    let written_by_runs = with(&[&entry(", probability = 1.0, strength = 1.0")]).unwrap();
    assert_eq!(written_by_runs, with(&[&entry("")]).unwrap());
    for (more, expected) in [
        (", strength = 0.5", "augment.operators.0.strength: found beside `some_of`, which has no such key"),
        (", fill = \"reflect\"", "augment.operators.0.fill: found beside `some_of`"),
    ] {
        let error = shown(&with(&[&entry(more)]).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
    let saved = format!("augment.{}\n{MINIMAL}", &entry(", strength = 0.5")[8..]);
    assert_eq!(Recipe::parse_saved(&saved, "recipe.toml").unwrap().augment, written_by_runs.augment);
    let error = shown(&with(&["augment.operators=[{ name = \"hue\", count = [1, 1] }]"]).unwrap_err());
    assert!(error.contains("augment.operators.0.count: found beside `name`"), "{error}");
}

table! {
    /// A table of which the default of a key has changed since it was new.
    struct Changed {
        /// A rate.
        #[key(default = "0.5", before = "0.1")]
        rate: f64,
        /// A number of something.
        #[key(unset = "none of it")]
        number: Option<u64>,
    }
}

#[test]
fn a_key_that_a_run_did_not_know_takes_the_value_that_reproduces_it() {
    let read = |text: &str, author| {
        read_table::<Changed>(&text.parse::<toml::Table>().unwrap().into(), &Place::top(author)).unwrap()
    };
    assert_eq!(read("", Author::Person), Changed { rate: 0.5, number: None });
    assert_eq!(read("", Author::Run), Changed { rate: 0.1, number: None });
    let said = "rate = 0.3\nnumber = 2";
    assert_eq!(read(said, Author::Run), read(said, Author::Person));
    // what a run saves says every key, so that no default of a later program can change it
    assert!(write_table(&read("", Author::Run)).contains_key("rate"));

    // training was in 32 bits before a recipe could say otherwise
    let precision = |recipe: Result<Recipe>| recipe.unwrap().precision;
    assert_eq!(precision(Recipe::parse_saved(MINIMAL, "recipe.toml")), Precision::Fp32);
    assert_eq!(precision(Recipe::parse(MINIMAL, "r.toml", &NONE)), Precision::Auto);
}
