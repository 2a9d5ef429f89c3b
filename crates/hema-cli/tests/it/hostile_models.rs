//! Files given as models that are none, are cut short, or know other classes.

use insta::assert_snapshot;

use crate::files;
use crate::support::Place;

#[test]
fn what_is_no_model_is_refused() {
    let place = Place::with_run();
    place.write("words.txt", "these are only words, more than eight bytes of them");
    place.write("empty.safetensors", "");
    let error = |model: &str| {
        let error = place.hema(&format!("predict {model} cells --out p.csv")).error();
        assert_eq!(error, place.hema(&format!("evaluate {model} --data cells --out judged")).error());
        error
    };
    assert_snapshot!(error("words.txt"), @r"
    error: words.txt: not a complete safetensors file: header too large
    hint: give a .safetensors file; if it is one, it was cut short: copy or download it again
    ");
    assert_snapshot!(error("empty.safetensors"), @r"
    error: empty.safetensors: not a complete safetensors file: header too small
    hint: give a .safetensors file; if it is one, it was cut short: copy or download it again
    ");
    assert_snapshot!(error("nowhere"), @r"
    error: nowhere: cannot be opened: No such file or directory (os error 2)
    hint: check the path
    ");
    assert_snapshot!(error("cells"), @r"
    error: cells: is a data set, expected a model
    hint: the model comes first and the images behind it: they may be swapped
    ");
    assert_snapshot!(error("run/checkpoint.safetensors"), @r"
    error: run/checkpoint.safetensors: a safetensors file without a `hema` manifest, expected a model trained by hema
    hint: a run's model is its best.safetensors; plain weights are for `model.weights` in a recipe
    ");
    assert!(!place.path("p.csv").exists() && place.list("judged").is_empty());
}

#[test]
fn a_model_cut_short_anywhere_is_refused() {
    let place = Place::with_run();
    let whole = std::fs::read(place.path("run/best.safetensors")).unwrap();
    for length in [4, 8, 500, whole.len() / 2, whole.len() - 1] {
        place.write("cut.safetensors", &whole[..length]);
        let error = place.hema("predict cut.safetensors cells").error();
        assert!(
            error.starts_with("error: cut.safetensors: not a complete safetensors file: "),
            "{length}: {error}"
        );
        assert!(error.contains("\nhint: "), "{length}: {error}");
    }
}

#[test]
fn a_model_that_was_tampered_with_is_refused() {
    let place = Place::with_run();
    let whole = std::fs::read(place.path("run/best.safetensors")).unwrap();
    let error = |from: &[u8], to: &[u8]| {
        let at = whole.windows(from.len()).position(|bytes| bytes == from).unwrap();
        let mut edited = whole.clone();
        edited[at..at + from.len()].copy_from_slice(to);
        place.write("edited.safetensors", edited);
        place.hema("predict edited.safetensors cells").error()
    };
    assert_snapshot!(error(b"cnn_gap", b"cnn_gpa"), @r"
    error: edited.safetensors: there is no model `cnn_gpa`
    hint: did you mean `cnn_gap`?
    ");
    assert_snapshot!(error(br#"format\":3"#, br#"format\":9"#), @r"
    error: edited.safetensors: bundle format 9, expected at most 4
    hint: this model was written by a newer hema; update
    ");
    assert_snapshot!(error(b"classifier.bias", b"classifier.bjas"), @"error: edited.safetensors: its tensors do not fit its architecture, first `classifier.bias`");
    let last = &whole[whole.len() - 12..];
    assert_snapshot!(
        error(last, &[&last[..8], &f32::NAN.to_le_bytes()].concat()),
        @"error: edited.safetensors: tensor `stages.2.conv.weight` holds NaN at index 73727, expected finite values"
    );
}

#[test]
fn bytes_that_were_flipped_are_found() {
    let place = Place::with_run();
    let whole = std::fs::read(place.path("run/best.safetensors")).unwrap();
    let mut flipped = whole.clone();
    for share in [2, 3, 5] {
        let at = whole.len() - whole.len() / share;
        flipped[at] ^= 1;
    }
    place.write("flipped.safetensors", flipped);
    for words in
        ["predict flipped.safetensors cells", "evaluate flipped.safetensors --data cells --suite clean"]
    {
        let expected = "error: flipped.safetensors: its contents do not match their checksum\n\
                        hint: it was damaged or edited after it was written: copy it again, or make it anew";
        assert_eq!(place.hema(words).error(), expected, "{words}");
    }
    let classes = whole.windows(8).position(|bytes| bytes == b"basophil").unwrap();
    let mut renamed = whole;
    renamed[classes] = b'B';
    place.write("renamed.safetensors", renamed);
    let error = place.hema("predict renamed.safetensors cells").error();
    assert!(error.contains("its contents do not match their checksum"), "{error}");
}

#[test]
fn a_manifest_of_an_absurd_network_is_refused_before_it_is_built() {
    let place = Place::with_run();
    let file = hema::weights::read(&place.path("run/best.safetensors")).unwrap();
    let error = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut document: serde_json::Value = serde_json::from_str(&file.metadata["hema"]).unwrap();
        change(&mut document);
        let metadata = [("hema".to_owned(), document.to_string())].into();
        hema::weights::write(&place.path("absurd.safetensors"), &file.tensors, &metadata).unwrap();
        place.hema("predict absurd.safetensors cells").error()
    };
    assert_snapshot!(error(&|d| d["model"]["head"] = serde_json::json!([1_000_000_000])), @"error: absurd.safetensors: `head` of the network is 1000000000, expected 1 to 65536");
    let wide = error(&|d| {
        d["model"]["name"] = "mlp".into();
        d["model"]["head"] = serde_json::json!([4096]);
        d["model"]["size"] = 4096.into();
        d["preprocess"]["size"] = 4096.into();
    });
    let expected = "error: absurd.safetensors: `mlp` for 4096 pixels with the head [4096] has 2061584";
    assert!(wide.starts_with(expected), "{wide}");
    assert!(wide.contains(" parameters, expected at most 2000000000\nhint: "), "{wide}");
}

#[test]
fn classes_must_agree() {
    let place = Place::with_run();
    for (name, png) in files::cells(8, 24) {
        let class = if name.starts_with("ig/") { "alpha" } else { "beta" };
        place.write(&format!("other/{class}/{}", name.replace('/', "-")), png);
    }
    assert_snapshot!(place.hema("evaluate run --data other").error(), @r"
    error: other: holds 8 images of class `alpha`, which the model does not know
    hint: known: basophil, eosinophil, erythroblast, ig, lymphocyte, monocyte, neutrophil, platelet
    ");
    place.train("--data other --out two").succeeds();
    assert_snapshot!(place.hema("predict run cells --with two").error(), @r"
    error: two: a model for the classes alpha, beta; the first one knows basophil, eosinophil, erythroblast, ig, lymphocyte, monocyte, neutrophil, platelet
    hint: the members of an ensemble must agree on the classes and their order
    ");
    // images that only need a prediction may have any label
    place.hema("predict run other").succeeds();
}

#[test]
fn what_was_mixed_up_is_named() {
    let place = Place::with_run();
    place.hema("data convert cells c.tar").succeeds();
    std::fs::create_dir_all(place.path("runs")).unwrap();
    std::fs::rename(place.path("run"), place.path("runs/a")).unwrap();
    for (words, said) in [
        (
            "predict c.tar runs/a",
            "error: c.tar: is a data set, expected a model\nhint: the model comes first",
        ),
        (
            "predict cells runs/a",
            "error: cells: is a data set, expected a model\nhint: the model comes first",
        ),
        (
            "evaluate runs/a --data cells --part vla",
            "error: part is `vla` (expected train, val, test or all)",
        ),
        ("report nope", "error: nope: is not there, expected a run or an evaluation"),
        (
            "report runs",
            "error: runs: no evaluation.json here, expected a finished run or an evaluation\nhint: there are some inside: `hema report runs/a`",
        ),
        ("report c.tar", "error: c.tar: is no record of hema"),
        ("train --recipe runs/a --data cells --out b", "hint: this run's recipe is runs/a/recipe.toml"),
    ] {
        let error = place.hema(words).error();
        assert!(error.contains(said), "{words}: {error}");
    }
    place.write("lone/best.safetensors", std::fs::read(place.path("runs/a/best.safetensors")).unwrap());
    let error = place.bash("cd lone; hema report best.safetensors").error();
    assert!(error.starts_with("error: best.safetensors: no evaluation.json here"), "{error}");
    place.write("findings.csv", b"path,check,action\ncells/\xe4.png,,drop\n");
    let error = place.hema("audit cells --apply findings.csv").error();
    assert!(error.contains("CSV UTF-8"), "{error}");
}
