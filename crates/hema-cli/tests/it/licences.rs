//! `hema licences`: what must go along with the program.

use crate::support::Place;

#[test]
fn the_program_says_whose_work_it_holds() {
    let place = Place::empty();
    let text = place.hema("licences").succeeds().out;
    assert!(text.starts_with(&format!("hema {}: MIT OR Apache-2.0\n", env!("CARGO_PKG_VERSION"))), "{text}");
    for part in [
        "\nserde 1",
        "\nburn-tensor ",
        "Permission is hereby granted, free of charge",
        "Mozilla Public License",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert_eq!(place.hema("licenses").succeeds().out, text);
    let json = place.hema("licences --json").succeeds().json();
    let packages = json["packages"].as_array().unwrap();
    let named = packages.iter().find(|package| package["name"] == "clap").unwrap();
    assert_eq!(named["licence"], "MIT OR Apache-2.0");
    let titles = json["texts"].as_array().unwrap().iter().map(|text| text["title"].as_str().unwrap());
    assert!(titles.clone().any(|title| title == "MIT") && titles.clone().any(|title| title == "Apache-2.0"));
}
