//! `hema challenge`: from data with planted pictures to a submission, in one command.

use std::path::{Path, PathBuf};

use crate::support::{Place, QUICK, Said};

const WAY: &str = "challenge cells --out way --tta flips";

/// Drawn cells, and one foreign picture many times under two classes.
fn planted() -> Place {
    let place = Place::with_cells();
    let foreign = hema::Image::filled(24, 24, [30, 200, 40]).to_png().unwrap();
    for class in ["basophil", "monocyte"] {
        for copy in 0..10 {
            place.write(&format!("cells/{class}/planted-{copy}.png"), &foreign);
        }
    }
    place
}

#[test]
fn one_command_leads_from_the_data_to_a_submission_and_goes_on_where_it_stopped() {
    let place = planted();
    let quick = QUICK.strip_prefix("--recipe cnn").unwrap();
    let command = format!("{WAY} --recipe cnn {quick}");
    let said = place.hema(&command).succeeds();
    for step in ["audit", "split", "train", "ensemble", "evaluate", "export"] {
        assert!(said.err.contains(&format!("$ hema {step} ")), "{step}: {said:?}");
    }
    let clean = hema::data::open(&place.path("way/clean.tar")).unwrap();
    assert_eq!(clean.len(), 64, "the planted pictures are gone");
    assert!(clean.entries().iter().all(|entry| !entry.path.contains("planted")));
    let mut zip =
        zip::ZipArchive::new(std::fs::File::open(place.path("way/submission.zip")).unwrap()).unwrap();
    zip.by_name("model.py").unwrap();

    // nothing is done twice, and what is missing is made again
    std::fs::remove_dir_all(place.path("way/test")).unwrap();
    let said = place.hema(&command).succeeds();
    let done: Vec<&str> = said.err.lines().filter(|line| line.starts_with("$ hema ")).collect();
    assert!(done.len() == 1 && done[0].starts_with("$ hema evaluate way/model.safetensors"), "{said:?}");
    let whole = place.hema(&format!("{command} --json")).succeeds().json();
    assert_eq!(whole["submission"], "way/submission.zip");
    assert!(whole["evaluation"]["conditions"][0]["scores"]["accuracy"].is_number(), "{whole}");
}

/// The commands that were shown.
fn shown(said: &Said) -> Vec<&str> {
    said.err.lines().filter_map(|line| line.strip_prefix("$ hema ")).collect()
}

#[test]
fn the_last_lines_are_the_score_and_what_to_upload_which_learned_from_all_images() {
    let place = planted();
    let quick = QUICK.strip_prefix("--recipe cnn").unwrap();
    let said = place.hema(&format!("{WAY} --recipe cnn {quick}")).succeeds();
    let last: Vec<&str> = said.out.trim_end().lines().rev().take(2).collect();
    assert!(last[0].starts_with("upload: way/submission.zip (the final model, "), "{said:?}");
    assert!(last[1].starts_with("score: accuracy ") && last[1].contains("95 % interval"), "{said:?}");
    assert!(
        last[1].contains(" on unchanged images and ") && last[1].contains(" on those of the suite challenge"),
        "{said:?}"
    );
    let parts = |split: &str, part: &str| {
        place.read(split).lines().filter(|line| line.split(',').any(|cell| cell == part)).count()
    };
    assert_eq!(parts("way/final-split.csv", "test"), 0);
    assert!(parts("way/final-split.csv", "train") > parts("way/split.csv", "train"));
    assert_eq!(parts("way/final-split.csv", "train") + parts("way/final-split.csv", "val"), 64);
}

#[test]
fn what_has_changed_is_named_and_only_what_depends_on_it_is_done_again() {
    let place = planted();
    let quick = QUICK.strip_prefix("--recipe cnn").unwrap();
    let command = format!("{WAY} --recipe cnn {quick} --no-final");
    let said = place.hema(&command).succeeds();
    assert!(!place.path("way/final").exists() && said.out.contains("(the judged model)"), "{said:?}");

    let said = place.hema(&command.replace("flips", "none")).succeeds();
    assert!(said.err.contains("the views have changed (flips, now none) since last time\n"), "{said:?}");
    let names: Vec<&str> = shown(&said).iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["ensemble", "evaluate", "export"], "{said:?}");
    let aside = place.list("way/earlier-1");
    assert_eq!(aside, ["model.safetensors", "submission.zip", "test"].map(String::from).into());

    let said = place.hema(&format!("{} --set seed=3", command.replace("flips", "none"))).succeeds();
    assert!(said.err.contains("values of the recipe cnn have changed since last time\n"), "{said:?}");
    let names: Vec<&str> = shown(&said).iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["train", "ensemble", "evaluate", "export"], "{said:?}");

    std::fs::remove_file(first_file(&place.path("cells"))).unwrap();
    let said = place.hema(&format!("{} --set seed=3", command.replace("flips", "none"))).succeeds();
    assert!(said.err.contains("cells have changed since last time\n"), "{said:?}");
    let names: Vec<&str> = shown(&said).iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["audit", "split", "train", "ensemble", "evaluate", "export"], "{said:?}");
}

/// The first file in a folder or below it.
fn first_file(folder: &Path) -> PathBuf {
    let first = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    if first.is_dir() { first_file(&first) } else { first }
}

#[test]
fn what_cannot_be_done_is_found_before_anything_is() {
    let place = planted();
    for (words, found) in [
        ("challenge cells --out way --tta nowhere", "nowhere"),
        ("challenge cells --out way --recipe nothing", "neither a shipped recipe nor a readable file"),
        ("challenge cells --out way --recipe cnn --set stage.0.epochs=0", "stage.0.epochs"),
    ] {
        let error = place.hema(words).error();
        assert!(error.contains(found), "{error}");
        assert!(!place.path("way").exists(), "{words}");
    }
    // and what only a later step would need
    place.write("one/ig/0.png", crate::files::one_png());
    place.write("loose/0.png", crate::files::one_png());
    for (words, found) in [
        ("challenge one --out way --recipe cnn", "one: holds images of one class alone"),
        ("challenge loose --out way --recipe cnn", "loose: has no labels"),
        (
            "challenge cells --out way --recipe cnn --set model.weights=imagenet --set model.name=tf_efficientnetv2_b0",
            "no ImageNet weights of",
        ),
    ] {
        let error = place.hema(words).error();
        assert!(error.contains(found), "{error}");
        assert!(!place.path("way/audit").exists(), "{words}");
    }
    let error = place.hema("challenge nothing --out way --recipe cnn").error();
    assert!(error.contains("nothing"), "{error}");
}

#[test]
fn findings_that_a_person_has_edited_are_applied_and_never_lost() {
    let place = planted();
    let quick = QUICK.strip_prefix("--recipe cnn").unwrap();
    let command = format!("{WAY} --recipe cnn {quick} --no-final");
    place.hema(&command).succeeds();
    let edited = place.read("way/audit/findings.csv") + "ig/0003.png,,,,,by me,drop\n";
    place.write("way/audit/findings.csv", &edited);
    let said = place.hema(&command).succeeds();
    assert!(
        said.err.contains("the findings in audit/findings.csv have been edited since last time\n"),
        "{said:?}"
    );
    assert_eq!(place.read("way/audit/findings.csv"), edited);
    let names: Vec<&str> = shown(&said).iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["audit", "split", "train", "ensemble", "evaluate", "export"], "{said:?}");
    assert!(!said.err.contains("next: "), "{said:?}");
    assert_eq!(hema::data::open(&place.path("way/clean.tar")).unwrap().len(), 63);
    // once is enough
    let said = place.hema(&command).succeeds();
    assert!(shown(&said).is_empty(), "{said:?}");
    // other data are audited anew, and what a person wrote is put aside
    std::fs::remove_file(place.path("cells/ig/0003.png")).unwrap();
    place.hema(&command).succeeds();
    assert_eq!(place.read("way/earlier-2/audit/findings.csv"), edited);
    assert!(!place.read("way/audit/findings.csv").contains("by me"));
}
