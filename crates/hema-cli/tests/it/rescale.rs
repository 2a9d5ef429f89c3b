//! `--rescale`: what is said and kept of the field of view that a model was shown.

use crate::support::Place;

#[test]
fn the_factor_stands_in_the_table_the_json_and_the_page() {
    let place = Place::with_run();
    let said = place.hema("predict run cells --rescale 0.8 --page look.html").succeeds();
    let mut lines = said.out.lines();
    assert!(lines.next().unwrap().ends_with(",model,rescale") && lines.all(|line| line.ends_with(",0.8")));
    assert!(place.read("look.html").contains("Rescale 0.8: the model is shown the middle 80 % of each side"));
    let json = place.hema("predict run cells --rescale 0.8 --json").succeeds().json();
    assert_eq!(json["rescale"], serde_json::json!({"factor": 0.8}));
    let said = place.hema("predict run cells").succeeds();
    assert!(said.out.lines().next().unwrap().ends_with(",model"));
    let error = place.hema("predict run cells --rescale 3");
    assert!(error.err.contains("expected auto, or a factor from 0.25 to 2"), "{error:?}");
}

#[test]
fn the_curve_is_told_and_kept() {
    let place = Place::with_run();
    let said = place.hema("predict run cells --rescale auto --json").succeeds();
    assert!(
        said.err.contains("tried on 64 images)") && said.err.contains("mean entropy by factor: "),
        "{said:?}"
    );
    let json = said.json();
    assert_eq!(json["rescale"]["search"]["curve"].as_array().unwrap().len(), 8);
    let said = place.hema("evaluate run --data cells --rescale auto --out judged --suite clean").succeeds();
    let record: serde_json::Value = serde_json::from_str(&place.read("judged/evaluation.json")).unwrap();
    let search = &record["model"]["rescale"]["search"];
    assert_eq!((search["tried_on"].as_u64(), search["images"].as_u64()), (Some(10), Some(10)));
    assert!(said.err.contains("10 images are too few to look for another factor (at least 30)"));
}
