//! What a model has seen: its file knows the images that it was trained on and chosen by, wherever they come
//! back.

use serde_json::{Value, json};

use crate::support::Place;

/// What an evaluation says of images that the model has seen.
fn known(place: &Place, words: &str) -> Value {
    place.hema(&format!("{words} --suite clean --json")).succeeds().json()["data"]["known"].clone()
}

#[test]
fn an_evaluation_counts_the_images_that_the_model_has_seen_whatever_they_are_called() {
    let place = Place::with_run();
    let split = place.read("run/split.csv");
    let count = |part: &str| split.lines().filter(|line| line.ends_with(part)).count();
    let (train, val, test) = (count("train"), count("val"), count("test"));
    for (part, trained, chosen) in [("train", train, 0), ("val", 0, val), ("test", 0, 0)] {
        let images = count(part);
        let expected = json!({ "images": images, "trained": trained, "chosen": chosen });
        assert_eq!(known(&place, &format!("evaluate run --data cells --part {part}")), expected, "{part}");
    }

    // the same cells in another form, under other names, without a split
    place.hema("data convert cells cells.npz").succeeds();
    let expected = json!({ "images": train + val + test, "trained": train, "chosen": val });
    assert_eq!(known(&place, "evaluate run --data cells.npz"), expected);
    let said = place.hema("evaluate run --data cells.npz --suite clean --out judged").succeeds();
    let warning = format!("The model was trained on some of these images, {train} of 64 by their prints");
    assert!(said.out.lines().nth(1).is_some_and(|line| line.starts_with(&warning)), "{said:?}");
    assert!(place.read("judged/report.html").contains(&warning));

    let said = place.hema("evaluate run --data cells --part test --suite clean").succeeds();
    assert!(!said.out.contains("trained on"), "{said:?}");
}

#[test]
fn a_model_has_seen_what_those_had_that_it_started_learned_or_was_made_from() {
    let place = Place::with_run();
    let split = place.read("run/split.csv");
    let swapped = split.replace(",train", ",#").replace(",val", ",train").replace(",test", ",train");
    place.write("other.csv", swapped.replace(",#", ",val"));
    let train = split.lines().filter(|line| line.ends_with("train")).count();
    let others = 64 - train;
    let both = json!({ "images": 64, "trained": 64, "chosen": 0 });
    for (name, set) in [("started", "model.weights=run"), ("taught", "distill.teachers=[\"run\"]")] {
        let words = format!("--data cells --split other.csv --out {name} --set {set}");
        let said = place.train(&words).succeeds();
        let warning = format!("warning: {train} of the {train} validation images are among those");
        assert!(said.err.contains(&warning), "{said:?}");
        assert_eq!(known(&place, &format!("evaluate {name} --data cells --part all")), both, "{name}");
    }
    place.train("--data cells --split other.csv --out other").succeeds();
    let alone = json!({ "images": 64, "trained": others, "chosen": train });
    assert_eq!(known(&place, "evaluate other --data cells --part all"), alone);
    place
        .hema("soup run other --uniform --data cells --split run/split.csv --out soup.safetensors")
        .succeeds();
    assert_eq!(known(&place, "evaluate soup.safetensors --data cells --part all"), both);
}

#[test]
fn of_a_model_that_does_not_know_what_it_saw_the_part_tells_what_it_may_have_seen() {
    let place = Place::with_run();
    let file = hema::weights::read(&place.path("run/best.safetensors")).unwrap();
    let mut document: Value = serde_json::from_str(&file.metadata["hema"]).unwrap();
    document.as_object_mut().unwrap().remove("seen");
    let metadata = [("hema".to_owned(), document.to_string())].into();
    hema::weights::write(&place.path("run/best.safetensors"), &file.tensors, &metadata).unwrap();
    let second_line = |part: &str| {
        let said = place.hema(&format!("evaluate run --data cells --part {part} --suite clean")).succeeds();
        said.out.lines().nth(1).unwrap().to_owned()
    };
    let rest = "if the model was trained on these images, the scores flatter it.";
    assert_eq!(second_line("train"), format!("Scored on the part train: {rest}"));
    assert!(second_line("all").starts_with("Scored on all images: if the model was trained on some of them"));
    assert!(second_line("test").starts_with("score "));
}

#[test]
fn images_that_are_plainly_no_cells_of_the_kind_are_to_be_looked_at() {
    let place = Place::with_run();
    let said = place.hema("predict run cells").succeeds();
    assert!(!said.err.contains("unlike") && !said.out.contains("unlike-training"), "{said:?}");

    for name in ["field", "other field"] {
        let field = hema::Image::filled(96, 48, [230, 200, 210]).to_png().unwrap();
        place.write(&format!("new/{name}.png"), &field);
    }
    std::fs::copy(place.path("cells/ig/0000.png"), place.path("new/cell.png")).unwrap();
    let said = place.hema("predict run new --columns file,refer,reason").succeeds();
    let warning = "warning: 2 of 3 images are plainly unlike those that the model was trained on (";
    assert!(said.err.starts_with(warning), "{said:?}");
    assert!(said.err.contains("wider 2") && said.err.contains("the first: field.png ("), "{said:?}");
    let rows: Vec<&str> = said.out.lines().collect();
    assert_eq!(rows[..2], ["file,refer,reason", "cell.png,,"], "{said:?}");
    let reason = "width by height 2.00, in training 1.00 to 1.00";
    assert!(rows[2].starts_with("field.png,yes,\"unlike-training: ") && rows[2].contains(reason), "{said:?}");
}
