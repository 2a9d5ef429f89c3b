//! The library's tables in the program: every row is listed, stands in the reference, and is suggested for a
//! misspelt name.

use std::path::Path;

use hema::loss::TERMS;
use hema::model::architectures;
use hema::optim::RULES;

use crate::support::Place;

/// The section of the reference that begins with this heading.
fn section(heading: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference.md");
    let reference = std::fs::read_to_string(path).unwrap();
    let (_, rest) = reference.split_once(&format!("\n## {heading}\n")).unwrap();
    rest.split("\n## ").next().unwrap().to_owned()
}

#[test]
fn every_model_optimizer_and_loss_is_listed_and_stands_in_the_reference() {
    let listed = Place::empty().hema("list --json").succeeds().json();
    let tables: [(&str, Vec<&str>); 3] = [
        ("models", architectures().map(|architecture| architecture.name).collect()),
        ("optimizers", RULES.iter().map(|rule| rule.name()).collect()),
        ("losses", TERMS.iter().map(|term| term.name).collect()),
    ];
    for (kind, names) in tables {
        let entries = listed[kind].as_array().unwrap();
        let found: Vec<&str> = entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
        assert_eq!(found, names);
        let section = section(kind);
        for name in names {
            assert!(section.contains(&format!("| `{name}` |")), "{kind}: {name}");
        }
    }
}

#[test]
fn every_optimizer_is_suggested_for_its_misspelt_name() {
    let place = Place::empty();
    for name in RULES.iter().map(|rule| rule.name()) {
        let command = format!("train --recipe v2b0 --data cells --set stage.0.optimizer={name}x --out run");
        let says = place.hema(&command).error();
        assert!(says.contains(&format!("did you mean `{name}`?")), "{says}");
    }
}
