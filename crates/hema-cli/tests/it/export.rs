//! Models for other programs, and predictions as challenges ask for them.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use hema::synthetic::CLASSES;
use hema::weights::{self, Array};
use insta::assert_snapshot;
use zip::ZipArchive;

use crate::files;
use crate::support::{HEMA, Place, Said, numbers};

#[test]
fn a_codabench_submission_holds_all_that_it_needs() {
    let place = Place::with_run();
    let said = place.hema("export run --to codabench --out sub/mission.zip").succeeds();
    assert_eq!(said.out, "");
    assert_snapshot!(said.err, @r"
    it predicts as `hema predict` does with this model, and gives the numbers of labels alone; options such as `--among` and `--adapt-prevalence` are not in it
    exported: sub/mission.zip
    ");
    let mut zip = ZipArchive::new(std::fs::File::open(place.path("sub/mission.zip")).unwrap()).unwrap();
    assert_eq!(zip.file_names().collect::<Vec<_>>(), ["model.py", "hema", "model.safetensors"]);
    let mut bytes = |name: &str| {
        let mut bytes = Vec::new();
        zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    assert!(String::from_utf8(bytes("model.py")).unwrap().contains("\nclass Model:\n"));
    assert!(bytes("hema") == std::fs::read(HEMA).unwrap());
    assert!(bytes("model.safetensors") == std::fs::read(place.path("run/best.safetensors")).unwrap());
    assert_eq!(zip.by_name("hema").unwrap().unix_mode().unwrap() & 0o777, 0o755);

    place.hema("export nowhere --to codabench --out other.zip").error();
    assert!(!place.path("other.zip").exists());
}

#[test]
#[allow(clippy::print_stderr)] // a test that did not run must say so
fn a_submission_runs_as_the_platform_runs_it() {
    let Some(python) = std::env::var_os("HEMA_PYTHON") else {
        eprintln!("skipped: HEMA_PYTHON does not name a Python with NumPy");
        return;
    };
    let place = Place::with_run();
    place.hema("ensemble run run --data cells --tta flips --out both.safetensors").succeeds();
    place.hema("export both.safetensors --to codabench --out submission.zip").succeeds();
    place.write("cells.npz", files::npz(files::images(), None));
    let harness = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/codabench_harness.py");
    let mut command = Command::new(python);
    command.arg(harness).args(["submission.zip", "cells.npz"]).current_dir(place.path(""));
    let said = Said::of(&command.output().unwrap()).succeeds();
    assert!(said.out.starts_with("16 images: the labels of hema predict, "), "{said:?}");
}

#[test]
fn an_onnx_file_says_what_is_in_it_and_replaces_none_but_its_kind() {
    let place = Place::with_run();
    let said = place.hema("export run --to onnx --out models/cells.onnx").succeeds();
    assert_eq!(said.out, "");
    for expected in [
        "it refers no answer to a person",
        "onnxruntime.InferenceSession(\"models/cells.onnx\").run(None, {\"image\": rgb[None]})",
        "exported: models/cells.onnx",
    ] {
        assert!(said.err.contains(expected), "{expected}: {}", said.err);
    }
    let bytes = std::fs::read(place.path("models/cells.onnx")).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(
        holds(&serde_json::to_string(&CLASSES).unwrap())
            && holds("preprocessing")
            && holds("GlobalAveragePool")
    );

    let again = place.hema("export run --to onnx --preprocess none --out models/cells.onnx").succeeds();
    assert!(again.err.contains("cells.onnx is there already and is replaced"), "{}", again.err);
    assert!(again.err.contains("its input is cropped, resized and normalised already"), "{}", again.err);
    let error = place.hema("export run --to onnx --out run/recipe.toml").error();
    assert!(error.contains("is read by this very command, and would be replaced"), "{error}");
    assert_snapshot!(place.hema("export run --to half --preprocess none --out half.safetensors").error(), @r"
    error: --preprocess has no meaning for half
    hint: leave it out
    ");
}

#[test]
fn what_timm_does_not_have_is_not_written_for_it() {
    let place = Place::with_run();
    assert_snapshot!(place.hema("export run --to timm --out folder").error(), @r"
    error: run: `cnn_gap` is a network of Hema's own, which timm does not have
    hint: `hema export --to codabench` takes any network
    ");
    assert!(!place.path("folder").exists());
}

#[test]
fn what_of_a_model_is_not_exported_or_taken_together_is_said() {
    let place = Place::with_cells();
    let flips = "--data cells --set tta=flips --set model.name=mobilenetv3_small_100 --set data.size=32";
    place.train(&format!("{flips} --out run")).succeeds();
    let said = place.hema("export run --to timm --out folder").succeeds().err;
    assert!(said.contains("warning: this model averages over 4 views of an image (`flips`)"), "{said}");
    assert!(said.contains("\nleft out: the classes' shares in training"), "{said}");
    // what was said: the folder predicts as the model does at one look
    let table = |words: &str| place.hema(&format!("predict {words} cells")).succeeds().out.replace(',', " ");
    let (ours, timms) = (numbers(&table("run --tta none")), numbers(&table("folder")));
    assert_eq!(ours.len(), timms.len());
    assert!(ours.iter().zip(&timms).all(|(ours, timms)| (ours - timms).abs() < 1e-4), "{ours:?} {timms:?}");

    let lost = "warning: a model averages over the views `flips` by itself";
    for (words, loses) in [
        ("predict run cells --with run", true),
        ("predict run cells --with run --tta flips", false),
        ("predict run cells", false),
        ("ensemble run run --data cells --out both.safetensors", true),
        ("ensemble run run --data cells --tta flips --out both.safetensors", false),
    ] {
        assert_eq!(place.hema(words).succeeds().err.contains(lost), loses, "{words}");
    }
    let error = place.hema("export both.safetensors --to timm --out other").error();
    assert!(error.ends_with("`hema soup` makes one model of several"), "{error}");
}

#[test]
fn timm_enlarges_in_one_step_what_a_model_enlarges_last() {
    let place = Place::with_cells();
    let sizes = "--set data.size=24 --set data.enlarge=32";
    place.train(&format!("--data cells --out run --set model.name=mobilenetv3_small_100 {sizes}")).succeeds();
    let said = place.hema("export run --to timm --out folder").succeeds();
    assert!(
        said.err.contains("images of 24 pixels enlarged to 32, and timm's transforms resize once"),
        "{}",
        said.err
    );
    assert!(
        place
            .read("folder/config.json")
            .replace(char::is_whitespace, "")
            .contains("\"input_size\":[3,32,32]")
    );
    // these have 24 pixels to begin with
    let predict =
        |model: &str| place.hema(&format!("predict {model} cells")).succeeds().out.replace(',', " ");
    let (ours, timms) = (numbers(&predict("run")), numbers(&predict("folder")));
    assert!(ours.len() > 100 && ours.len() == timms.len());
    for (ours, timms) in ours.iter().zip(&timms) {
        assert!((ours - timms).abs() < 1e-4, "{ours}, from timm's folder {timms}");
    }
    place.hema("evaluate run --data cells --suite clean,challenge --out judged").succeeds();
    assert!(place.read("judged/report.html").contains("24 × 24 pixels, enlarged to 32 × 32"));
    let suites =
        &place.hema("evaluate run --data cells --suite challenge --json").succeeds().json()["suites"];
    assert_eq!(suites[0]["size"], 24, "images are damaged as they are");
}

#[test]
fn a_folder_that_is_no_model_of_timms_is_refused() {
    let place = Place::with_cells();
    place.write("folder/config.json", "{\"architecture\": \"resnet18\"}");
    assert_snapshot!(place.hema("predict folder cells").error(), @r"
    error: folder/model.safetensors: cannot be opened: No such file or directory (os error 2)
    hint: check the path
    ");
    let tensors = [("fc.bias".to_owned(), Array { shape: vec![1], values: vec![0.0] })].into();
    weights::write(&place.path("folder/model.safetensors"), &tensors, &[].into()).unwrap();
    assert_snapshot!(place.hema("predict folder cells").error(), @"error: folder/config.json: is no description of a model of timm's: missing field `num_classes` at line 1 column 28");
}

#[test]
fn predictions_take_the_columns_that_a_challenge_asks_for() {
    let place = Place::with_run();
    let table = |words: &str| place.hema(&format!("predict run cells {words}")).succeeds().out;
    let (usual, asked) = (table(""), table("--columns path,Id=stem,Target=number,file,p_ig=ig"));
    assert_eq!(asked.lines().next(), Some("path,Id,Target,file,p_ig"));
    assert_eq!(asked.lines().count(), usual.lines().count());
    for (asked, usual) in asked.lines().zip(usual.lines()).skip(1) {
        let usual: Vec<&str> = usual.split(',').collect();
        let file = usual[0].rsplit('/').next().unwrap();
        let number = CLASSES.iter().position(|class| *class == usual[1]).unwrap();
        let stem = file.trim_end_matches(".png");
        assert_eq!(asked, format!("{},{stem},{number},{file},{}", usual[0], usual[6]));
    }
    assert_snapshot!(place.hema("predict run cells --columns id=paht").error(), @r"
    error: there is no column `paht`
    hint: did you mean `path`?
    ");
}

#[test]
fn a_row_is_an_images_position_and_a_number_is_the_labels() {
    let place = Place::with_run();
    place.write("cells.npz", files::npz(files::images(), None));
    let said = place.hema("predict run cells.npz --columns Id=row,path,Label=number").succeeds();
    assert!(!said.err.contains("warning"), "{said:?}");
    for (row, line) in said.out.lines().skip(1).enumerate() {
        assert!(line.starts_with(&format!("{row},images[{row}],")), "{line}");
    }
    let json = place.hema("predict run cells.npz --json").succeeds().json();
    assert_eq!(json["predictions"][3]["row"], 3);

    let hint = "warning: the column `Id` has the number of the label; the position of the image in the data, from 0, is `row`";
    for (words, hints) in [
        ("cells.npz --columns Id=number", true),
        ("cells --columns Id=number,path", true),
        ("cells --columns path,Target=number", false),
    ] {
        assert_eq!(
            place.hema(&format!("predict run {words}")).succeeds().err.contains(hint),
            hints,
            "{words}"
        );
    }
    let said = place.hema("predict run cells.npz --columns Target=number").succeeds();
    assert!(said.err.contains("warning: the column `Target` has the number of the label"), "{said:?}");

    // images that cannot be read have their positions too
    let first = place.list("cells").into_iter().next().unwrap();
    place.write(&format!("cells/{first}/000.png"), "no picture");
    let said = place.hema("predict run cells --on-bad-image skip --columns row,label").succeeds().out;
    assert!(said.starts_with("row,label\n0,\n1,"), "{said}");
}
