//! Statements of models and records about themselves: how they were made, and in which format. A newer format
//! is refused.
//!
//! Left out on purpose: the files by which a run goes on and the tables for people, which have neither.

use std::collections::BTreeSet;
use std::path::Path;

use hema::weights;
use serde_json::{Value, json};

use crate::files;
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
    newest: 3,
    hint: "it was written by a newer hema; update",
});

const ARTEFACTS: [Artefact; 8] = [
    Artefact { file: "run/best.safetensors", format: 3, reader: MODEL },
    Artefact { file: "run/last.safetensors", format: 3, reader: MODEL },
    Artefact { file: "run/evaluation.json", format: 3, reader: EVALUATION },
    Artefact { file: "judged/evaluation.json", format: 3, reader: EVALUATION },
    Artefact { file: "made/ensemble.safetensors", format: 4, reader: MODEL },
    Artefact { file: "made/soup.safetensors", format: 3, reader: MODEL },
    Artefact { file: "run/card.json", format: 1, reader: None },
    Artefact { file: "found/audit.json", format: 1, reader: None },
];

/// Files without provenance or format: those by which a run goes on, tables and pages.
const OTHERS: [&str; 11] = [
    "run/card.md",
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

/// An archive of sixteen cells with these labels.
fn numbered(place: &Place, labels: &[i64; 16]) {
    place.write("labels.npz", files::npz(files::images(), Some(files::labels(labels))));
}

#[test]
fn the_list_of_classes_and_their_numbers_survive_every_form() {
    let place = Place::empty();
    // more than ten, so that their order is not that of their names; gaps; none from 0 on
    for labels in [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 10, 2, 1, 5],
        [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8],
        [0, 2, 5, 11, 0, 2, 5, 11, 0, 2, 5, 11, 0, 2, 5, 11],
    ] {
        numbered(&place, &labels);
        let source = hema::data::open(&place.path("labels.npz")).unwrap();
        for form in ["folder", "tar", "tar.gz", "zip", "npz", "webdataset", "parquet"] {
            let words = format!("data convert labels.npz {form} --to {form}");
            place.hema(&words).succeeds();
            let copy = hema::data::open(&place.path(form)).unwrap();
            assert_eq!((copy.classes(), copy.counts()), (source.classes(), source.counts()), "{words}");
            // and on the way back, and on to a manifest, which names files
            place.hema(&format!("data convert {form} back.npz")).succeeds();
            let back = hema::data::open(&place.path("back.npz")).unwrap();
            assert_eq!(back.counts(), source.counts(), "{words}");
            std::fs::remove_file(place.path("back.npz")).unwrap();
        }
        place.hema("data convert folder rows.csv").succeeds();
        let rows = hema::data::open(&place.path("rows.csv")).unwrap();
        assert_eq!((rows.classes(), rows.counts()), (source.classes(), source.counts()));
        for made in place.list(".") {
            let path = place.path(&made);
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
    }
}

#[test]
fn a_class_that_loses_all_its_images_keeps_its_number_and_is_named() {
    let place = Place::with_cells();
    let rows: Vec<String> = (0..8).map(|i| format!("ig/{i:04}.png,,drop\n")).collect();
    place.write("findings.csv", format!("path,check,action\n{}", rows.concat()));
    let said = place.hema("audit cells --apply findings.csv --write clean.tar").succeeds();
    assert!(said.err.contains("warning: no image of `ig` stays; clean.tar keeps the class"), "{said:?}");
    let [before, after] = ["cells", "clean.tar"].map(|data| hema::data::open(&place.path(data)).unwrap());
    assert_eq!(before.classes(), after.classes());
    place.hema("split clean.tar --out split.csv").succeeds();
    place.train("--data clean.tar --split split.csv --out run").succeeds();
    place.hema("evaluate run --data clean.tar --part test --suite clean").succeeds();
    let row = place.hema("predict run cells/platelet/0000.png --columns label,number").succeeds().out;
    let (label, number) = row.lines().nth(1).unwrap().split_once(',').unwrap();
    assert_eq!(before.classes()[number.parse::<usize>().unwrap()], label);
}
