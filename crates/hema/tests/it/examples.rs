//! The examples, run as a person runs them: on drawn cells in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hema::synthetic;

use crate::support::write_cells;

/// Runs an example, which `cargo test -p hema` builds beside this test.
fn run(name: &str, words: &[&str], folder: &Path) -> Output {
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.is_file(), "{} is not built: `cargo test -p hema` does that", program.display());
    Command::new(program).args(words).current_dir(folder).output().unwrap()
}

/// What an example prints that must end well.
fn says(name: &str, words: &[&str], folder: &Path) -> String {
    let output = run(name, words, folder);
    assert!(output.status.success(), "{name}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_examples_train_classify_evaluate_and_audit() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_cells(&folder.join("cells"), 8);
    let quick = ["model.name=cnn_gap", "data.size=24", "stage.all.epochs=2", "stage.all.batch_size=16"];

    let trained = says("train", &[&["cnn", "cells", "run"][..], &quick].concat(), folder);
    let lines: Vec<&str> = trained.lines().collect();
    assert!(lines[0].starts_with("epoch 1: loss ") && lines[1].starts_with("epoch 2: loss "), "{trained}");
    assert!(lines[2].starts_with("run: accuracy ") && lines.len() == 3, "{trained}");

    let classified = says("classify", &["run", "cells"], folder);
    assert_eq!(classified.lines().count(), 64);
    let known = |line: &str| synthetic::CLASSES.iter().any(|class| line.contains(&format!(" {class} ")));
    assert!(classified.lines().all(known), "{classified}");

    let evaluated = says("evaluate", &["run", "cells", "clean"], folder);
    assert!(evaluated.starts_with("accuracy ") && evaluated.contains("of 8 images"), "{evaluated}");

    let audited = says("audit", &["cells", "run"], folder);
    assert!(audited.ends_with(" of 64 images stay\n"), "{audited}");
}

#[test]
fn the_examples_say_how_they_are_used_and_what_went_wrong() {
    let place = tempfile::tempdir().unwrap();
    for name in ["train", "classify", "evaluate", "audit"] {
        let output = run(name, &[], place.path());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&format!("usage: {name} ")), "{said}");
    }
    let output = run("classify", &["nowhere", "cells"], place.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: nowhere: "), "{said}");
}
