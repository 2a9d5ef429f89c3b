//! Cards of made-up models and records.

use hema_core::data::Dataset;
use hema_core::preprocess::Preprocess;
use hema_core::synthetic::render;
use serde_json::{Value, json};

use super::*;
use crate::model::{ModelSpec, Network};
use crate::model_file::{Bundle, FORMAT, FittedOn, Manifest, Trained};
use crate::weights::{Origin, state_dict};

/// What people call classes and folders when they mean harm, or nothing at all.
const HOSTILE: [&str; 3] =
    ["<script>alert(1)</script>", "a: #|\"b\"\n---\n# c", "`[x](y) \\ ~~d~~ {e}\u{202e}"];

fn provenance(command: &str) -> Provenance {
    Provenance {
        version: "0.1.0".into(),
        commit: "0".repeat(40),
        dirty: false,
        command: command.into(),
        device: "cpu, 2 threads".into(),
        time: "2026-11-30T12:00:00Z".into(),
    }
}

fn model(classes: &[&str]) -> Ensemble {
    let spec = ModelSpec::bare("mlp", classes.len(), 8);
    let network = Network::new(&spec, 1, &burn::tensor::Device::flex()).unwrap();
    let manifest = Manifest {
        format: FORMAT,
        model: spec,
        classes: classes.iter().map(ToString::to_string).collect(),
        preprocess: Preprocess::imagenet(8),
        temperature: 1.25,
        prevalence: Vec::new(),
        tta: "none".into(),
        augmentations: Vec::new(),
        synthetic: false,
        fitted_on: Some(FittedOn::new("abc", &["epoch", "temperature"])),
        seen: Seen::default(),
        likeness: Likeness::default(),
        trust: None,
        origins: Some(vec![Origin { source: "timm/mlp.in1k".into(), terms: Some("apache-2.0".into()) }]),
        trained: Some(Trained {
            data: "data/cells".into(),
            images: 1200,
            validation: 300,
            epoch: 3,
            epochs: 5,
            seconds: 4000.0,
        }),
        metrics: [].into(),
        recipe: String::new(),
        provenance: provenance("hema train --data data/cells"),
    };
    Ensemble::of_one(Path::new("m.safetensors"), Bundle { manifest, tensors: state_dict(&network) }).unwrap()
}

/// The scores of as many right and wrong answers, half of each of two classes.
fn scores(right: u64, wrong: u64) -> Value {
    let accuracy = right as f64 / (right + wrong) as f64;
    let class = |name: &str| {
        json!({
            "name": name, "support": 50, "precision": accuracy, "precision_interval": [0.5, 0.9],
            "recall": accuracy, "recall_interval": [0.5, 0.9], "f1": accuracy, "auroc": null,
        })
    };
    json!({
        "n": right + wrong, "accuracy": accuracy, "accuracy_interval": [accuracy - 0.1, accuracy + 0.1],
        "macro_f1": accuracy, "ece": 0.031, "per_class": [class("a"), class("b")],
        "confusion": [[right / 2, wrong / 2], [wrong / 2, right / 2]],
        "reliability": [{"low": 0.8, "high": 0.9, "count": right + wrong, "confidence": 0.85, "accuracy": accuracy}],
    })
}

fn record(data: &str, right: u64) -> Value {
    let condition = |corruption: Value, severity: u8, right: u64| {
        json!({
            "suite": "degraded", "corruption": corruption, "severity": severity, "operators": 1,
            "trained_on": [], "scores": scores(right, 100 - right),
        })
    };
    json!({
        "format": 3,
        "provenance": serde_json::to_value(provenance("hema evaluate m.safetensors")).unwrap(),
        "model": {
            "path": "m.safetensors", "architecture": "mlp", "parameters": 0, "size": 8, "augmentations": [],
            "fitted_here": [],
        },
        "data": {
            "path": data, "part": "test", "hash": "def", "classes": ["a", "b"], "counts": [50, 50], "skipped": 0,
            "synthetic": false, "known": {"images": 100, "trained": 0, "chosen": 0},
        },
        "conditions": [
            condition(Value::Null, 0, right), condition("motion_blur".into(), 1, 80), condition("motion_blur".into(), 3, 60),
        ],
        "suites": [{
            "name": "degraded", "size": 8, "conditions": 2, "accuracy": 0.7, "accuracy_interval": [0.65, 0.75],
            "balanced_accuracy": 0.7, "ece": 0.08, "worst": "motion_blur", "worst_accuracy": 0.7,
            "unseen_accuracy": 0.7, "relative": null,
        }],
        "mistakes": [],
        "speed": {"images": 100, "seconds": 4.0, "precision": "fp32"},
    })
}

fn evaluation(record: Value) -> Evaluation {
    serde_json::from_value(record).unwrap()
}

fn card(model: &Ensemble) -> ModelCard {
    ModelCard::of(model, Path::new("m.safetensors"), provenance("hema card m.safetensors")).unwrap()
}

fn missing(card: &ModelCard) -> Vec<&str> {
    card.missing.iter().map(|missing| missing.what.as_str()).collect()
}

#[test]
fn what_a_card_says_of_the_scores_is_what_the_record_says() {
    let mut card = card(&model(&["a", "b"]));
    let mut changed = card.clone();
    card.add(&evaluation(record("other/laboratory", 90)));
    changed.add(&evaluation(record("other/laboratory", 96)));
    let (text, other) = (card.to_markdown(), changed.to_markdown());
    for line in [
        "| accuracy | 90.0 % | 80.0 % to 100.0 % |",
        "| motion blur | 70.0 % |  | 1: 80.0 %, 3: 60.0 % | 3.1 % |",
        "accuracy 70.0 % (95 % interval 65.0 % to 75.0 %)",
        "| unchanged images | 3.1 % |",
        "| suite degraded | 8.0 % |",
        "By its name another data set than the one that it was trained on:",
        "25 images a second in fp32, on cpu, 2 threads (100 images in 4.0 s",
        "      value: 0.9000",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(other.contains("| accuracy | 96.0 % |") && !other.contains("value: 0.9000"), "{other}");
    // the JSON has the same facts, and gives the same page
    let json = serde_json::to_string(&card).unwrap();
    let read: ModelCard = serde_json::from_str(&json).unwrap();
    assert!(read == card && read.to_markdown() == text);
}

#[test]
fn an_evaluation_that_says_nothing_new_is_not_shown_twice() {
    let mut without = record("other/laboratory", 90);
    without["suites"] = json!([]);
    let (with, other) = (record("other/laboratory", 90), record("other/laboratory", 91));
    for records in [[&without, &with, &other], [&with, &without, &other]] {
        let mut card = card(&model(&["a", "b"]));
        for record in records {
            card.add(&evaluation(record.clone()));
        }
        let suites: Vec<usize> = card.evaluations.iter().map(|judged| judged.suites.len()).collect();
        assert_eq!(suites, [1, 1]);
    }
}

#[test]
fn a_card_says_how_the_images_are_related_to_those_of_training() {
    let of = |record: Value| {
        let mut card = card(&model(&["a", "b"]));
        card.add(&evaluation(record));
        card.evaluations[0].of_training
    };
    assert_eq!(of(record("other/laboratory", 90)), OfTraining::OtherData);
    assert_eq!(of(record("elsewhere/cells", 90)), OfTraining::SameData);
    let mut known = record("other/laboratory", 90);
    known["data"]["known"]["chosen"] = json!(3);
    assert_eq!(of(known.clone()), OfTraining::Chosen);
    known["data"]["known"]["trained"] = json!(1);
    assert_eq!(of(known.clone()), OfTraining::Trained);
    known["data"].as_object_mut().unwrap().remove("known");
    assert_eq!(of(known.clone()), OfTraining::Unknown);
    known["model"]["fitted_here"] = json!(["epoch"]);
    assert_eq!(of(known), OfTraining::Chosen);
}

#[test]
fn facts_that_no_file_holds_are_named_with_the_command_that_brings_them() {
    let mut model = model(&["a", "b"]);
    let bare = card(&model);
    let text = bare.to_markdown();
    assert!(text.contains("No evaluation is on record.") && !text.contains("model-index"), "{text}");
    assert!(
        text.contains("`hema evaluate m.safetensors --data DATA --part test --suite degraded --out DIR`"),
        "{text}"
    );
    assert_eq!(missing(&bare).len(), 7, "{:?}", bare.missing);
    let mut judged = bare.clone();
    judged.add(&evaluation(record("other/laboratory", 90)));
    assert_eq!(
        missing(&judged),
        ["which images it has seen", "what its training images were like", "its licence"]
    );
    assert!(judged.to_markdown().contains("license: \"unknown\"\n"));
    let licensed = judged.under(Some("mit".into()));
    assert!(
        !missing(&licensed).contains(&"its licence") && licensed.to_markdown().contains("license: \"mit\"\n")
    );

    let cells = |seeds: std::ops::Range<u64>| {
        let cell =
            |seed| render(0, 16, &mut hema_core::rng::stream(seed, hema_core::rng::Purpose::Synthetic, 0, 0));
        Dataset::from_images(
            vec!["a".into()],
            seeds.map(|seed| (String::new(), cell(seed), Some(0))).collect(),
        )
        .unwrap()
    };
    let manifest = &mut model.members[0].model.manifest;
    manifest.seen = Seen::new(&cells(0..5), &cells(5..7)).unwrap();
    manifest.likeness = Likeness::of(&cells(0..5)).unwrap();
    let text = card(&model).to_markdown();
    assert!(text.contains("5 images in training and 2 others"), "{text}");
    assert!(text.contains("| side of the picture, in pixels (root of its area) | 16 to 16 |"), "{text}");
}

#[test]
fn hostile_names_stay_names_in_yaml_and_in_tables() {
    let mut model = model(&HOSTILE);
    model.members[0].model.manifest.provenance.command = HOSTILE[1].into();
    let path = Path::new("runs").join(HOSTILE[1]);
    let mut card = ModelCard::of(&model, &path, provenance(HOSTILE[2])).unwrap();
    let mut record = record(HOSTILE[1], 90);
    record["conditions"][0]["scores"]["per_class"][0]["name"] = json!(HOSTILE[0]);
    record["conditions"][0]["scores"]["per_class"][1]["name"] = json!(HOSTILE[1]);
    card.add(&evaluation(record));
    let text = card.to_markdown();
    assert_eq!(text.matches("\n---\n").count(), 2, "the head's end and one rule: {text}");
    assert!(!text.contains('\u{202e}'));
    let code = text.split('`').step_by(2).collect::<String>();
    assert!(!code.contains("<script>"), "{code}");
    // every row of a table has as many cells as its head
    for rows in text.lines().collect::<Vec<_>>().chunk_by(|a, b| a.starts_with('|') && b.starts_with('|')) {
        let cells = |row: &&str| row.replace("\\|", "").matches('|').count();
        assert!(rows.iter().all(|row| cells(row) == cells(&rows[0])), "{rows:#?}");
    }
    let head = text.split("\n---\n").next().unwrap();
    assert!(
        head.contains(
            r#"    dataset:
      name: "a: #|\"b\"\n---\n# c, test""#
        ),
        "{head}"
    );
}

#[test]
fn an_evaluation_of_another_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("m.safetensors"), folder.path().join("other.json"));
    model(&["a", "b"]).members[0].model.write(&file).unwrap();
    let read = |record: Value| {
        std::fs::write(&other, record.to_string()).unwrap();
        ModelCard::read(&file, std::slice::from_ref(&other), provenance("hema card"))
    };
    let error = read(record("cells", 90)).unwrap_err();
    assert!(error.to_string().contains("is the evaluation of another model, `m.safetensors`"), "{error}");
    assert!(error.hint_text().unwrap().contains("hema evaluate "), "{error:?}");
    let mut own = record("cells", 90);
    let checksum = Ensemble::read(&file).unwrap().members[0].checksum.unwrap();
    own["model"]["checksums"] = json!([checksum]);
    let card = read(own.clone()).unwrap();
    assert_eq!((card.evaluations.len(), card.files.len()), (1, 1));
    assert_eq!(card.files[0].sha256.len(), 64);
    own["model"]["checksums"] = json!([checksum ^ 1]);
    assert!(read(own).is_err());
}
