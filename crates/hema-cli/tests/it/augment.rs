//! `hema augment preview` and `hema data augment`: what a recipe does to images, to look at and to keep.

use hema::data::{self, Source};
use hema::split::Part;

use crate::support::Place;

/// A recipe that turns every image upside down before anything else, and one image in two black and white.
const RECIPE: &str = "name = \"turned\"\n[data]\nsize = 24\n[model]\nname = \"cnn_gap\"\n\
                      [augment]\nbase = [{ name = \"flip-vertical\" }]\n\
                      one_of = [{ operators = [{ name = \"colour-degenerate\" }] }, {}]\n\
                      [[stage]]\nname = \"all\"\nepochs = 1\nlr = 1e-3\n";

fn place() -> Place {
    let place = Place::with_cells();
    place.write("turned.toml", RECIPE);
    place
}

#[test]
fn a_preview_shows_every_operator_or_what_a_recipe_does() {
    let place = place();
    place.hema("augment preview --images 2 --out operators.html").succeeds();
    let page = place.read("operators.html");
    for operator in ["stain", "rotate", "defocus-blur", "grid-mask", "cutmix"] {
        assert!(page.contains(&format!(">{operator}<")), "{operator}");
    }
    place.hema("augment preview --recipe turned.toml --data cells --images 3 --out turned.html").succeeds();
    let page = place.read("turned.html");
    for origin in ["Augmentation of turned.toml", "<code>cells</code>", "<span>preview</span>", "Recipe ("] {
        assert!(page.contains(origin), "{origin}");
    }
    let said = place.hema("augment preview --recipe turned.toml --images 3 --out turned.png").succeeds();
    assert_eq!(said.out.lines().count(), 3, "{said:?}");
    assert!(std::fs::read(place.path("turned.png")).unwrap().starts_with(b"\x89PNG"));
    let again = place.hema("augment preview --recipe turned.toml --images 3 --out again.png").succeeds();
    assert_eq!(again.out, said.out);
    let bytes = |name: &str| std::fs::read(place.path(name)).unwrap();
    assert!(bytes("again.png") == bytes("turned.png"));

    let error = place.hema("augment preview --out turned.jpg").error();
    assert_eq!(error, "error: turned.jpg: its name ends in neither .html nor .png");
}

#[test]
fn copies_are_augmented_from_the_base_on_and_the_other_parts_are_left_alone() {
    let place = place();
    place.hema("split cells --out split.csv").succeeds();
    place
        .hema(
            "data augment cells more.tar --recipe turned.toml --copies 2 --keep-originals --split split.csv",
        )
        .succeeds();
    let (before, after) = (open(&place, "cells"), open(&place, "more.tar"));
    let split = after.read_split_inside().unwrap().unwrap();
    let of = |part| split.indices(&after, part).unwrap().len();
    assert!(of(Part::Train) > 0);
    assert_eq!(of(Part::Val) + of(Part::Test), before.len() - of(Part::Train) / 3);

    let originals: Vec<Vec<u8>> = (0..before.len()).map(|i| before.image(i).unwrap().into_pixels()).collect();
    let turned: Vec<Vec<u8>> = (0..before.len())
        .map(|i| before.image(i).unwrap().into_pixels().chunks(24 * 3).rev().flatten().copied().collect())
        .collect();
    let written: Vec<Vec<u8>> = (0..after.len()).map(|i| after.image(i).unwrap().into_pixels()).collect();
    let among = |known: &[Vec<u8>]| written.iter().filter(|image| known.contains(image)).count();
    assert_eq!(among(&originals), before.len());
    // one way leaves a copy as the base made it, the other takes its colour
    let copies = of(Part::Train) / 3 * 2;
    assert!((copies / 5..copies * 4 / 5).contains(&among(&turned)), "{} of {copies}", among(&turned));
}

fn open(place: &Place, name: &str) -> Source {
    data::open(&place.path(name)).unwrap()
}
