//! Real names, shapes and results of other software: see `scripts/reference/foreign_weights.py`.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use super::*;
use crate::model::tests::parity::uniform;
use crate::nn::Pass;
use crate::weights::{LoadReport, load, state_dict};

/// Images of one batch.
const IMAGES: usize = 2;
/// Their side in pixels.
const SIZE: usize = 64;
/// Largest difference of logits, relative to the largest of them.
const TOLERANCE: f64 = 5e-4;

/// A network of other software.
#[derive(Deserialize)]
struct Foreign {
    /// The zoo's.
    model: String,
    shapes: BTreeMap<String, Vec<usize>>,
    /// Its logits for the formula's weights and images, where the zoo computes the same.
    logits: Option<Vec<f64>>,
}

fn fixture() -> BTreeMap<String, Foreign> {
    serde_json::from_str(include_str!("../../../tests/fixtures/foreign_weights.json")).unwrap()
}

impl Foreign {
    /// The formula's weights.
    fn tensors(&self, channels_last: bool) -> StateDict {
        let fill = |(name, shape): (&String, &Vec<usize>)| {
            let fan_in: usize = match shape[..] {
                [height, width, _, 1] if channels_last => height * width,
                [ref fan_in @ .., _] if channels_last => fan_in.iter().product(),
                _ => shape[1..].iter().product(),
            };
            let ends = |ending: &&str| name.ends_with(ending);
            let around_one = ["weight", "gamma", "running_var", "moving_variance"].iter().any(ends);
            let value = |u: f64| match shape.len() {
                1 if around_one => 1.0 + u / 2.0,
                1 => u / 2.0,
                _ => u * (if channels_last { 3.0 } else { 6.0 } / fan_in as f64).sqrt(),
            };
            let values = uniform(name, shape.iter().product()).map(|u| value(u) as f32).collect();
            (name.clone(), Array { shape: shape.clone(), values })
        };
        self.shapes.iter().map(fill).collect()
    }
}

#[test]
fn networks_of_torchvision_and_keras_become_the_zoos_name_by_name_and_compute_the_same() {
    for (name, foreign) in fixture() {
        let is_keras = name.starts_with("Keras");
        let tensors = foreign.tensors(is_keras);
        let mut sizes: Vec<usize> = tensors
            .iter()
            .filter(|(name, _)| !name.starts_with("normalization"))
            .map(|(_, array)| array.values.len())
            .collect();
        let imported = import(tensors, &foreign.model).unwrap_or_else(|e| panic!("{name}: {e}"));
        // resnets are named alike
        let naming = if is_keras { "Keras" } else { "torchvision" };
        assert!(imported.naming == naming || foreign.model.starts_with("resnet"), "{name}");

        // nothing is lost, nothing is there twice
        let found: BTreeSet<&String> = imported.tensors.keys().collect();
        let expected = shapes(&foreign.model).unwrap();
        assert_eq!(found, expected.keys().collect(), "{name}");
        let mut found: Vec<usize> = imported.tensors.values().map(|array| array.values.len()).collect();
        sizes.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, sizes, "{name}");

        if let Some(logits) = &foreign.logits {
            compare_logits(&name, &foreign.model, &imported.tensors, logits);
        }
    }
}

fn compare_logits(name: &str, model: &str, tensors: &StateDict, expected: &[f64]) {
    let device = Device::flex();
    let network = Network::new(&ModelSpec::bare(model, 8, SIZE), 0, &device).unwrap();
    let (network, report) = load(network, tensors).unwrap();
    assert_eq!(report, LoadReport::default(), "{name}");
    let images = uniform("images", IMAGES * SIZE * SIZE * 3).map(|u| (2.0 * u) as f32).collect();
    let images = Tensor::from_data(TensorData::new(images, [IMAGES, SIZE, SIZE, 3]), &device);
    let logits = network.forward(images, &Pass::predict()).into_data();
    let largest = expected.iter().fold(0.0, |m: f64, logit| m.max(logit.abs()));
    for (found, expected) in logits.iter::<f64>().zip(expected) {
        assert!((found - expected).abs() <= TOLERANCE * largest, "{name}: {found}, expected {expected}");
    }
}

/// Fresh weights of the zoo's own.
fn own(model: &str) -> StateDict {
    state_dict(&Network::new(&ModelSpec::bare(model, 5, SIZE), 1, &Device::flex()).unwrap())
}

#[test]
fn timms_names_stay_as_they_are() {
    for model in
        ["resnet34", "mobilenetv3_large_100", "efficientnet_lite0", "tf_efficientnetv2_b0", "convnext_atto"]
    {
        let imported = import(own(model), model).unwrap();
        assert_eq!((imported.naming, imported.notes), ("timm", vec![]), "{model}");
        assert!(imported.tensors == own(model), "{model}");
    }
}

#[test]
fn the_classifier_may_be_missing() {
    let mut tensors = own("resnet18");
    let parts = parts_of("resnet18").unwrap();
    tensors.retain(|name, _| !parts.is_head(name));
    assert_eq!(import(tensors.clone(), "resnet18").unwrap().tensors, tensors);
}

#[test]
fn layouts_of_variables_that_converters_leave_are_all_read() {
    let foreign = &fixture()["Keras EfficientNetV2B0"];
    let plain = foreign.tensors(true);
    let expected = import(plain.clone(), &foreign.model).unwrap().tensors;
    let layouts: [fn(&str, &str) -> String; 3] = [
        |layer, variable| format!("{layer}/{variable}:0"),
        |layer, variable| format!("model_weights/{layer}/{layer}/{variable}:0"),
        |layer, variable| format!("{layer}.{}", variable.replace("kernel", "depthwise_kernel")),
    ];
    for layout in layouts {
        let renamed = plain.iter().map(|(name, array)| {
            let (layer, variable) = name.split_once('/').unwrap();
            (layout(layer, variable), array.clone())
        });
        assert!(import(renamed.collect(), &foreign.model).unwrap().tensors == expected);
    }
}

#[test]
fn a_kernels_axes_are_put_in_order() {
    let kernel = |shape: [usize; 4]| Array {
        shape: shape.to_vec(),
        values: (0..shape.iter().product::<usize>()).map(|i| i as f32).collect(),
    };
    let foreign = &fixture()["Keras EfficientNetB0"];
    let mut tensors = foreign.tensors(true);
    tensors.insert("stem_conv/kernel".into(), kernel([3, 3, 3, 32]));
    tensors.insert("block1a_dwconv/kernel".into(), kernel([3, 3, 32, 1]));
    let imported = import(tensors, &foreign.model).unwrap().tensors;
    let at = |array: &Array, [o, i, y, x]: [usize; 4]| {
        array.values[((o * array.shape[1] + i) * array.shape[2] + y) * array.shape[3] + x] as usize
    };
    let stem = &imported["conv_stem.weight"];
    assert_eq!(stem.shape, [32, 3, 3, 3]);
    assert_eq!(at(stem, [5, 1, 2, 0]), (2 * 3 * 3 + 1) * 32 + 5);
    let depthwise = &imported["blocks.0.0.conv_dw.weight"];
    assert_eq!(depthwise.shape, [32, 1, 3, 3]);
    assert_eq!(at(depthwise, [7, 0, 1, 2]), (3 + 2) * 32 + 7);
}

#[test]
fn a_stem_for_other_channels_is_changed_to_three() {
    let with_channels = |channels: usize| {
        let mut tensors = own("resnet18");
        let stem = tensors.get_mut("conv1.weight").unwrap();
        stem.shape[1] = channels;
        stem.values = (0..64 * channels * 49).map(|i| (i / 49 % channels + 1) as f32).collect();
        tensors
    };
    for (channels, scaled) in [(1, [1.0 / 3.0; 3]), (4, [4.0 / 3.0, 8.0 / 3.0, 4.0])] {
        let imported = import(with_channels(channels), "resnet18").unwrap();
        assert!(imported.notes[0].starts_with(&format!("`conv1.weight` takes {channels} channels")));
        let stem = &imported.tensors["conv1.weight"];
        assert_eq!(stem.shape, [64, 3, 7, 7]);
        for (index, value) in stem.values.iter().enumerate() {
            assert!((value - scaled[index / 49 % 3]).abs() < 1e-6, "{channels}: {index}");
        }
    }
    assert!(import(with_channels(3), "resnet18").unwrap().notes.is_empty());
}

#[test]
fn what_does_not_fit_is_counted_and_named() {
    let mut tensors = own("resnet18");
    tensors.remove("bn1.bias");
    tensors.insert("extra".into(), Array { shape: vec![2], values: vec![0.0; 2] });
    tensors.insert("conv1.weight".into(), Array { shape: vec![64, 0, 7, 7], values: vec![] });
    tensors.insert("fc.weight".into(), Array { shape: vec![5, 4], values: vec![0.0; 20] });
    let error = import(tensors, "resnet18").unwrap_err();
    assert_eq!(
        error.to_string(),
        "of the tensors are 1 missing (`bn1.bias` [64]); 1 unexpected (`extra` [2]); 2 of another shape (`conv1.weight` \
         [64, 0, 7, 7], expected [64, 3, 7, 7], `fc.weight` [5, 4], expected [2, 512])"
    );

    // names that lead nowhere, and shapes that contradict their names
    for name in [
        "features.0.0.weight",
        "features.99999999999999999999.0.block.0.0.weight",
        "features..block.",
        "a/stem_conv/kernel",
    ] {
        for shape in [vec![], vec![0], vec![1, 0, 0, 0], vec![0, 0]] {
            let count = shape.iter().product();
            let tensors = [(name.to_owned(), Array { shape, values: vec![0.0; count] })].into();
            let error = import(tensors, "mobilenetv3_small_100").unwrap_err().to_string();
            assert!(
                error.contains(" missing (`blocks.0.0.bn1.bias` [16], ") && error.contains(", ...)"),
                "{error}"
            );
        }
    }
    let error = import(own("resnet18"), "resnet81").unwrap_err();
    assert_eq!(error.hint_text(), Some("did you mean `resnet18`?"));
}
