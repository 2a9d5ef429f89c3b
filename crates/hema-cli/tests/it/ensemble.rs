//! Views of images, classes to choose among, several models as one file, mean weights.

use std::collections::BTreeMap;

use hema::prevalence;
use hema::synthetic::CLASSES;
use hema::weights::{self, TensorFile};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Place, shape};

/// A folder with two runs of different input sizes: `run/` and `larger/`.
fn with_two_runs() -> Place {
    let place = Place::with_run();
    place.train("--data cells --out larger --set data.size=32 --set seed=7 --split run/split.csv").succeeds();
    place
}

/// A folder with `both.safetensors`, an ensemble of two runs.
fn with_ensemble() -> Place {
    let place = with_two_runs();
    place.hema("ensemble run larger --data cells --tta flips --out both.safetensors").succeeds();
    place
}

/// Probabilities of every path in a table of predictions.
fn probabilities(table: &str) -> BTreeMap<String, Vec<f64>> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let numbers = cells[3..3 + CLASSES.len()].iter().map(|cell| cell.parse().unwrap()).collect();
        (cells[0].to_owned(), numbers)
    };
    table.lines().skip(1).map(row).collect()
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5, "{what}: {found}, expected {expected}");
    }
}

fn mean(rows: &[&Vec<f64>]) -> Vec<f64> {
    (0..CLASSES.len()).map(|i| rows.iter().map(|row| row[i]).sum::<f64>() / rows.len() as f64).collect()
}

fn read(place: &Place, name: &str) -> (TensorFile, Value) {
    let file = weights::read(&place.path(name)).unwrap();
    let document = serde_json::from_str(&file.metadata["hema"]).unwrap();
    (file, document)
}

#[test]
fn views_are_averaged() {
    let place = Place::with_run();
    let cell = image::open(place.path("cells/ig/0003.png")).unwrap();
    std::fs::create_dir(place.path("flipped")).unwrap();
    for (name, view) in
        [("a", cell.clone()), ("b", cell.fliph()), ("c", cell.flipv()), ("d", cell.rotate180())]
    {
        view.save(place.path(&format!("flipped/{name}.png"))).unwrap();
    }
    let predict = |words: &str| probabilities(&place.hema(&format!("predict run {words}")).succeeds().out);
    let views = predict("flipped");
    let averaged = predict("flipped --tta flips");
    let expected = mean(&views.values().collect::<Vec<_>>());
    for (name, found) in &averaged {
        assert_close(found, &expected, name);
        assert!(*found != views[name], "{name}");
    }
    // random views depend on the image alone, not on its neighbours
    let together = predict("flipped --tta report9");
    assert_close(&predict("flipped/c.png --tta report9")["c.png"], &together["c.png"], "alone");
    assert!(together["c.png"] != predict("flipped --tta none")["c.png"]);

    assert_snapshot!(place.hema("predict run cells --tta dihedrals").error(), @r"
    error: there are no views `dihedrals`
    hint: did you mean `dihedral`?
    ");
    let said = place.hema("evaluate run --data cells --suite clean --tta dihedral --json").succeeds();
    assert_eq!(said.json()["model"]["tta"], "dihedral");
    let listed = place.hema("list tta").succeeds().out;
    assert!(listed.contains("dihedral") && listed.contains("report9"), "{listed}");
}

#[test]
fn a_model_chooses_among_the_classes_that_can_occur() {
    let place = Place::with_run();
    let predict = |words: &str| probabilities(&place.hema(&format!("predict run {words}")).succeeds().out);
    let all = predict("cells/ig cells/monocyte");
    let two = predict("cells/ig cells/monocyte --among monocyte,ig");
    let class = |name: &str| CLASSES.iter().position(|class| *class == name).unwrap();
    let (ig, monocyte) = (class("ig"), class("monocyte"));
    for (path, row) in &two {
        let mut expected = vec![0.0; CLASSES.len()];
        let sum = all[path][ig] + all[path][monocyte];
        (expected[ig], expected[monocyte]) = (all[path][ig] / sum, all[path][monocyte] / sum);
        assert_close(row, &expected, path);
    }
    let said = place.hema("evaluate run --data cells --suite clean --among ig,platelet").error();
    assert_snapshot!(said, @"error: basophil/0001.png: is of the class `basophil`, expected only ig, platelet");
    assert_eq!(predict("cells/ig cells/monocyte --among Monocytes,IG"), two);
    assert_snapshot!(place.hema("predict run cells --among ig,monocite").error(), @r"
    error: the model knows no class `monocite`
    hint: did you mean `monocyte`?
    ");
    let said = place.hema("predict run cells --among ig").error();
    assert_snapshot!(said, @"error: there is nothing to tell apart, expected at least two classes");

    std::fs::create_dir(place.path("white")).unwrap();
    for name in ["ig", "monocyte"] {
        std::fs::rename(place.path(&format!("cells/{name}")), place.path(&format!("white/{name}"))).unwrap();
    }
    let judge = |words: &str| {
        let said = place.hema(&format!("evaluate run --data white --suite clean --json {words}"));
        said.succeeds().json()
    };
    let told = judge("--among ig,monocyte");
    assert_eq!(told["model"]["among"], json!(["ig", "monocyte"]));
    let accuracy = |record: &Value| record["conditions"][0]["scores"]["accuracy"].as_f64().unwrap();
    assert!(accuracy(&told) >= accuracy(&judge("")), "{told}");
}

#[test]
fn a_population_tells_how_common_its_classes_are() {
    let place = Place::with_run();
    let predict = |words: &str| probabilities(&place.hema(&format!("predict {words}")).succeeds().out);
    let (plain, adapted) = (predict("run cells/ig"), predict("run cells/ig --adapt-prevalence"));
    let (file, mut document) = read(&place, "run/best.safetensors");
    let training: Vec<f64> = serde_json::from_value(document["prevalence"].clone()).unwrap();
    let images = [3, 3, 2, 3, 3, 3, 3, 2].map(|count| f64::from(count) / 22.0);
    assert_close(&training, &images, "the split's training part");
    let mut rows: Vec<f32> = plain.values().flatten().map(|value| *value as f32).collect();
    let weights = prevalence::adapt(&mut rows, &training);
    assert!(weights.iter().any(|weight| (weight - 0.125).abs() > 0.01), "{weights:?}");
    for ((path, found), expected) in adapted.iter().zip(rows.chunks_exact(CLASSES.len())) {
        assert_close(found, &expected.iter().map(|value| f64::from(*value)).collect::<Vec<_>>(), path);
    }
    let said = place.hema("predict run cells/ig --adapt-prevalence --out table.csv").succeeds().err;
    assert!(said.contains("class weights with 95 % intervals (no differential: "), "{said}");
    for (name, weight) in CLASSES.iter().zip(&weights) {
        assert!(said.contains(&format!("{name} {:.1} % (", weight * 100.0)), "{said}");
    }
    let record = |words: &str| {
        place.hema(&format!("evaluate run --data cells --suite clean --json {words}")).succeeds().json()
    };
    assert_eq!(record("--adapt-prevalence")["model"]["adapted"], true);
    assert_eq!(record("")["model"]["adapted"], false);

    let mut write = |shares: Option<Value>| {
        let fields = document.as_object_mut().unwrap();
        fields.remove("prevalence");
        fields.extend(shares.map(|shares| ("prevalence".to_owned(), shares)));
        let metadata = [("hema".to_owned(), document.to_string())].into();
        weights::write(&place.path("other.safetensors"), &file.tensors, &metadata).unwrap();
    };
    write(None);
    place.hema("predict other.safetensors cells").succeeds();
    assert_snapshot!(place.hema("predict other.safetensors cells --adapt-prevalence").error(), @r"
    error: the model does not say how common each of its classes was in training
    hint: older versions did not keep it, and timm's folders have no place for it: train the model anew
    ");
    write(Some(json!([0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])));
    assert_snapshot!(place.hema("predict other.safetensors cells --adapt-prevalence").error(), @"error: the model saw no `erythroblast` in training, so how common it is now cannot be estimated");
    write(Some(json!([0.5, 0.4])));
    assert_snapshot!(place.hema("predict other.safetensors cells").error(), @"error: other.safetensors: its prevalence is [0.5, 0.4], expected 8 shares that sum to 1");
}

#[test]
fn an_ensemble_in_one_file_predicts_as_its_members_do() {
    let place = with_ensemble();
    let (_, document) = read(&place, "both.safetensors");
    assert_eq!((&document["format"], &document["tta"]), (&json!(4), &json!("flips")));
    assert_eq!(document["members"][1]["weights"], json!([0.125, 0.125, 0.125, 0.125]));

    let predict = |words: &str| probabilities(&place.hema(&format!("predict {words}")).succeeds().out);
    let members = predict("run cells --with larger --tta flips");
    let inverse = 1.0 / document["temperature"].as_f64().unwrap();
    assert!((inverse - 1.0).abs() > 1e-3, "a temperature of 1 would show nothing");
    for (path, found) in predict("both.safetensors cells") {
        let powers: Vec<f64> = members[&path].iter().map(|p| p.powf(inverse)).collect();
        let sum: f64 = powers.iter().sum();
        assert_close(&found, &powers.iter().map(|p| p / sum).collect::<Vec<_>>(), &path);
    }
    // other views instead of its own
    assert!(
        predict("both.safetensors cells/ig/0003.png --tta none")["0003.png"]
            != predict("both.safetensors cells/ig/0003.png")["0003.png"]
    );
}

#[test]
fn commands_that_predict_take_an_ensemble() {
    let place = with_ensemble();
    let said =
        place.hema("evaluate both.safetensors --data cells --part all --suite clean --out judged").succeeds();
    assert_eq!(shape(&said.err), "report: judged/report.html");
    let record: Value = serde_json::from_str(&place.read("judged/evaluation.json")).unwrap();
    assert_eq!(record["model"]["architecture"], "cnn_gap + cnn_gap");
    assert_eq!(record["model"]["tta"], "flips");
    place.hema("report judged").succeeds();
    assert!(
        !said.out.contains("these very images"),
        "other images than those that it was fitted on: {said:?}"
    );
    let said =
        place.hema("evaluate both.safetensors --data cells --split run/split.csv --suite clean").succeeds();
    let sentence =
        "The temperature and epoch of this model were chosen on these very images: the scores flatter it.";
    assert!(said.out.contains(sentence), "{said:?}");
    assert_snapshot!(place.hema("export both.safetensors --to timm --out both").error(), @r"
    error: both.safetensors: is an ensemble, expected a single model
    hint: name one of the models that it was made of; `hema soup` makes one model of several
    ");
}

#[test]
fn fitted_weights_make_the_labels_likelier_than_equal_ones() {
    let place = with_two_runs();
    let nll = |weights: &str| {
        let words =
            format!("ensemble run larger --data cells --weights {weights} --out {weights}.safetensors");
        let said = place.hema(&words).succeeds();
        let (_, document) = read(&place, &format!("{weights}.safetensors"));
        let of = |member: &Value| member["weights"][0].as_f64().unwrap();
        let sum: f64 = document["members"].as_array().unwrap().iter().map(of).sum();
        assert!((sum - 1.0).abs() < 1e-6);
        (document["metrics"]["nll"].as_f64().unwrap(), said)
    };
    let ((equal, said), (fitted, _)) = (nll("equal"), nll("fit"));
    assert!(fitted < equal, "{fitted}, expected less than {equal}");
    assert_snapshot!(shape(&said.out), @r"
    model weight accuracy NLL
    run # # % #
    larger # # % #
    equal.safetensors # # % #
    ");
    assert!(said.err.contains(" images of cells (val)\n") && said.err.contains("flatter"), "{said:?}");
    let json =
        place.hema("ensemble run larger --data cells --out equal.safetensors --json").succeeds().json();
    assert_eq!((json.as_array().unwrap().len(), &json[0]["weight"]), (3, &json!(0.5)));
}

#[test]
fn no_weights_are_fitted_on_images_that_a_member_was_trained_on() {
    let place = Place::with_run();
    // a split of its own
    place.train("--data cells --out other --set seed=3").succeeds();
    let said = place.hema("ensemble run other --data cells --weights fit --out both.safetensors");
    let error = said.error();
    assert!(error.starts_with("error: other: was trained on "), "{error}");
    assert!(error.contains(" images that the weights would be fitted on\nhint: give images that no model"));
    assert!(!place.path("both.safetensors").exists());
    let said = place.hema("ensemble run other --data cells --out both.safetensors").succeeds();
    assert!(said.err.contains("warning: other was trained on ") && !said.err.contains("warning: run"));
    let said = place.hema("ensemble run run --data cells --weights fit --out both.safetensors").succeeds();
    assert!(!said.err.contains("trained on"), "{said:?}");
}

#[test]
fn a_soup_has_the_mean_of_its_members_weights() {
    let place = Place::with_run();
    place.train("--data cells --out other --set seed=3").succeeds();
    let said = place.hema("soup run other --data cells --uniform --out soup.safetensors").succeeds();
    assert!(said.err.contains("warning: other began from other weights than the first model"), "{said:?}");
    assert!(said.err.contains("warning: other was trained on "), "{said:?}");
    let [first, second, soup] = ["run/best.safetensors", "other/best.safetensors", "soup.safetensors"]
        .map(|name| read(&place, name).0);
    for (name, array) in &soup.tensors {
        for (i, value) in array.values.iter().enumerate() {
            let expected = f32::midpoint(first.tensors[name].values[i], second.tensors[name].values[i]);
            assert!((value - expected).abs() <= 1e-6 * expected.abs(), "{name}");
        }
    }
    place.hema("predict soup.safetensors cells").succeeds();

    let said = place.hema("soup run other run --data cells --out greedy.safetensors").succeeds();
    assert_eq!(said.out.lines().count(), 5, "{said:?}");
    assert!(said.out.contains("in the soup"), "{said:?}");
    let json = place.hema("soup run other --data cells --out greedy.safetensors --json").succeeds().json();
    assert_eq!(json["members"].as_array().unwrap().len(), 2);
    place.hema("evaluate greedy.safetensors --data cells --suite clean").succeeds();

    place.train("--data cells --out larger --set data.size=32").succeeds();
    assert_snapshot!(place.hema("soup run larger --data cells --out x.safetensors").error(), @r"
    error: larger: has another network than the first model
    hint: the weights of a soup are averaged: give runs of one recipe, or make an ensemble of them
    ");
    assert!(!place.path("x.safetensors").exists());
}

#[test]
fn ensembles_are_made_of_single_models_for_the_same_classes() {
    let place = with_ensemble();
    let expected = "error: both.safetensors: is an ensemble, expected a single model\n\
                    hint: name one of the models that it was made of; `hema soup` makes one model of several";
    for words in [
        "predict run cells --with both.safetensors",
        "ensemble run both.safetensors --data cells --out x.safetensors",
        "audit cells --model both.safetensors",
        "soup both.safetensors --data cells --out x.safetensors",
    ] {
        assert_eq!(place.hema(words).error(), expected, "{words}");
    }
    place.hema("predict both.safetensors cells --out p.csv").succeeds();
    assert!(!place.path("x.safetensors").exists());
}

#[test]
fn an_ensemble_that_was_tampered_with_is_refused() {
    let place = with_ensemble();
    let (file, document) = read(&place, "both.safetensors");
    let write = |file: &TensorFile, document: &Value| {
        let metadata = [("hema".to_owned(), document.to_string())].into();
        weights::write(&place.path("edited.safetensors"), &file.tensors, &metadata).unwrap();
        place.hema("predict edited.safetensors cells --out p.csv").error()
    };
    let error = |change: &dyn Fn(&mut Value)| {
        let mut document = document.clone();
        change(&mut document);
        write(&file, &document)
    };
    assert_snapshot!(error(&|d| d["members"][0]["weights"][2] = json!(0.5)), @"error: edited.safetensors: the weights of its members sum to 1.375, expected 1");
    assert_snapshot!(error(&|d| d["members"][1]["weights"][0] = json!(-0.125)), @"error: edited.safetensors: member 1 has the weight -0.125, expected 0 to 1");
    assert_snapshot!(error(&|d| d["members"][0]["weights"] = json!([1.0])), @"error: edited.safetensors: member 0 has 1 weights, expected one for each of the 4 views `flips`");
    let error_of_null = error(&|d| d["members"][0]["weights"][0] = json!(null));
    assert!(
        error_of_null.contains("its description of an ensemble cannot be read: invalid type: null"),
        "{error_of_null}"
    );
    assert_snapshot!(error(&|d| d["members"] = json!([])), @"error: edited.safetensors: an ensemble without members");
    assert_snapshot!(error(&|d| d["temperature"] = json!(0.0)), @"error: edited.safetensors: its temperature is 0, expected a number above 0");
    assert_snapshot!(error(&|d| d["tta"] = json!("flip")), @r"
    error: edited.safetensors: there are no views `flip`
    hint: did you mean `flips`?
    ");
    assert_snapshot!(error(&|d| d["members"][1]["model"] = d.clone()), @"error: edited.safetensors: member 1: is an ensemble itself, expected a single model");
    assert_snapshot!(error(&|d| d["members"][1]["model"]["temperature"] = json!(-1)), @"error: edited.safetensors: member 1: its temperature is -1, expected a number above 0");
    assert_snapshot!(error(&|d| d["members"][1]["model"]["classes"][0] = json!("cell")), @r"
    error: edited.safetensors: a model for the classes cell, eosinophil, erythroblast, ig, lymphocyte, monocyte, neutrophil, platelet; the first one knows basophil, eosinophil, erythroblast, ig, lymphocyte, monocyte, neutrophil, platelet
    hint: the members of an ensemble must agree on the classes and their order
    ");
    assert_snapshot!(error(&|d| drop(d["members"].as_array_mut().unwrap().pop())), @"error: edited.safetensors: the weights of its members sum to 0.5, expected 1");
    assert_snapshot!(error(&|d| d["format"] = json!(5)), @r"
    error: edited.safetensors: bundle format 5, expected at most 4
    hint: this model was written by a newer hema; update
    ");

    let mut lacking = file.clone();
    let bias = lacking.tensors.remove("members.1.classifier.bias").unwrap();
    assert_snapshot!(write(&lacking, &document), @"error: edited.safetensors: member 1: its tensors do not fit its architecture, first `classifier.bias`");
    let mut foreign = file.clone();
    foreign.tensors.insert("members.2.classifier.bias".into(), bias);
    assert_snapshot!(write(&foreign, &document), @"error: edited.safetensors: its tensor `members.2.classifier.bias` belongs to none of its 2 members");
    let mut poisoned = file.clone();
    poisoned.tensors.get_mut("members.1.classifier.bias").unwrap().values[3] = f32::NAN;
    assert_snapshot!(write(&poisoned, &document), @"error: edited.safetensors: tensor `members.1.classifier.bias` holds NaN at index 3, expected finite values");

    let whole = std::fs::read(place.path("both.safetensors")).unwrap();
    for length in [0, 200, whole.len() / 2, whole.len() - 1] {
        place.write("cut.safetensors", &whole[..length]);
        let error = place.hema("predict cut.safetensors cells").error();
        assert!(error.contains("not a complete safetensors file"), "{length}: {error}");
    }
    assert!(!place.path("p.csv").exists());
}
