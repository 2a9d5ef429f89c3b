//! `hema audit`: what it says, what it leaves behind, and that a person has the last word.
//!
//! The data holds one fault, a picture cut short, so that nothing here depends on which checks there are.

use std::fs;

use insta::assert_snapshot;

use crate::files;
use crate::support::{Place, Said};

/// A folder with `cells/`, one of which is cut short.
fn with_a_bad_picture() -> Place {
    let place = Place::with_cells();
    place.write("cells/ig/0000.png", files::truncated_jpeg());
    place
}

/// The row of a table that begins with a word.
#[track_caller]
fn row(said: &Said, first: &str) -> String {
    let row = said.out.lines().find(|line| line.split_whitespace().next() == Some(first));
    row.unwrap_or_else(|| panic!("no {first}: {said:?}")).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A file of findings with these rows.
fn findings(place: &Place, rows: &str) {
    place.write("findings.csv", format!("path,check,action\n{rows}"));
}

/// The images of a data set, by `hema audit`.
fn images(place: &Place, data: &str) -> u64 {
    place.hema(&format!("audit {data} --json")).json()["images"].as_u64().unwrap()
}

#[test]
fn it_says_what_was_found_and_writes_nothing_unasked() {
    let place = with_a_bad_picture();
    let said = place.hema("audit cells").succeeds();
    assert!(said.out.starts_with("64 images of cells: 1 to drop, "), "{said:?}");
    let reason = "is a truncated JPEG image (it ends before its end-of-image marker)";
    assert_eq!(row(&said, "unreadable"), format!("unreadable 1 1 0 ig/0000.png: {reason}"));
    assert_eq!((row(&said, "ig"), row(&said, "platelet")), ("ig 8 7".into(), "platelet 8 8".into()));
    assert_eq!(place.list(".").len(), 1, "{:?}", place.list("."));

    let checks = place.hema("list checks").succeeds();
    assert!(row(&checks, "unreadable").contains("truncated, damaged or empty files"));
}

#[test]
fn strict_turns_findings_into_a_status() {
    let place = with_a_bad_picture();
    assert_eq!(place.hema("audit cells --strict").status, Some(1));
    findings(&place, "ig/0000.png,unreadable,review\n");
    assert_eq!(place.hema("audit cells --strict --apply findings.csv").status, Some(1));
    findings(&place, "ig/0000.png,unreadable,keep\n");
    assert_eq!(place.hema("audit cells --strict --apply findings.csv").status, Some(0));
}

#[test]
fn the_folder_holds_a_table_a_record_and_a_page() {
    let place = with_a_bad_picture();
    let said = place.hema("audit cells --out found --json").succeeds();
    assert_eq!(
        said.err,
        "report: found/audit.html\n\
         in the column `action` of found/findings.csv may stand drop (left out of the cleaned set), keep, or review (stays \
         until somebody has looked)\n\
         next: hema audit cells --apply found/findings.csv --write cells-clean.tar\n"
    );
    let files: Vec<String> = place.list("found").into_iter().collect();
    assert_eq!(files, ["audit.html", "audit.json", "findings.csv"]);
    let table = place.read("found/findings.csv");
    assert!(table.starts_with("path,check,score,cluster,partner,detail,action\n"));
    assert!(table.contains("\nig/0000.png,unreadable,0.0,,,is a truncated"), "{table}");

    let record: serde_json::Value = serde_json::from_str(&place.read("found/audit.json")).unwrap();
    assert_eq!(record, said.json());
    let counts = ["format", "images", "drop"].map(|key| record[key].as_u64().unwrap());
    assert_eq!(counts, [1, 64, 1]);
    assert_eq!(record["classes"][3]["name"], "ig");
    assert_eq!(record["classes"][3]["after"]["all"], 7);
    assert_eq!(record["provenance"]["command"], "hema audit cells --out found --json");

    let page = place.read("found/audit.html");
    for word in ["<code>drop</code>", "<code>keep</code>", "<code>review</code>", "0 (bad) to 1 (fine)"] {
        assert!(page.contains(word), "{word}");
    }
    assert!(page.contains("<h1>Audit of cells</h1>") && page.contains("1 of 64 images should go"));
}

#[test]
fn the_cleaned_set_holds_what_stays_in_any_form() {
    let place = with_a_bad_picture();
    for clean in ["clean", "clean.tar", "clean.zip", "clean.npz", "clean.csv"] {
        let said = place.hema(&format!("audit cells --write {clean}")).succeeds();
        let stem = clean.split('.').next().unwrap();
        let next = format!("next: hema split {clean} --out {stem}-split.csv");
        assert_eq!(said.err, format!("63 images that stay: {clean}\n{next}\n"));
        assert_eq!(images(&place, clean), 63);
    }
    assert_eq!(place.list("clean/ig").len(), 7);
    let same = std::fs::read(place.path("clean/ig/0001.png")).unwrap();
    assert_eq!(same, std::fs::read(place.path("cells/ig/0001.png")).unwrap(), "byte for byte");
    assert!(place.read("clean.csv").contains("\ncells/platelet/0000.png,platelet,,\n"));
    assert_eq!(place.list("cells/ig").len(), 8, "the data is as it was");
}

#[test]
fn parts_reach_the_cleaned_set() {
    let place = with_a_bad_picture();
    place.write("split.csv", "path,split\nig/0000.png,train\nig/0001.png,train\nig/0002.png,test\n");
    let said = place.hema("audit cells --split split.csv --write clean").succeeds();
    assert_eq!(row(&said, "ig"), "ig 8 7 1 0 1");
    assert_eq!(
        place.read("clean/split.csv"),
        "path,label,split\nig/0001.png,ig,train\nig/0002.png,ig,test\n"
    );

    place.write("other.csv", "path,split\nnowhere.png,train\n");
    let error = place.hema("audit cells --split other.csv").error();
    assert!(
        error.contains("other.csv: 1 of its 1 rows name no image, first: line 2 `nowhere.png`"),
        "{error}"
    );
}

#[test]
fn a_person_has_the_last_word() {
    let place = with_a_bad_picture();
    place.hema("audit cells --out found").succeeds();
    let table = place.read("found/findings.csv");
    let edited = format!("{table}basophil/0003.png,unreadable,0,,,out of focus to me,drop\n");
    place.write("found/findings.csv", &edited);
    let words = "audit cells --apply found/findings.csv --out found --write clean";
    let said = place.hema(words).succeeds();
    assert!(said.out.starts_with("64 images of cells: 2 to drop, "), "{said:?}");
    assert_eq!(place.read("found/findings.csv"), edited, "what a person wrote is left as it is");
    assert!(place.read("found/audit.html").contains("out of focus to me"));
    assert!(!place.list("clean/basophil").contains("0003.png"));
    assert_eq!(images(&place, "clean"), 62);

    // what cannot be read cannot be kept, and a set without it would not be the one that was told
    findings(&place, "ig/0000.png,unreadable,keep\n");
    let said = place.hema("audit cells --apply findings.csv --write kept");
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("ig/0000.png: cannot be read, yet the findings let it stay"), "{said:?}");
    assert!(!place.path("kept").exists());
}

#[test]
fn a_row_that_a_person_adds_needs_no_check() {
    let place = with_a_bad_picture();
    findings(&place, "ig/0000.png,unreadable,drop\nbasophil/0003.png,,drop\n");
    let said = place.hema("audit cells --apply findings.csv --out applied").succeeds();
    assert!(said.out.starts_with("64 images of cells: 2 to drop, "), "{said:?}");
    assert!(row(&said, "by_hand").starts_with("by_hand 1 1 0 basophil/0003.png"), "{said:?}");
    assert_eq!(said.out.matches("no check was run").count(), 1, "{said:?}");
    assert!(!said.out.contains("not run again"), "{said:?}");
    assert!(!place.hema("audit cells").succeeds().out.contains("by_hand"));
}

#[test]
fn findings_that_a_person_has_edited_are_put_aside_by_the_next_audit() {
    let place = with_a_bad_picture();
    place.hema("audit cells --out found").succeeds();
    place.hema("audit cells --out found").succeeds();
    assert_eq!(place.list("found").len(), 3, "as an audit wrote them they are replaced");
    let edited = place.read("found/findings.csv").replace(",drop", ",keep");
    place.write("found/findings.csv", &edited);
    let said = place.hema("audit cells --out found").succeeds();
    assert!(
        said.err.contains("found/findings.csv had been edited and is now found/findings-1.csv"),
        "{said:?}"
    );
    assert_eq!(place.read("found/findings-1.csv"), edited);

    // those that were applied too, though their record is not that of an audit
    place.write("found/findings.csv", edited.replace(",keep", ",review"));
    place.hema("audit cells --apply found/findings.csv --out found").succeeds();
    place.hema("audit cells --out found").succeeds();
    assert!(place.read("found/findings-2.csv").contains(",review"));
}

#[cfg(unix)]
#[test]
fn the_command_on_the_page_can_be_typed_anywhere() {
    let place = Place::empty();
    files::write_cells(&place.path("my & 'cells'"), 8, 24);
    place.write("my & 'cells'/ig/0000.png", files::truncated_jpeg());
    let audit = r#"hema audit "my & 'cells'" --out found"#;
    place.bash(audit).succeeds();
    let page = place.read("found/audit.html");
    let command = page.split("<code class=\"command\">").nth(1).unwrap().split("</code>").next().unwrap();
    let command = command.replace("&#39;", "'").replace("&lt;", "<").replace("&amp;", "&");
    place.bash(&format!("mkdir elsewhere; cd elsewhere; {command}")).succeeds();
    assert_eq!(place.list("elsewhere").len(), 1, "{command}");
    // and the provenance is a command too
    let record: serde_json::Value = serde_json::from_str(&place.read("found/audit.json")).unwrap();
    let command = record["provenance"]["command"].as_str().unwrap();
    assert!(command.starts_with("hema audit 'my & ") && command.ends_with(" --out found"), "{command}");
    // a name that is taken is not proposed
    place.write("my & 'cells'-clean.tar", "mine");
    assert!(place.bash(audit).err.contains("-clean-2.tar'\n"));
}

#[test]
fn unlabelled_images_are_not_to_be_split() {
    let place = Place::with_cells();
    fs::rename(place.path("cells/ig"), place.path("loose")).unwrap();
    let said = place.hema("audit loose").succeeds();
    assert!(!said.err.contains("next: hema split"), "{said:?}");
}

#[test]
fn a_picture_that_is_there_ten_times_is_to_be_looked_at() {
    let place = Place::with_cells();
    let drawing = hema::Image::filled(24, 24, [9, 200, 40]).to_png().unwrap();
    for copy in 0..10 {
        place.write(&format!("cells/ig/drawing-{copy}.png"), &drawing);
    }
    let said = place.hema("audit cells --threshold foreign_cluster=0 --json").succeeds().json();
    let checks = said["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "exact_duplicate").unwrap();
    assert_eq!((check["drop"].as_u64(), check["review"].as_u64()), (Some(9), Some(1)), "{check}");
}

#[test]
fn a_fault_of_the_set_is_in_the_first_line_and_its_numbers_are_not_cut() {
    let place = Place::with_cells();
    for i in 0..8 {
        let image = hema::Image::filled(60 + i, 60, [i as u8 * 9, 100, 40]);
        place.write(&format!("cells/ig/{i:04}.png"), image.to_png().unwrap());
    }
    let said = place.hema("audit cells").succeeds();
    assert!(said.out.lines().next().unwrap().contains("of the set as a whole"), "{said:?}");
    let shortcut = said.out.lines().find(|line| line.starts_with("shortcut")).unwrap();
    assert!(shortcut.contains("guessing by it alone is right for ") && shortcut.ends_with(')'), "{shortcut}");
}

#[test]
fn findings_that_make_no_sense_are_refused() {
    let place = Place::with_cells();
    let error = |rows: &str| {
        findings(&place, rows);
        place.hema("audit cells --apply findings.csv --write clean").error()
    };
    assert_snapshot!(error("ig/0000.png,unreadable,delete\n"), @r"
    error: findings.csv: row 2: action is `delete` (expected keep, review or drop)
    hint: known: keep, review, drop
    ");
    assert_snapshot!(error("ig/0000.png,unreadable,drop\nig/9.png,unreadable,drop\n"), @r"
    error: findings.csv: row 3: `ig/9.png` is not in the data
    hint: apply findings to the data they were found in
    ");
    assert_snapshot!(error("ig/0000.png,unreadible,drop\n"), @r"
    error: findings.csv: row 2: there is no audit check called `unreadible`
    hint: did you mean `unreadable`?
    ");
    place.write("findings.csv", "path,check\n");
    let error = place.hema("audit cells --apply findings.csv").error();
    assert!(error.starts_with("error: findings.csv: has no column `action` (found: path,check;"), "{error}");
    assert_eq!(place.list(".").len(), 2, "{:?}", place.list("."));
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_half_written() {
    let place = with_a_bad_picture();
    place.write("there/file.txt", "mine");
    place.write("there.npz", "mine");
    for (clean, found) in [
        ("there", "there: exists already"),
        ("there.npz", "there.npz: exists already"),
        ("cells", "cells: lies inside the data itself"),
        ("cells/clean.tar", "cells/clean.tar: lies inside the data itself"),
        ("clean.xyz", "clean.xyz: its name tells no form"),
    ] {
        let error = place.hema(&format!("audit cells --write {clean}")).error();
        assert!(error.starts_with(&format!("error: {found}")), "{error}");
    }
    let error = place.hema("audit cells --write there.npz/clean").error();
    assert!(error.contains("there.npz: is a file, expected a folder"), "{error}");
    let error = place.hema("audit cells --out there.npz").error();
    assert!(error.starts_with("error: there.npz: is a file, expected a folder"), "{error}");
    assert_eq!((place.read("there/file.txt"), place.read("there.npz")), ("mine".into(), "mine".into()));

    place.write("one/ig/0.png", files::one_png());
    findings(&place, "0.png,unreadable,drop\n");
    place.write("one/ig/1.png", "no picture");
    findings(&place, "ig/0.png,unreadable,drop\nig/1.png,unreadable,drop\n");
    let said = place.hema("audit one --apply findings.csv --write none");
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("none: would hold no image: the findings drop all of them"), "{said:?}");
    assert!(!place.path("none").exists());
}

#[cfg(unix)]
#[test]
fn names_made_in_bad_faith_steer_neither_terminal_nor_page() {
    let place = with_a_bad_picture();
    let name = "\u{1b}]0;<script>alert(1)\n\"',.png";
    place.write(&format!("cells/ig/{name}"), "no picture");
    let said = place.hema("audit cells --out found --write clean").succeeds();
    assert!(!said.out.contains('\u{1b}'), "{said:?}");
    assert_eq!(row(&said, "unreadable").split(' ').nth(1), Some("2"), "the name takes one line: {said:?}");
    assert!(!place.read("found/audit.html").contains("<script"));
    let again = place.hema("audit cells --apply found/findings.csv --json").succeeds();
    assert_eq!(again.json()["drop"], 2);
}

#[test]
fn thresholds_are_checked_and_heeded() {
    let place = with_a_bad_picture();
    let said = place.hema("audit cells --threshold unreadable=0").succeeds();
    assert!(said.out.starts_with("64 images of cells: 0 to drop, "), "{said:?}");
    assert!(said.out.contains("\nnot looked for: unreadable (threshold 0), cross_split_leak (no split)"));
    for (threshold, found) in [
        ("unreadable", "expected CHECK=VALUE"),
        ("unreadible=0.5", "did you mean `unreadable`?"),
        ("unreadable=much", "`much` is no number"),
        ("unreadable=2", "expected 0 to 1"),
    ] {
        let said = place.hema(&format!("audit cells --threshold {threshold}"));
        assert!(said.status == Some(2) && said.err.contains(found), "{said:?}");
    }
}

#[test]
fn a_model_is_asked_for_a_second_opinion() {
    let place = Place::with_run();
    let said = place.hema("audit cells").succeeds();
    assert!(said.out.contains("label_error (no model)"), "{said:?}");
    let said = place.hema("audit cells --model run --folds 4 --out found").succeeds();
    assert!(
        said.err.contains("warning: run was trained on 44 of these images: its features repeat"),
        "{said:?}"
    );
    assert!(!said.out.contains("(no model)"), "{said:?}");
    let predictions = std::fs::read_to_string(place.path("found/predictions.csv")).unwrap();
    assert!(
        predictions.starts_with("path,label,basophil,") && predictions.lines().count() == 65,
        "{predictions}"
    );
    let record: serde_json::Value = serde_json::from_str(&place.read("found/audit.json")).unwrap();
    let called = record["model"].as_str().unwrap();
    assert!(called.starts_with("run (crc32c:"), "{called}");
    assert!(predictions.lines().skip(1).all(|line| line.ends_with(&format!(",{called}"))), "{predictions}");
    let error = place.hema("audit cells --model nowhere").error();
    assert!(error.starts_with("error: nowhere: "), "{error}");
    let error = place.hema("audit cells --model run --folds 65").error();
    assert!(error.contains("65 folds of 64 labelled images"), "{error}");
}

#[test]
fn every_audit_leads_on_by_a_command_that_works() {
    let place = with_a_bad_picture();
    let next = |said: &Said| {
        let next = said.err.lines().find_map(|line| line.strip_prefix("next: hema "));
        next.unwrap_or_else(|| panic!("{said:?}")).to_owned()
    };
    let said = place.hema("audit cells").succeeds();
    assert!(said.out.contains("\nscores say how sound an image is, 0 (bad) to 1 (fine)"), "{said:?}");
    let mut words = next(&said);
    for expected in [
        "audit cells --model builtin --out cells-audit",
        "audit cells --apply cells-audit/findings.csv --write cells-clean.tar",
    ] {
        assert_eq!(words, expected);
        words = next(&place.hema(&words).succeeds());
    }
    assert_eq!(words, "split cells-clean.tar --out cells-clean-split.csv");
    place.hema(&words).succeeds();
}
