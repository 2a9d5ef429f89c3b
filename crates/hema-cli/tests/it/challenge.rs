//! `hema challenge`: from data with planted pictures to a submission, in one command.

use crate::support::{Place, QUICK};

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

    let other = place.hema(&command.replace("flips", "dihedral")).error();
    assert!(
        other.starts_with("error: way: was begun with other data, another recipe or other views"),
        "{other}"
    );
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
    let error = place.hema("challenge nothing --out way --recipe cnn").error();
    assert!(error.contains("nothing"), "{error}");
}
