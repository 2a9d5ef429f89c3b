//! `hema split`: what it writes, shows and refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use insta::assert_snapshot;

use crate::files;
use crate::support::Place;

/// The part of every path in a split file.
fn parts(place: &Place, file: &str) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].to_owned(), cells[2].to_owned())
    };
    place.read(file).lines().skip(1).map(row).collect()
}

/// Cells of which the first basophil lies again under another name, as an eosinophil, and turned by a half.
fn with_copies() -> Place {
    let place = Place::empty();
    files::write_cells(&place.path("cells"), 8, 64);
    let original = fs::read(place.path("cells/basophil/0000.png")).unwrap();
    place.write("cells/basophil/9000.png", &original);
    place.write("cells/eosinophil/9001.png", &original);
    let turned = image::load_from_memory(&original).unwrap().rotate180();
    turned.save(place.path("cells/basophil/9002.png")).unwrap();
    place
}

const SHOWN: [&str; 4] =
    ["basophil/0000.png", "basophil/9000.png", "basophil/9002.png", "eosinophil/9001.png"];

/// A manifest of the cells in which every third image is of the same slide.
fn manifest(place: &Place) {
    let mut text = String::from("path,label,group\n");
    for (number, (path, _)) in files::cells(8, 24).into_iter().enumerate() {
        let label = path.split('/').next().unwrap().to_owned();
        writeln!(text, "cells/{path},{label},slide {}", number % 21).unwrap();
    }
    place.write("cells.csv", text);
}

#[test]
fn a_split_is_shown_and_written_and_trained_on() {
    let place = Place::with_cells();
    let said =
        place.hema("split cells --out new/split.csv --duplicates ignore --val 0.25 --test 0.125").succeeds();
    assert_snapshot!(said.out, @r"
    class         train  val  test  total
    basophil          5    2     1      8
    eosinophil        5    2     1      8
    erythroblast      5    2     1      8
    ig                5    2     1      8
    lymphocyte        5    2     1      8
    monocyte          5    2     1      8
    neutrophil        5    2     1      8
    platelet          5    2     1      8
    total            40   16     8     64

    copies were not looked for
    ");
    let next = "next: hema train --recipe robust-v2b0 --data cells --split new/split.csv\n";
    assert_eq!(said.err, format!("split: new/split.csv\n{next}"));
    let text = place.read("new/split.csv");
    assert_eq!(text.lines().next(), Some("path,label,split"));
    assert_eq!(text.lines().count(), 65);
    place.train("--data cells --split new/split.csv --out run").succeeds();
    assert_eq!(place.read("run/split.csv"), text);

    place.hema("split cells --out again.csv --duplicates ignore --val 0.25 --test 0.125").succeeds();
    assert_eq!(place.read("again.csv"), text);
    place.hema("split cells --out other.csv --duplicates ignore --val 0.25 --test 0.125 --seed 1").succeeds();
    assert_ne!(place.read("other.csv"), text);
    let said = place.hema("split cells --duplicates ignore").succeeds();
    assert_eq!(said.err, "nothing was written: name a file with --out\n");
}

#[test]
fn copies_are_kept_together_unless_they_are_to_be_dropped() {
    let place = with_copies();
    let said = place.hema("split cells --out split.csv --val 0.3 --test 0.3").succeeds();
    assert!(said.out.ends_with("kept together: 1 set of 4 images that show the same picture\n"), "{said:?}");
    let first =
        "warning: 1 set of copies has different labels, first basophil/0000.png and eosinophil/9001.png";
    assert!(said.err.starts_with(first), "{said:?}");
    for seed in 0..5 {
        place.hema(&format!("split cells --out split.csv --val 0.3 --test 0.3 --seed {seed}")).succeeds();
        let parts = parts(&place, "split.csv");
        assert_eq!(parts.len(), 67);
        assert_eq!(SHOWN.iter().map(|path| &parts[*path]).collect::<BTreeSet<_>>().len(), 1, "{parts:?}");
    }

    // their labels differ: nobody knows which is right
    let said = place.hema("split cells --out split.csv --duplicates drop").succeeds();
    assert!(said.out.ends_with("left out: 4 images, which are in no part\n"), "{said:?}");
    assert!(SHOWN.iter().all(|path| !parts(&place, "split.csv").contains_key(*path)));

    fs::remove_file(place.path("cells/eosinophil/9001.png")).unwrap();
    let said = place.hema("split cells --out split.csv --duplicates drop --json").succeeds();
    assert_eq!(said.json()["left_out"], 2);
    assert!(parts(&place, "split.csv").contains_key("basophil/0000.png"));
}

#[test]
fn a_split_that_tears_copies_apart_is_refused() {
    let place = with_copies();
    place.hema("split cells --out good.csv").succeeds();
    let said = place.hema("split cells --check good.csv").succeeds();
    assert_eq!(said.err, "no group and no copy is in two parts of good.csv\n");

    let good = parts(&place, "good.csv");
    let moved = |part: &str| if part == "train" { "val" } else { "train" };
    let mut torn = String::from("path,split\n");
    for (path, part) in &good {
        let part = if path == SHOWN[2] { moved(part) } else { part };
        writeln!(torn, "{path},{part}").unwrap();
    }
    place.write("torn.csv", torn);
    let said = place.hema("split cells --check torn.csv");
    assert_eq!((said.status, said.out.as_str()), (Some(1), ""), "{said:?}");
    let expected = "error: torn.csv: 1 set of copies is in more than one part, first: basophil/0000.png (";
    assert!(said.err.starts_with(expected), "{said:?}");
    place.hema("split cells --check torn.csv --duplicates ignore").succeeds();
    let error = place.hema("split cells --check nowhere.csv").error();
    assert!(error.contains("nowhere.csv: cannot be opened"), "{error}");
}

#[test]
fn groups_are_kept_together_and_training_refuses_a_split_that_does_not() {
    let place = Place::with_cells();
    manifest(&place);
    let said = place.hema("split cells.csv --out split.csv --duplicates ignore").succeeds();
    assert!(said.out.contains("kept together: 21 groups of 64 images\n"), "{said:?}");
    assert_eq!(place.read("split.csv").lines().next(), Some("path,label,split,group"));
    place.hema("split cells.csv --check split.csv --duplicates ignore").succeeds();
    place.train("--data cells.csv --split split.csv --out run").succeeds();

    let text = place.read("split.csv");
    let first_train = text.lines().find(|line| line.contains(",train,")).unwrap();
    place.write("torn.csv", text.replacen(first_train, &first_train.replace(",train,", ",test,"), 1));
    let said = place.hema("split cells.csv --check torn.csv --duplicates ignore");
    assert_eq!(said.status, Some(1), "{said:?}");
    let error = place.train("--data cells.csv --split torn.csv --out torn").error();
    assert!(error.contains("1 group is in more than one part, first: `slide "), "{error}");
    assert!(error.contains("(train, test)") && error.contains("hint: "), "{error}");
}

#[test]
fn groups_can_be_read_out_of_paths() {
    let place = Place::with_cells();
    // images of the same number, of whatever class, belong together
    let said =
        place.hema("split cells --group-by /(\\d+) --out split.csv --val 0.25 --test 0.25 --json").succeeds();
    assert_eq!(said.json()["groups"], serde_json::json!([8, 64]));
    let mut parts_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, part) in parts(&place, "split.csv") {
        parts_of.entry(path.split('/').nth(1).unwrap().to_owned()).or_default().insert(part);
    }
    assert_eq!(parts_of.len(), 8);
    assert!(parts_of.values().all(|parts| parts.len() == 1), "{parts_of:?}");

    let error = place.hema("split cells --group-by /(0001)").error();
    assert!(error.contains("the pattern `/(0001)` fits none of 56 paths of 64, first: "), "{error}");
    let error = place.hema("split cells --group-by slide").error();
    assert!(error.contains("has 0 capture groups (expected one"), "{error}");
}

#[test]
fn folds_validate_every_image_once_and_each_can_be_trained_on() {
    let place = Place::with_cells();
    let said = place.hema("split cells --folds 4 --out folds --duplicates ignore").succeeds();
    assert!(
        said.out.starts_with("class         fold 0  fold 1  fold 2  fold 3  total\nbasophil           2"),
        "{said:?}"
    );
    assert_eq!(place.list("folds"), (0..4).map(|fold| format!("fold-{fold}.csv")).collect());
    let mut validated = BTreeSet::new();
    for fold in 0..4 {
        let parts = parts(&place, &format!("folds/fold-{fold}.csv"));
        assert_eq!(parts.len(), 64);
        let val: Vec<String> =
            parts.into_iter().filter(|(_, part)| part == "val").map(|(path, _)| path).collect();
        assert_eq!(val.len(), 16);
        validated.extend(val);
    }
    assert_eq!(validated.len(), 64);
    place.train("--data cells --split folds/fold-3.csv --out run").succeeds();

    let error = place.hema("split cells --folds 4 --out folds").error();
    assert!(error.contains("folds: is a folder that holds files already"), "{error}");
    let error = place.hema("split cells --folds 9 --duplicates ignore --group-by ([a-z])").error();
    assert!(error.contains("would have no image"), "{error}");
    let error = place.hema("split cells --folds 2 --duplicates ignore --group-by ([a-z]+)/").error();
    assert!(error.contains("all images of the class `basophil` that belong together"), "{error}");
}

#[test]
fn repeats_share_their_test_part() {
    let place = Place::with_cells();
    place.hema("split cells --repeats 2 --out repeats --duplicates ignore").succeeds();
    assert_eq!(place.list("repeats"), ["repeat-0.csv", "repeat-1.csv"].map(String::from).into());
    let of = |repeat: u32, wanted: &str| -> BTreeSet<String> {
        let parts = parts(&place, &format!("repeats/repeat-{repeat}.csv"));
        parts.into_iter().filter(|(_, part)| part == wanted).map(|(path, _)| path).collect()
    };
    assert_eq!(of(0, "test"), of(1, "test"));
    assert_ne!(of(0, "val"), of(1, "val"));
    let said =
        place.hema("split cells --repeats 2 --folds 2 --test 0.25 --out both --duplicates ignore").succeeds();
    assert!(said.out.contains("repeat 1\nclass         fold 0  fold 1  test  total\n"), "{said:?}");
    assert_eq!(place.list("both").len(), 4);
    assert!(place.list("both").contains("repeat-1-fold-0.csv"));
}

#[test]
fn shares_that_leave_a_part_empty_and_unreadable_images_are_named() {
    let place = Place::with_cells();
    let error = place.hema("split cells --val 0.001 --duplicates ignore").error();
    assert!(error.contains("cells: no image is left for the part `val`, whose share is 0.001"), "{error}");
    let error = place.hema("split cells --val 0.7 --test 0.3").error();
    assert!(error.contains("split fractions are val 0.7, test 0.3"), "{error}");

    place.write("cells/platelet/0003.png", files::truncated_jpeg());
    let said = place.hema("split cells --out split.csv").succeeds();
    let warning = "warning: 1 unreadable image was skipped: cells/platelet/0003.png: ";
    assert!(said.err.contains(warning), "{said:?}");
    assert!(!parts(&place, "split.csv").contains_key("platelet/0003.png"));
}
