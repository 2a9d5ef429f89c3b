//! Nothing is chosen on the test part of a split: where none of its images can be read, every command that
//! chooses goes on without noticing.

use crate::files;
use crate::support::{Place, QUICK};

/// A folder with `parts/`, cells in the folders `train`, `val` and `test`; no image of `test` can be read.
fn with_a_spoilt_test_part() -> Place {
    let place = Place::empty();
    for (position, (name, png)) in files::cells(8, 24).into_iter().enumerate() {
        let part = ["train", "train", "train", "train", "val", "val", "test", "test"][position % 8];
        let contents = if part == "test" { b"no picture".to_vec() } else { png };
        place.write(&format!("parts/{part}/{name}"), contents);
    }
    let counts = ["train", "val", "test"].map(|part| place.list(&format!("parts/{part}/ig")).len());
    assert_eq!(counts, [4, 2, 2]);
    place
}

#[test]
fn soups_and_ensembles_are_made_without_opening_the_test_part() {
    let place = with_a_spoilt_test_part();
    place.train("--data parts --out run --set data.on_bad_image=fail").succeeds();
    place.train("--data parts --out other --set data.on_bad_image=fail --set seed=3").succeeds();
    for words in [
        "soup run other --data parts --out soup.safetensors",
        "ensemble run other --data parts --weights fit --out both.safetensors",
    ] {
        let said = place.hema(words).succeeds();
        assert!(said.err.contains("on 16 images of parts (val)\n"), "{said:?}");
    }
    for model in ["run", "soup.safetensors", "both.safetensors"] {
        place.hema(&format!("evaluate {model} --data parts --part val --suite clean")).succeeds();
        let error = place.hema(&format!("evaluate {model} --data parts --part test --suite clean")).error();
        assert!(error.starts_with("error: parts/test/"), "{error}");
    }
}

#[test]
fn searches_and_folds_never_open_the_test_part() {
    let place = with_a_spoilt_test_part();
    place.write("space.toml", r#""stage.0.lr" = { log = [1e-4, 1e-2] }"#);
    place.hema(&format!("tune {QUICK} --data parts --space space.toml --trials 2 --out search")).succeeds();
    place.train("--data parts --out folds --folds 2").succeeds();
    place.train("--data parts --out range --find-lr").succeeds();
}
