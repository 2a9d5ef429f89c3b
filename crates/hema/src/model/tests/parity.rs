//! Every network of timm's computes the same as in timm, gradients included: see
//! `scripts/reference/timm_zoo.py`.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use super::{is_light, spec};
use crate::device;
use crate::loss::{CrossEntropy, Target};
use crate::model::{ModelSpec, Network, architectures, parts_of};
use crate::nn::{Init, Pass};
use crate::weights::{self, Array, LoadReport, StateDict, state_dict};

/// Images of one batch; the label of each is its number.
const IMAGES: usize = 4;
/// Their side in pixels.
const SIZE: usize = 64;

/// Largest difference, relative to the expected value.
const TOLERANCE: f64 = 1e-4;
/// Largest difference of logits behind `ReLU`s, where timm's own differ by up to 2e-4 in single precision.
const TOLERANCE_BEHIND_KINKS: f64 = 5e-4;
/// Largest difference of gradients through ReLU, which jump where rounding carries an input across zero: a
/// millionth more or less in every weight moves timm's own norms by up to 1e-2.
const TOLERANCE_AT_KINKS: f64 = 3e-2;

/// How many times as far off as timm's own results in single precision ours may be.
const ROUNDINGS: f64 = 3.0;

/// Results of timm for the formula's weights and images, in double precision.
#[derive(Deserialize)]
struct Timm {
    loss: f64,
    /// The norm for each part of the network, over all parameters whose names begin with the part's.
    gradient_norms: BTreeMap<String, f64>,
    /// Predicted with the running statistics that the training pass left.
    logits: Vec<f64>,
    /// The effect of rounding on the statistics of a few pixels, which deep networks multiply layer by layer.
    #[serde(default)]
    rounding: Rounding,
}

/// Errors of timm's own results in single precision, relative to the exact ones.
#[derive(Default, Deserialize)]
struct Rounding {
    gradients: f64,
    logits: f64,
}

fn fixture() -> BTreeMap<String, Timm> {
    serde_json::from_str(include_str!("../../../tests/fixtures/timm_zoo.json")).unwrap()
}

#[test]
fn the_fixture_has_every_network_that_timm_has_too() {
    let timms = architectures().filter(|a| a.parameters.is_some()).map(|a| a.name);
    let fixture = fixture();
    assert_eq!(timms.collect::<BTreeSet<_>>(), fixture.keys().map(String::as_str).collect());
}

#[test]
fn networks_compute_what_timms_do() {
    compare_all(is_light);
}

#[test]
#[ignore = "minutes and gigabytes; run after changing a family or what it is made of"]
fn large_networks_compute_what_timms_do() {
    compare_all(|name| !is_light(name));
}

/// Compares the networks of these names with timm's, and prints the rows of docs/parity.md.
#[allow(clippy::print_stdout)]
fn compare_all(wanted: impl Fn(&str) -> bool) {
    println!(
        "| network | loss | gradient norms | logits | timm's own in single precision |\n|---|--:|--:|--:|--:|"
    );
    for (name, timm) in fixture().into_iter().filter(|(name, _)| wanted(name)) {
        let [loss, gradients, logits] = compare(&name, &timm);
        let Rounding { gradients: of_gradients, logits: of_logits } = timm.rounding;
        let own =
            if of_logits > 0.0 { format!("{of_gradients:.0e}, {of_logits:.0e}") } else { String::new() };
        println!("| `{name}` | {loss:.0e} | {gradients:.0e} | {logits:.0e} | {own} |");
    }
}

/// Holds the network to timm's; the largest relative differences of loss, gradient norms and logits.
fn compare(name: &str, expected: &Timm) -> [f64; 3] {
    let device = device::of_tests().autodiff();
    let network = network(name, &device);
    let images = uniform("images", IMAGES * SIZE * SIZE * 3).map(|u| (2.0 * u) as f32).collect();
    let images = Tensor::from_data(TensorData::new(images, [IMAGES, SIZE, SIZE, 3]), &device);

    let labels: Vec<Target> = (0..IMAGES).map(Target::from).collect();
    let loss = CrossEntropy::plain(8);
    let loss = loss.mean(network.forward(images.clone(), &Pass::train(0, 0)), &labels);
    let value: f32 = loss.clone().into_scalar();
    let of_loss = (f64::from(value) - expected.loss).abs() / expected.loss;
    assert!(of_loss <= TOLERANCE, "{name}: loss {value}, expected {}", expected.loss);

    let norms = weights::gradient_norms(&network, &loss.backward());
    // a parameter that normalisation cancels has a gradient of zero but for rounding
    let whole = norms.values().map(|norm| norm * norm).sum::<f64>().sqrt();
    let has_kinks = name.starts_with("resnet") || name.starts_with("efficientnet_lite");
    let (at_gradients, at_logits) =
        if has_kinks { (TOLERANCE_AT_KINKS, TOLERANCE_BEHIND_KINKS) } else { (TOLERANCE, TOLERANCE) };
    let tolerance = at_gradients.max(ROUNDINGS * expected.rounding.gradients);
    let (mut seen, mut of_gradients) = (0, 0.0_f64);
    for (part, expected) in &expected.gradient_norms {
        let of_part = norms.iter().filter(|(name, _)| is_part(name, part)).map(|(_, norm)| norm);
        seen += of_part.clone().count();
        let norm = of_part.map(|norm| norm * norm).sum::<f64>().sqrt();
        let off = (norm - expected).abs() / expected.max(1e-3 * whole);
        assert!(off <= tolerance, "{name}: gradient of {part} {norm}, expected {expected}");
        of_gradients = of_gradients.max(off);
    }
    assert_eq!(seen, norms.len(), "{name}: parameters");

    let logits = network.forward(images, &Pass::predict()).into_data();
    let largest = expected.logits.iter().fold(0.0, |m: f64, logit| m.max(logit.abs()));
    assert_eq!(logits.iter::<f64>().count(), expected.logits.len(), "{name}");
    let tolerance = at_logits.max(ROUNDINGS * expected.rounding.logits);
    let mut of_logits = 0.0_f64;
    for (i, (logit, expected)) in logits.iter::<f64>().zip(&expected.logits).enumerate() {
        let off = (logit - expected).abs() / largest;
        assert!(off <= tolerance, "{name}: logit {i} {logit}, expected {expected}");
        of_logits = of_logits.max(off);
    }
    [of_loss, of_gradients, of_logits]
}

fn is_part(name: &str, part: &str) -> bool {
    name.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A network with the formula's weights, whose running statistics become those of its next training pass.
fn network(name: &str, device: &Device) -> Network {
    let mut init = Init::new(0, device);
    init.batch_norm_momentum = 1.0;
    let network = Network::with(&ModelSpec { size: SIZE, ..spec(name) }, &mut init).unwrap();
    let mut state = state_dict(&network);
    for (name, array) in &mut state {
        fill(name, array);
    }
    let (network, report) = weights::load(network, &state).unwrap();
    assert_eq!(report, LoadReport::default());
    network
}

/// A state dictionary filled by the formula, running variances with positive numbers, classifiers with scaled
/// ones.
pub(crate) fn filled(model: &str, mut state: StateDict, classifier_scale: f32) -> StateDict {
    let parts = parts_of(model).unwrap();
    for (name, array) in &mut state {
        fill(name, array);
        if name.ends_with("running_var") {
            array.values.iter_mut().for_each(|value| *value += 1.0);
        } else if parts.is_head(name) {
            array.values.iter_mut().for_each(|value| *value *= classifier_scale);
        }
    }
    state
}

/// Weights of convolutions and dense layers get variance 2 / fan-in, scales lie around one, the rest around
/// zero.
fn fill(name: &str, array: &mut Array) {
    let fan_in: usize = array.shape[1..].iter().product();
    let value = |u: f64| match array.shape.len() {
        1 if name.ends_with("weight") => 1.0 + u / 2.0,
        1 => u / 2.0,
        _ => u * (6.0 / fan_in as f64).sqrt(),
    };
    array.values = uniform(name, array.values.len()).map(|u| value(u) as f32).collect();
}

/// Numbers in [-1, 1), multiples of 2^-23: SplitMix64, its state starting at the name's 64-bit FNV-1a hash.
pub(crate) fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let fnv = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let start = name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    (1..=count as u64).map(move |i| {
        let z = start.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}
