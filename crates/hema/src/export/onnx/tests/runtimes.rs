//! What runtimes make of exported files, held to what Hema answers about the same cells.
//!
//! ONNX Runtime runs here wherever `HEMA_PYTHON` has it; `scripts/onnx` tries more runtimes and more cells,
//! and prints a table.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use hema_core::background::Background;
use hema_core::data;
use hema_core::preprocess::{Filter, resize};
use hema_core::sample::Image;
use hema_core::trust::{Trust, USUAL_SHARE};
use serde::Deserialize;
use tempfile::TempDir;

use super::*;
use crate::model::tests::is_light;
use crate::model::tests::parity::filled;
use crate::model_file::tests::bundle;
use crate::predict::{Answers, Geometry, Predictor};

/// Cells of one size in a batch.
const BATCH: usize = 10;
/// Side of the images that networks are shown.
const SIZE: usize = 64;
/// Most that probabilities of 999 in 1000 cells may differ by, with the resize inside. Where a runtime rounds
/// a pixel to the next level, networks whose weights are a formula's change their answer by more than trained
/// ones.
const FAR: f32 = 1e-3;
const FAR_OF_FORMULAS: f32 = 1e-2;

/// Outputs of a runtime, a row or a number for every image.
#[derive(Deserialize)]
struct Outputs {
    probabilities: Vec<Vec<f32>>,
    label: Vec<usize>,
    unlike: Option<Vec<f32>>,
    poor: Option<Vec<f32>>,
    refer: Option<Vec<usize>>,
}

/// How far a runtime is from Hema.
#[derive(Debug, Default)]
struct Distance {
    cells: usize,
    /// Largest difference of a probability.
    largest: f32,
    /// Cells with a probability that differs by more than [`Trial::far`].
    beyond: usize,
    /// Cells of which another class is named though Hema's own is ahead by more than a hundredth.
    relabelled: usize,
}

/// The Python that runs runtimes.
#[allow(clippy::print_stderr)] // a test that did not run must say so
fn python() -> Option<(OsString, PathBuf)> {
    let found = std::env::var_os("HEMA_PYTHON").zip(std::env::var_os("HEMA_TEST_DATA"));
    if found.is_none() {
        eprintln!("skipped: HEMA_PYTHON or HEMA_TEST_DATA is not set");
    }
    found.map(|(python, data)| (python, data.into()))
}

/// Real cells, resized to odd sizes, as many of the same size as make a batch.
fn cells(data: &Path, count: usize) -> Vec<Vec<Image>> {
    let source = data::open(&data.join("pbc200.tar")).unwrap();
    let step = source.entries().len() / count;
    let numbers: Vec<usize> = (0..count).collect();
    let batch = |(number, cells): (usize, &[usize])| {
        let width = 45 + 37 * number % 211;
        let height = width * (90 + 7 * number % 21) / 100;
        let cell =
            |i: &usize| resize(&source.image(i * step).unwrap(), width, height, Filter::Bicubic).unwrap();
        cells.iter().map(cell).collect()
    };
    numbers.chunks(BATCH).enumerate().map(batch).collect()
}

/// An array as NumPy reads it.
fn array(kind: &str, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let shape = shape.join(", ");
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut all = b"\x93NUMPY\x01\x00".to_vec();
    all.extend((header.len() as u16).to_le_bytes());
    all.extend(header.as_bytes());
    all.extend(bytes);
    all
}

/// A batch as the file takes it.
fn input(batch: &[Image], preprocess: &Preprocess, preprocessing: Preprocessing) -> Vec<u8> {
    if preprocessing == Preprocessing::Inside {
        let bytes: Vec<u8> = batch.iter().flat_map(|image| image.pixels().to_vec()).collect();
        return array("|u1", &[batch.len(), batch[0].height(), batch[0].width(), 3], &bytes);
    }
    let side = preprocess.network_size();
    let shown = |image: &Image| {
        let mut values = vec![0.0; side * side * 3];
        preprocess.normalize_into(&preprocess.apply(image).unwrap(), &mut values).unwrap();
        (0..3).flat_map(move |c| values.clone().into_iter().skip(c).step_by(3)).collect::<Vec<f32>>()
    };
    let bytes: Vec<u8> = batch.iter().flat_map(shown).flat_map(f32::to_le_bytes).collect();
    array("<f4", &[batch.len(), 3, side, side], &bytes)
}

/// An exported model with cells, and what Hema answers about them.
struct Trial<'a> {
    python: OsString,
    ensemble: &'a Ensemble,
    model: &'a Path,
    batches: &'a [Vec<Image>],
    answers: Answers,
    far: f32,
}

impl<'a> Trial<'a> {
    fn new(python: OsString, ensemble: &'a Ensemble, model: &'a Path, batches: &'a [Vec<Image>]) -> Self {
        let predictor = Predictor::of_ensemble(ensemble, &Device::flex()).unwrap();
        let named: Vec<_> = batches.iter().flatten().map(|image| ("cell", image, None)).collect();
        let images = predictor.view_images(&named, Geometry::default()).unwrap();
        let answers = predictor.answers(&images, None, &mut |_| ()).unwrap();
        Self { python, ensemble, model, batches, answers, far: FAR_OF_FORMULAS }
    }

    /// What a runtime makes of the cells.
    fn outputs(&self, runtime: &str, preprocessing: Preprocessing) -> Outputs {
        let folder: TempDir = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.onnx");
        write(self.ensemble, self.model, &model, preprocessing).unwrap();
        let preprocess = &self.ensemble.members[0].model.manifest.preprocess;
        for (number, batch) in self.batches.iter().enumerate() {
            let path = folder.path().join(format!("{number:04}.npy"));
            std::fs::write(path, input(batch, preprocess, preprocessing)).unwrap();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/onnx_outputs.py");
        let output = Command::new(&self.python)
            .arg(script)
            .arg(runtime)
            .arg(&model)
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{runtime}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// How far these outputs are from Hema's answers.
    fn distance(&self, outputs: &Outputs) -> Distance {
        let classes = self.ensemble.classes().len();
        let rows = self.answers.rows.chunks_exact(classes);
        let mut distance = Distance { cells: rows.len(), ..Distance::default() };
        assert_eq!((outputs.probabilities.len(), outputs.label.len()), (rows.len(), rows.len()));
        for (row, (found, label)) in rows.zip(outputs.probabilities.iter().zip(&outputs.label)) {
            let apart = row.iter().zip(found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            distance.largest = distance.largest.max(apart);
            distance.beyond += usize::from(apart > self.far);
            let mut order: Vec<usize> = (0..classes).collect();
            order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
            let is_clear = row[order[0]] - row[order[1]] > 0.01;
            distance.relabelled += usize::from(is_clear && *label != order[0]);
        }
        distance
    }

    /// Holds a runtime to Hema in both forms of the file, and returns how far it is.
    fn hold(&self, runtime: &str, name: &str) -> [Distance; 2] {
        [Preprocessing::None, Preprocessing::Inside].map(|preprocessing| {
            let distance = self.distance(&self.outputs(runtime, preprocessing));
            let most = if preprocessing == Preprocessing::None { 1e-4 } else { f32::MAX };
            let is_near = distance.largest <= most && 1000 * distance.beyond <= distance.cells;
            assert!(
                is_near && distance.relabelled == 0,
                "{name}, {runtime}, {preprocessing:?}: {distance:?}"
            );
            distance
        })
    }
}

/// A model of an architecture with weights by a formula, each with another preprocessing.
fn model(name: &str, number: usize, shown: &[Vec<Image>]) -> Ensemble {
    let enlarge = (number % 4 == 1).then_some(SIZE);
    let preprocess = Preprocess {
        filter: [Filter::Bicubic, Filter::Bilinear, Filter::Lanczos][number % 3],
        crop: [Crop::None, Crop::Square, Crop::Pixels(90)][number / 3 % 3],
        background: if number % 5 == 4 { Background::Remove } else { Background::Keep },
        enlarge,
        ..Preprocess::imagenet(if enlarge.is_some() { 50 } else { SIZE })
    };
    let head = if number.is_multiple_of(2) { vec![] } else { vec![24] };
    let activations = [crate::nn::Activation::Elu, crate::nn::Activation::LeakyRelu];
    let spec = ModelSpec {
        head_batch_norm: !head.is_empty(),
        head,
        activation: activations[number / 2 % 2],
        ..ModelSpec::bare(name, 8, SIZE)
    };
    let mut model = bundle(spec);
    model.tensors = filled(name, model.tensors, 1.0);
    // full weights in this many layers answer to the last bit of a pixel with another class
    let layers = model.tensors.values_mut().filter(|array| array.shape.len() > 1);
    layers.flat_map(|array| &mut array.values).for_each(|value| *value *= 0.7);
    model.manifest.preprocess = preprocess;
    // logits of about 6 between the classes, so that some answers are sure and others are not
    model.manifest.temperature = 1e3;
    let mut ensemble = Ensemble::of_one(Path::new(MODEL), model).unwrap();
    let logs: Vec<f32> = Trial::new(OsString::new(), &ensemble, Path::new(MODEL), &shown[..1])
        .answers
        .rows
        .iter()
        .map(|p| p.ln())
        .collect();
    let spread =
        logs.iter().copied().fold(f32::MIN, f32::max) - logs.iter().copied().fold(f32::MAX, f32::min);
    ensemble.members[0].model.manifest.temperature = f64::from(spread) * 1e3 / 6.0;
    ensemble
}

#[test]
fn networks_answer_in_onnx_runtime_as_in_hema() {
    let Some((python, data)) = python() else { return };
    let batches = cells(&data, 20);
    let light = architectures().filter(|architecture| is_light(architecture.name));
    for (number, architecture) in light.enumerate() {
        let ensemble = model(architecture.name, number, &batches);
        let trial = Trial::new(python.clone(), &ensemble, Path::new(MODEL), &batches);
        trial.hold("onnxruntime", architecture.name);
    }
}

#[test]
fn ensembles_and_views_answer_in_onnx_runtime_as_in_hema() {
    let Some((python, data)) = python() else { return };
    let batches = cells(&data, 20);
    let mut members = ["cnn_gap", "mobilenetv3_small_100", "resnet18"];
    for views in ["flips", "dihedral"] {
        let tta = hema_core::tta::find(views).unwrap();
        let models = members.iter().enumerate().map(|(number, name)| model(name, number, &batches));
        let mut ensemble = models
            .reduce(|mut all, one| {
                all.members.extend(one.members);
                all
            })
            .unwrap();
        ensemble.tta = tta;
        ensemble.temperature = 0.7;
        let count = ensemble.members.len() * tta.len();
        for (number, member) in ensemble.members.iter_mut().enumerate() {
            // none alike: each 1 more than the one before
            let weight = |view| (1 + number * tta.len() + view) as f64 * 2.0 / (count * (count + 1)) as f64;
            member.weights = (0..tta.len()).map(weight).collect();
        }
        let trial = Trial::new(python.clone(), &ensemble, Path::new(MODEL), &batches);
        let distance = trial.distance(&trial.outputs("onnxruntime", Preprocessing::Inside));
        assert!(distance.beyond == 0 && distance.relabelled == 0, "{views}: {distance:?}");
        members.reverse();
    }
    // views of what the network is shown, where the preprocessing is done before
    let mut ensemble = model("efficientnet_lite0", 0, &batches);
    ensemble.tta = hema_core::tta::find("dihedral").unwrap();
    ensemble.members[0].weights = vec![0.125; 8];
    Trial::new(python, &ensemble, Path::new(MODEL), &batches).hold("onnxruntime", "views");
}

#[cfg(feature = "builtin")]
#[test]
fn the_model_in_the_box_answers_and_refers_in_onnx_runtime_as_in_hema() {
    let Some((python, data)) = python() else { return };
    let (batches, model) = (cells(&data, 500), Path::new(crate::builtin::NAME));
    let ensemble = Ensemble::read(model).unwrap();
    let trial = Trial { far: FAR, ..Trial::new(python, &ensemble, model, &batches) };
    trial.hold("onnxruntime", "builtin");
    let outputs = trial.outputs("onnxruntime", Preprocessing::Inside);
    let trust = trust_of(&ensemble).unwrap();
    check_referral(&trial, trust, &outputs);
}

/// Holds marks and referral to Hema's.
fn check_referral(trial: &Trial, trust: &Trust, outputs: &Outputs) -> [f32; 2] {
    let thresholds = trust.thresholds(USUAL_SHARE);
    let (unlike, poor) = (outputs.unlike.as_ref().unwrap(), outputs.poor.as_ref().unwrap());
    let refer = outputs.refer.as_ref().unwrap();
    let rows = trial.answers.rows.chunks_exact(trial.ensemble.classes().len());
    let (mut largest, mut referred) = ([0.0_f32; 2], 0);
    for (i, (row, marks)) in rows.zip(&trial.answers.marks).enumerate() {
        largest =
            [largest[0].max((unlike[i] - marks.unlike).abs()), largest[1].max((poor[i] - marks.poor).abs())];
        let doubts = trust.doubts(row.iter().copied().fold(0.0, f32::max), marks);
        let expected = thresholds.question(&doubts).map_or(0, |question| 1 + question as usize);
        referred += usize::from(expected > 0);
        let is_close =
            doubts.iter().zip(thresholds.0).any(|(doubt, threshold)| (doubt - threshold).abs() < 0.02);
        assert!(
            refer[i] == expected || is_close,
            "cell {i}: {} for {doubts:?}, expected {expected}",
            refer[i]
        );
    }
    assert!(
        referred > 0 && referred < refer.len() && largest[0] < 0.05 && largest[1] < 0.05,
        "{referred}, {largest:?}"
    );
    largest
}

/// The numbers of `scripts/onnx`: runtimes, networks and cells by the environment.
#[test]
#[ignore = "minutes, and runtimes that no other test needs; run by scripts/onnx"]
#[allow(clippy::print_stdout)]
fn every_runtime_answers_as_hema_does() {
    let wanted = |key: &str, default: &str| std::env::var(key).unwrap_or_else(|_| default.to_owned());
    let Some((python, data)) = python() else { return };
    let batches = cells(&data, wanted("HEMA_ONNX_CELLS", "500").parse().unwrap());
    let (runtimes, networks) =
        (wanted("HEMA_ONNX_RUNTIMES", "onnxruntime"), wanted("HEMA_ONNX_NETWORKS", ""));
    let is_wanted = |name: &str| networks.is_empty() || networks.split(',').any(|wanted| wanted == name);
    println!(
        "| network | runtime | none: largest | inside: largest | beyond | other label |\n|---|---|--:|--:|--:|--:|"
    );
    let report = |trial: &Trial, name: &str| {
        for runtime in runtimes.split(',') {
            let [none, inside] = trial.hold(runtime, name);
            let Distance { cells, beyond, relabelled, .. } = inside;
            println!(
                "| `{name}` | {runtime} | {:.0e} | {:.0e} | {} : {beyond} of {cells} | {relabelled} |",
                none.largest, inside.largest, trial.far
            );
        }
    };
    for (number, architecture) in architectures().enumerate().filter(|(_, a)| is_wanted(a.name)) {
        let ensemble = model(architecture.name, number, &batches);
        report(&Trial::new(python.clone(), &ensemble, Path::new(MODEL), &batches), architecture.name);
    }
    if is_wanted("builtin") {
        let model = Path::new("builtin");
        let ensemble = Ensemble::read(model).unwrap();
        let trial = Trial { far: FAR, ..Trial::new(python, &ensemble, model, &batches) };
        report(&trial, "builtin");
        for runtime in runtimes.split(',') {
            let outputs = trial.outputs(runtime, Preprocessing::Inside);
            let [unlike, poor] = check_referral(&trial, trust_of(&ensemble).unwrap(), &outputs);
            println!(
                "`builtin` in {runtime}: `unlike` differs by at most {unlike:.0e}, `poor` by {poor:.0e}"
            );
        }
    }
}
