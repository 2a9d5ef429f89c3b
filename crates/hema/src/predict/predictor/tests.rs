//! Predictions and a training pass held to timm's, and images in memory to those in files.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Gradients;
use hema_core::data;
use hema_core::preprocess::Crop;
use hema_core::trust::{Answered, STATISTICS};
use serde::Deserialize;

use super::*;
use crate::loss::{CrossEntropy, Target};
use crate::model::ModelSpec;
use crate::weights::{Array, StateDict, state_dict};

/// Results of timm for the fixture's images, see `scripts/reference/timm_parity.py`.
#[derive(Deserialize)]
struct Timm {
    /// Probabilities of all images, row after row.
    probabilities: Vec<f32>,
    /// Training pass over the first image of each class.
    training: TrainingPass,
}

/// Training pass of timm in double precision.
#[derive(Deserialize)]
struct TrainingPass {
    loss: f64,
    gradient_norms: BTreeMap<String, f64>,
    /// Norm of the change in each of the running statistics.
    statistics_moved: BTreeMap<String, f64>,
}

fn timm() -> Timm {
    serde_json::from_str(include_str!("../../../tests/fixtures/timm_v2b0.json")).unwrap()
}

/// The fixture's network: `ImageNet`'s weights and a classifier filled by a formula.
fn network(device: &Device) -> Option<Network> {
    let Some(folder) = std::env::var_os("HEMA_TEST_DATA") else {
        skipped();
        return None;
    };
    let weights = Path::new(&folder).join("../weights/tf_efficientnetv2_b0.in1k.safetensors");
    let spec = ModelSpec { size: 96, ..crate::model::tests::spec("tf_efficientnetv2_b0") };
    let network = Network::new(&spec, 0, device).unwrap();
    let network = weights::start_from(network, &spec, &weights).unwrap();
    let mut state = state_dict(&network);
    let formula = |i: usize| ((i * 7919 % 1009) as f64 / 1009.0 - 0.5) as f32;
    let weight = Array { shape: vec![8, 1280], values: (0..8 * 1280).map(formula).collect() };
    let bias = Array { shape: vec![8], values: (0..8).map(|class| class as f32 / 8.0).collect() };
    state.insert("classifier.weight".into(), weight);
    state.insert("classifier.bias".into(), bias);
    Some(weights::load(network, &state).unwrap().0)
}

#[allow(clippy::print_stderr)] // a test that did not run must say so
fn skipped() {
    eprintln!("skipped: HEMA_TEST_DATA does not name the folder of test data");
}

/// Two images of each of eight classes (Acevedo et al., Data in Brief 30, 2020, 105474, CC BY 4.0).
fn images(predictor: &Predictor) -> Images {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/timm_v2b0.npz");
    predictor.load(&data::open(&path).unwrap(), None, None, &LoadOptions::default(), &|_| ()).unwrap()
}

fn predictor(network: &Network, device: &Device) -> Predictor {
    let classes: Vec<String> = (0..8).map(|class| class.to_string()).collect();
    Predictor::of_network(network, &Preprocess::imagenet(96), &classes, device)
}

#[test]
fn an_image_in_memory_is_cropped_as_the_same_image_in_a_file_is() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = (0..40 * 30).flat_map(|i| [(i % 251) as u8, (i / 7 % 256) as u8, (i * 13 % 256) as u8]);
    let image = Image::new(40, 30, pixels.collect()).unwrap();
    let file = folder.path().join("cell.png");
    std::fs::write(&file, image.to_png().unwrap()).unwrap();
    let device = Device::flex();
    let spec = ModelSpec { size: 24, ..crate::model::tests::spec("cnn_gap") };
    let network = Network::new(&spec, 0, &device).unwrap();
    let classes: Vec<String> = (0..8).map(|class| class.to_string()).collect();
    let mut answers = Vec::new();
    for crop in [Crop::Pixels(20), Crop::Square, Crop::None] {
        let preprocess = Preprocess { crop, ..Preprocess::imagenet(24) };
        let predictor = Predictor::of_network(&network, &preprocess, &classes, &device);
        let source = data::open(&file).unwrap();
        let of_file = predictor.load(&source, None, None, &LoadOptions::default(), &|_| ()).unwrap();
        let data = Dataset::from_images(classes.clone(), vec![("cell".into(), image.clone(), None)]);
        let in_memory = predictor.view(&data.unwrap()).unwrap();
        let predict = |images: &Images| predictor.predict(images, None, &mut |_| ()).unwrap();
        assert_eq!(predict(&of_file), predict(&in_memory), "{crop:?}");
        answers.push(predict(&in_memory));
    }
    assert!(answers[0] != answers[1] && answers[1] != answers[2], "each crop shows another picture");
}

#[test]
fn the_probability_of_impossible_classes_goes_to_the_others() {
    let mut row = [0.5, 0.125, 0.375, 0.0];
    restrict(&mut row, &[false, true, true, true]);
    assert_eq!(row, [0.0, 0.25, 0.75, 0.0]);
    let mut row = [1.0, 0.0, 0.0];
    restrict(&mut row, &[false, true, true]);
    assert_eq!(row, [0.0, 0.5, 0.5]);
}

#[test]
fn probabilities_are_those_of_timm() {
    let device = Device::flex();
    let Some(network) = network(&device) else { return };
    let expected = timm().probabilities;
    // PyTorch's own bf16 is off by up to 0.065 here
    for (precision, tolerance) in [(Precision::Fp32, 1e-4), (Precision::Bf16, 8e-2)] {
        let predictor = predictor(&network, &device).with_precision(precision);
        let found = predictor.predict(&images(&predictor), None, &mut |_| ()).unwrap();
        assert_eq!(found.len(), expected.len());
        for (i, (f, e)) in found.iter().zip(&expected).enumerate() {
            let what = format!("{precision:?}, image {}, class {}", i / 8, i % 8);
            assert!((f - e).abs() < tolerance, "{what}: {f}, expected {e}");
        }
    }
}

#[test]
fn a_training_pass_is_that_of_timm() {
    compare_training_pass(Precision::Fp32, 1e-3);
    // in the norm of the first layer's gradient PyTorch's own bf16 is off by 14 %, and by 2 % in the
    // loss; ours by 11 to 18 % and by 2 to 4 %, with the instruction set
    compare_training_pass(Precision::Bf16, 0.2);
}

fn compare_training_pass(precision: Precision, tolerance: f64) {
    let assert_close = |found: f64, expected: f64, name: &str| {
        let what = format!("{precision:?} {name}");
        assert!((found / expected - 1.0).abs() < tolerance, "{what}: {found}, expected {expected}");
    };
    let device = Device::flex().autodiff();
    let Some(network) = network(&device) else { return };
    let before = state_dict(&network);
    let predictor = predictor(&network, &device);
    let images = images(&predictor);
    let data = images.first();
    let (order, labels): (Vec<usize>, Vec<Target>) =
        (0..data.len()).step_by(8).map(|i| (i, Target::from(data.entry(i).label.unwrap()))).unzip();
    let loss = CrossEntropy { smoothing: 0.1, ..CrossEntropy::plain(8) };
    let expected = timm().training;
    let mut passes = 0;
    let read = |&i: &usize| data.image(i);
    loader::for_each_batch(&order, order.len(), &Preprocess::imagenet(96), &read, |batch| {
        let pass = Pass::train(0, 0).with_precision(precision);
        let logits = network.forward(batch.into_tensor(&device), &pass);
        let loss = loss.mean(logits, &labels);
        let value: f32 = loss.clone().into_scalar();
        assert_close(f64::from(value), expected.loss, "loss");
        let found = gradient_norms(&network, &loss.backward());
        assert!(found.keys().eq(expected.gradient_norms.keys()));
        for (name, norm) in &found {
            assert_close(*norm, expected.gradient_norms[name], name);
        }
        passes += 1;
        Ok(Flow::Continue)
    })
    .unwrap();
    assert_eq!(passes, 1);
    let after = state_dict(&network);
    for (name, moved) in &expected.statistics_moved {
        assert_close(distance(&before, &after, name), *moved, name);
    }
}

/// Norm of the gradient of each top-level module, and of each stage of blocks.
fn gradient_norms(network: &Network, grads: &Gradients) -> BTreeMap<String, f64> {
    let mut squares = BTreeMap::<String, f64>::new();
    for (name, norm) in weights::gradient_norms(network, grads) {
        let parts = if name.starts_with("blocks.") { 2 } else { 1 };
        let module: Vec<&str> = name.split('.').take(parts).collect();
        *squares.entry(module.join(".")).or_default() += norm * norm;
    }
    squares.into_iter().map(|(name, square)| (name, square.sqrt())).collect()
}

fn distance(before: &StateDict, after: &StateDict, name: &str) -> f64 {
    let pairs = before[name].values.iter().zip(&after[name].values);
    pairs.map(|(b, a)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn thresholds_for_another_number_of_features_are_refused() {
    let device = Device::flex();
    let spec = ModelSpec { size: 24, ..crate::model::tests::spec("cnn_gap") };
    let network = Network::new(&spec, 0, &device).unwrap();
    let classes: Vec<String> = (0..8).map(|class| class.to_string()).collect();
    let mut predictor = Predictor::of_network(&network, &Preprocess::imagenet(24), &classes, &device);
    let answered = |i: usize| Answered {
        statistics: [i as f32 / 200.0; STATISTICS.len()],
        features: (0..5).map(|j| ((i * 7 + j * 13) % 29) as f32).collect(),
        raw: vec![(1.0_f32 / 8.0).ln(); 8],
        label: i % 8,
        severity: 0,
    };
    let answers: Vec<Answered> = (0..200).map(answered).collect();
    predictor.trust =
        Some(Trust::fit(predictor.tta().name, "of no images", &answers, &answers, &answers).unwrap());
    let images = predictor.view_images(&[("", &Image::filled(30, 30, [90; 3]), None)], Geometry::default());
    let error = predictor.answers(&images.unwrap(), None, &mut |_| ()).unwrap_err();
    assert!(error.message().contains("features with thresholds for 5"), "{error}");
}
