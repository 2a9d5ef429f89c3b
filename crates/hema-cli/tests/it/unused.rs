//! What is handed over and not used is said by every command, for people and in JSON.

use serde_json::Value;

use crate::support::Place;

/// Cells with files of a kind that is not read, one class of them alone.
fn with_unread() -> Place {
    let place = Place::with_run();
    place.write("cells/ig/a.jp2", "j");
    place.write("cells/rare/b.jp2", "j");
    place
}

/// Subjects and counts of the notices of a result.
fn notices(result: &Value) -> Vec<(String, u64)> {
    let one =
        |notice: &Value| (notice["subject"].as_str().unwrap().to_owned(), notice["count"].as_u64().unwrap());
    result["notices"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn every_command_says_what_it_does_not_use() {
    let place = with_unread();
    let expected = [("unread_kind".to_owned(), 2), ("empty_classes".to_owned(), 1)];
    for words in [
        "data info cells",
        "audit cells",
        "split cells",
        "data convert cells out.tar",
        "evaluate run --data cells --suite clean",
        "predict run cells --on-bad-image skip",
    ] {
        let said = place.hema(&format!("{words} --json")).succeeds();
        assert!(
            said.err.contains("warning: 2 files ending in `.jp2`, not read: ig/a.jp2, rare/b.jp2"),
            "{said:?}"
        );
        assert!(said.err.contains("without an image that is read, which make no class: rare"), "{said:?}");
        assert_eq!(notices(&said.json()), expected, "{words}");
    }
    assert_eq!(notices(&place.train("--data cells --out second --json").succeeds().json()), expected);
}

#[test]
fn a_file_without_a_row_stops_a_prediction_unless_it_is_skipped_on_purpose() {
    let place = with_unread();
    let said = place.hema("predict run cells").error();
    assert!(said.contains("holds files that would have no row (2 files ending in `.jp2`"), "{said}");
    assert!(said.contains("--on-bad-image skip"), "{said}");
    assert_eq!(place.hema("predict run cells --on-bad-image skip").succeeds().out.lines().count(), 65);
}

#[test]
fn transparent_images_and_lost_classes_are_said_once_they_are_decoded() {
    let place = Place::with_run();
    let mut png = image::RgbaImage::from_pixel(24, 24, image::Rgba([9, 9, 9, 0]));
    png.put_pixel(0, 0, image::Rgba([1, 1, 1, 255]));
    png.save(place.path("cells/ig/0000.png")).unwrap();
    for i in 0..8 {
        place.write(&format!("cells/platelet/000{i}.png"), "no picture");
    }
    let said = place.hema("predict run cells --on-bad-image skip --json").succeeds();
    assert!(said.err.contains("warning: 1 image transparent in places"), "{said:?}");
    assert!(said.err.contains("warning: 1 class without an image that can be read: platelet"), "{said:?}");
    assert_eq!(notices(&said.json()), [("alpha".to_owned(), 1), ("empty_classes".to_owned(), 1)]);
    let said = place.hema("audit cells --json").succeeds();
    assert_eq!(notices(&said.json()), [("alpha".to_owned(), 1), ("empty_classes".to_owned(), 1)]);
}
