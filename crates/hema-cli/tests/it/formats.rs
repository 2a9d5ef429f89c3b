//! Statements of models and records about themselves: how they were made, and in which format. A newer format
//! is refused.
//!
//! Left out on purpose: the files by which a run goes on and the tables for people, which have neither.

use std::collections::BTreeSet;
use std::path::Path;

use hema::weights;
use serde_json::{Value, json};

use crate::support::Place;

/// A model or a record that a command leaves.
struct Artefact {
    file: &'static str,
    format: u32,
    /// How it is read; `None` for a record that no command reads.
    reader: Option<Reader>,
}

struct Reader {
    command: &'static str,
    /// Name of the format in messages.
    name: &'static str,
    /// The newest format that it understands.
    newest: u32,
    /// Hint for files that are newer.
    hint: &'static str,
}

const MODEL: Option<Reader> = Some(Reader {
    command: "predict FILE cells",
    name: "bundle",
    newest: 4,
    hint: "this model was written by a newer hema; update",
});

const EVALUATION: Option<Reader> = Some(Reader {
    command: "report FILE --out page.html",
    name: "evaluation",
    newest: 2,
    hint: "it was written by a newer hema; update",
});

const ARTEFACTS: [Artefact; 7] = [
    Artefact { file: "run/best.safetensors", format: 3, reader: MODEL },
    Artefact { file: "run/last.safetensors", format: 3, reader: MODEL },
    Artefact { file: "run/evaluation.json", format: 2, reader: EVALUATION },
    Artefact { file: "judged/evaluation.json", format: 2, reader: EVALUATION },
    Artefact { file: "made/ensemble.safetensors", format: 4, reader: MODEL },
    Artefact { file: "made/soup.safetensors", format: 3, reader: MODEL },
    Artefact { file: "found/audit.json", format: 1, reader: None },
];

/// Files without provenance or format: those by which a run goes on, tables and pages.
const OTHERS: [&str; 10] = [
    "run/checkpoint.safetensors",
    "run/metrics.csv",
    "run/recipe.toml",
    "run/report.html",
    "run/run.json",
    "run/split.csv",
    "run/training.json",
    "judged/report.html",
    "found/audit.html",
    "found/findings.csv",
];

/// A folder with every artefact.
fn with_artefacts() -> Place {
    let place = Place::with_run();
    for words in [
        "evaluate run --data cells --suite clean --out judged",
        "ensemble run --data cells --out made/ensemble.safetensors",
        "soup run --data cells --out made/soup.safetensors",
        "audit cells --out found",
    ] {
        place.hema(words).succeeds();
    }
    place
}

/// Whether an artefact is its document alone; otherwise that stands in the metadata of a safetensors file.
fn is_json(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "json")
}

/// The statement of an artefact about itself.
fn document(place: &Place, file: &str) -> Value {
    let text = if is_json(file) {
        place.read(file)
    } else {
        weights::read(&place.path(file)).unwrap().metadata["hema"].clone()
    };
    serde_json::from_str(&text).unwrap()
}

/// Writes an artefact with another document.
fn rewrite(place: &Place, file: &str, document: &Value, target: &str) {
    if is_json(file) {
        place.write(target, document.to_string());
        return;
    }
    let tensors = weights::read(&place.path(file)).unwrap().tensors;
    weights::write(&place.path(target), &tensors, &[("hema".to_owned(), document.to_string())].into())
        .unwrap();
}

#[test]
fn every_model_and_record_says_how_it_was_made_and_in_which_format() {
    let place = with_artefacts();
    for Artefact { file, format, .. } in &ARTEFACTS {
        let document = document(&place, file);
        assert_eq!(document["format"], json!(format), "{file}");
        let provenance = &document["provenance"];
        let text = |key: &str| provenance[key].as_str().unwrap_or_else(|| panic!("{file}: no {key}"));
        assert_eq!(text("version"), env!("CARGO_PKG_VERSION"), "{file}");
        assert!(!text("commit").is_empty() && provenance["dirty"].is_boolean(), "{file}");
        assert!(text("command").starts_with("hema "), "{file}: {provenance}");
        assert!(text("device").to_lowercase().starts_with("cpu"), "{file}: {provenance}");
        assert!(text("time").starts_with("20") && text("time").ends_with('Z'), "{file}: {provenance}");
    }
    // a file that is new here must be given both, or be named as one that has neither
    let known: BTreeSet<&str> = ARTEFACTS.iter().map(|artefact| artefact.file).chain(OTHERS).collect();
    let found: BTreeSet<String> = ["run", "judged", "made", "found"]
        .iter()
        .flat_map(|folder| place.list(folder).into_iter().map(move |name| format!("{folder}/{name}")))
        .filter(|file| !file.starts_with("run/events.out.tfevents."))
        .collect();
    assert_eq!(found, known.into_iter().map(String::from).collect());
}

#[test]
fn a_newer_format_is_refused_before_anything_else_in_the_file_is_read() {
    let place = with_artefacts();
    for Artefact { file, reader, .. } in &ARTEFACTS {
        let Some(Reader { command, name, newest, hint }) = reader else { continue };
        let raised = if is_json(file) { "raised.json" } else { "raised.safetensors" };
        let command = command.replace("FILE", raised);
        let mut document = document(&place, file);
        rewrite(&place, file, &document, raised);
        place.hema(&command).succeeds();
        let newer = newest + 1;
        document["format"] = json!(newer);
        // newer formats have fields of other names
        let provenance = document.as_object_mut().unwrap().remove("provenance").unwrap();
        document["origin"] = provenance;
        rewrite(&place, file, &document, raised);
        assert_eq!(
            place.hema(&command).error(),
            format!("error: {raised}: {name} format {newer}, expected at most {newest}\nhint: {hint}"),
            "{file}"
        );
    }
}
