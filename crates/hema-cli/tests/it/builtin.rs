//! The model in the box and the cells that come with it.

use crate::support::Place;

/// Name of the model with its version, as results say it.
const NAME: &str = "builtin@1";

/// A place with the program's own cells in the folder `own`.
fn with_cells() -> Place {
    let place = Place::empty();
    place.hema("data sample own").succeeds();
    place
}

#[test]
fn the_model_in_the_box_names_cells_that_it_has_not_seen_and_every_result_says_which_it_was() {
    let place = with_cells();
    let said = place.hema("predict builtin own --out named.csv").succeeds();
    assert!(said.err.contains("192 predictions: named.csv\n"), "{said:?}");
    let table = std::fs::read_to_string(place.path("named.csv")).unwrap();
    let mut lines = table.lines();
    assert!(lines.next().unwrap().ends_with(",refer,reason,runner_up,unlike,poor,model"), "{table:.300}");
    let checksum = lines.next().unwrap().rsplit_once(&format!(",{NAME} (crc32c:")).unwrap().1.to_owned();
    assert!(checksum.len() == 9 && lines.all(|line| line.ends_with(&checksum)), "{checksum}");

    let said = place.hema("evaluate builtin --data own --part test --out judged --json").succeeds();
    let record = said.json();
    assert_eq!(record["model"]["path"], NAME);
    let sum = u32::from_str_radix(checksum.trim_end_matches(')'), 16).unwrap();
    assert_eq!(record["model"]["checksums"][0], sum);
    let right = record["conditions"][0]["scores"]["metrics"]["accuracy"]["value"].as_f64();
    let right = right.unwrap_or_else(|| record["conditions"][0]["scores"]["accuracy"].as_f64().unwrap());
    assert!(right > 0.95, "{right}");
    assert_eq!(record["data"]["known"]["trained"], 0, "{}", record["data"]);
    let page = std::fs::read_to_string(place.path("judged/report.html")).unwrap();
    assert!(page.contains(NAME) && page.contains(checksum.trim_end_matches(')')));
}

#[test]
fn of_the_cells_it_has_learned_from_it_says_so() {
    let place = with_cells();
    let said = place.hema("evaluate builtin --data own --part all --json").succeeds();
    let known = &said.json()["data"]["known"];
    // 9 cells of each of 8 classes were learned from, 3 of each chosen by
    assert_eq!((known["images"].as_u64(), known["trained"].as_u64()), (Some(192), Some(96)), "{known}");
}

#[test]
fn its_name_is_no_path_and_no_other_version_is_there() {
    let place = Place::with_cells();
    std::fs::create_dir(place.path("builtin")).unwrap();
    place.hema("predict builtin cells --out a.csv").succeeds();
    let error = place.hema("predict ./builtin cells").error();
    assert!(error.starts_with("error: ./builtin: a folder without best.safetensors"), "{error}");
    // nothing is written that could not be opened by its name
    for command in
        ["train --recipe cnn --data cells --out builtin", "export builtin --to half --out builtin@2"]
    {
        let error = place.hema(command).error();
        assert!(error.contains("is the name of the model in the box"), "{command}: {error}");
    }
    let error = place.hema("predict builtin@7 cells").error();
    assert!(error.starts_with(&format!("error: builtin@7: this hema carries {NAME}\n")), "{error}");
}

#[test]
fn a_training_starts_from_it_with_its_network_and_its_way_to_read_images() {
    let place = Place::with_cells();
    let short = "--set stage.0.epochs=1 --set stage.1.epochs=1 --save-every 0";
    let said = place.hema(&format!("train --recipe few-cells --data cells {short} --out own")).succeeds();
    assert!(
        said.err.contains(&format!(
            "tensors loaded from {NAME}, none is new, 0 of the file left out; its classes are the same"
        )),
        "{said:?}"
    );
    let recipe = std::fs::read_to_string(place.path("own/recipe.toml")).unwrap();
    assert!(recipe.contains(&format!("weights = \"{NAME}\"")) && recipe.contains("stages = 5"), "{recipe}");

    // a recipe that names the network takes what it does not say; one for another network is refused
    let plain = "train --recipe v2b0 --data cells --set stage.0.epochs=1 --set model.weights=builtin";
    place.hema(&format!("{plain} --out plain")).succeeds();
    let recipe = std::fs::read_to_string(place.path("plain/recipe.toml")).unwrap();
    assert!(recipe.contains("stages = 5"), "{recipe}");
    // the network that an override names is taken with the weights that it names
    let cats = "--set model.name=cnn_gap --set model.weights=none --set data.size=24";
    place.hema(&format!("train --recipe few-cells --data cells {short} {cats} --out cats")).succeeds();
    let error = place.hema(&format!("{plain} --set model.name=resnet18 --out other")).error();
    assert!(
        error.starts_with(&format!("error: {NAME}: tensor ")) && error.contains("another architecture"),
        "{error}"
    );
}

#[test]
fn a_recipe_without_a_network_says_what_is_missing() {
    let place = Place::with_cells();
    place.write(
        "own.toml",
        "name = \"own\"\n[model]\nweights = \"none\"\n[[stage]]\nname = \"all\"\nepochs = 1\nlr = 0.1\n",
    );
    let error = place.hema("train --recipe own.toml --data cells").error();
    assert!(error.starts_with("error: own.toml: line 2: model: the key `name` is missing"), "{error}");
    let error =
        place.hema("train --recipe own.toml --data cells --set model.weights=gone.safetensors").error();
    assert!(error.starts_with("error: own.toml: model.weights: gone.safetensors: "), "{error}");
}

#[test]
fn a_model_that_a_program_carries_is_packed_and_exported_as_any_other() {
    let place = Place::with_cells();
    place.hema("export builtin --to half --out half.safetensors").succeeds();
    let told = |model: &str| {
        place.hema(&format!("predict {model} cells --json")).succeeds().json()["predictions"].clone()
    };
    // its weights are halves already
    assert_eq!(told("half.safetensors"), told("builtin"));
    place.hema("export builtin --to codabench --out submission.zip").succeeds();
    let size = std::fs::metadata(place.path("half.safetensors")).unwrap().len();
    assert!(std::fs::metadata(place.path("submission.zip")).unwrap().len() > size);
}

#[test]
fn its_card_and_its_terms_ride_along() {
    let place = Place::empty();
    let card = place.hema("card builtin").succeeds().out;
    for fact in [
        "license: \"apache-2.0\"",
        "pbc200.tar, validation part",
        "bccd_cells",
        "blood-c",
        "timm/tf_efficientnetv2_b0.in1k",
        "no medical device",
    ] {
        assert!(card.contains(fact), "{fact}: {card:.600}");
    }
    let terms = place.hema("licences").succeeds().out;
    assert!(terms.contains("Acevedo") && terms.contains("Creative Commons Attribution 4.0"), "{terms:.600}");
}

#[test]
fn the_quickstart_names_real_cells_and_reports_both_models_side_by_side() {
    let place = Place::empty();
    let said = place.hema("quickstart --out quick").succeeds();
    assert!(
        said.out.contains("96 cells that neither has seen") && said.out.contains("degraded in "),
        "{said:?}"
    );
    let page = std::fs::read_to_string(place.path("quick/report.html")).unwrap();
    assert!(page.contains("small-network") && page.contains("builtin"));
    for file in
        ["cells/split.csv", "cells/NOTICE.md", "builtin/report.html", "small-network/best.safetensors"]
    {
        assert!(place.path("quick").join(file).is_file(), "{file}");
    }
}
