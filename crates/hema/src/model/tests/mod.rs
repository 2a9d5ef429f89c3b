//! Tests over every architecture of the zoo; helpers for the tests of other modules.

pub(crate) mod parity;

use super::*;
use crate::nn::Activation;
use crate::weights;

/// A small specification of any architecture.
pub(crate) fn spec(name: &str) -> ModelSpec {
    ModelSpec::bare(name, 8, 32)
}

/// Whether a test of an architecture takes a second or so.
pub(crate) fn is_light(name: &str) -> bool {
    const LIGHT: usize = 30_000_000;
    architectures().any(|a| a.name == name && a.parameters.is_none_or(|count| count < LIGHT))
}

#[test]
fn every_architecture_gives_logits_and_the_published_parameter_count() {
    check_shapes(|architecture| is_light(architecture.name));
}

#[test]
#[ignore = "minutes and gigabytes; run after changing a family or what it is made of"]
fn so_does_every_large_one() {
    check_shapes(|architecture| !is_light(architecture.name));
}

#[test]
fn gradients_are_the_same_to_the_bit_where_blocks_are_computed_again() {
    use burn::module::{ModuleVisitor, Param};
    use burn::optim::GradientsParams;

    struct Collect<'a>(&'a GradientsParams, Vec<Vec<f32>>);
    impl ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.get::<D>(param.id).map(|g| g.into_data().iter().collect());
            self.1.extend(gradient);
        }
    }
    let device = Device::flex().autodiff();
    for name in
        ["tf_efficientnetv2_b0", "mobilenetv3_small_100", "resnet18", "convnext_atto", "convnextv2_atto"]
    {
        let gradients = |recomputes: bool| {
            let spec = ModelSpec { drop_path: 0.3, dropout: vec![0.2], ..spec(name) };
            let network = Network::new(&spec, 1, &device).unwrap();
            let values = (0..3 * 32 * 32 * 3).map(|i| (i as f32 * 0.37).sin()).collect();
            let x = Tensor::from_data(burn::tensor::TensorData::new(values, [3, 32, 32, 3]), &device);
            let pass = Pass::train(4, 7).recomputing(recomputes);
            let logits = network.forward(x, &pass);
            let grads = GradientsParams::from_grads(logits.square().sum().backward(), &network);
            let mut collect = Collect(&grads, vec![]);
            network.visit(&mut collect);
            collect.1
        };
        let (kept, computed) = (gradients(false), gradients(true));
        assert!(!kept.is_empty() && kept == computed, "{name}");
    }
}

fn check_shapes(wanted: impl Fn(&Architecture) -> bool) {
    let device = Device::flex();
    for architecture in architectures().filter(|a| wanted(a)) {
        let network = Network::new(&spec(architecture.name), 0, &device).unwrap();
        let logits = network.forward(Tensor::ones([2, 32, 32, 3], &device), &Pass::predict());
        assert_eq!(logits.dims(), [2, 8], "{}", architecture.name);
        if let Some(parameters) = architecture.parameters {
            let published = ModelSpec { classes: 1000, ..spec(architecture.name) };
            let network = Network::new(&published, 0, &device).unwrap();
            assert_eq!(weights::count_trainable(&network), parameters, "{}", architecture.name);
        }
    }
}

#[test]
fn an_outline_has_the_shapes_of_the_network_and_the_published_parameter_count() {
    let device = Device::flex();
    for architecture in architectures() {
        let spec = ModelSpec { head: vec![12], head_batch_norm: true, ..spec(architecture.name) };
        let outline = Network::outline(&spec).unwrap();
        let shapes = weights::shapes(&outline.network);
        let values: usize = shapes.values().map(|shape| shape.iter().product::<usize>()).sum();
        assert_eq!(outline.parameters, values as u64, "{}", architecture.name);
        if is_light(architecture.name) {
            let network = Network::new(&spec, 0, &device).unwrap();
            assert_eq!(shapes, weights::shapes(&network), "{}", architecture.name);
        }
        if let Some(parameters) = architecture.parameters {
            let published = Network::outline(&ModelSpec::bare(architecture.name, 1000, 64)).unwrap();
            assert_eq!(weights::count_trainable(&published.network), parameters, "{}", architecture.name);
        }
    }
}

#[test]
fn an_outline_counts_the_feature_maps() {
    let maps = |name: &str, size: usize| {
        let outline = Network::outline(&ModelSpec { size, ..spec(name) }).unwrap();
        (outline.maps, outline.largest_map)
    };
    let image = 32 * 32 * 3;
    assert_eq!(maps("mlp", 32), (image, image));
    // 3 x 3 without padding, then half the side: 32 -> 30 -> 15 -> 13 -> 6 -> 4
    let convolutions = [30 * 30 * 32, 13 * 13 * 64, 4 * 4 * 128];
    assert_eq!(maps("cnn", 32), (image + convolutions.iter().sum::<u64>(), convolutions[0]));
    // the stem, its maximum, two blocks of two convolutions each, and in later stages a shortcut
    let stage = |side: u64, channels: u64, maps: u64| side * side * channels * maps;
    let stages = stage(8, 64, 4) + stage(4, 128, 5) + stage(2, 256, 5) + stage(1, 512, 5);
    assert_eq!(maps("resnet18", 32), (image + stage(16, 64, 1) + stages, stage(16, 64, 1)));
    for architecture in architectures() {
        let (small, large) = (maps(architecture.name, 64).0, maps(architecture.name, 256).0);
        assert!((small * 12..=small * 20).contains(&large), "{}: {small}, {large}", architecture.name);
    }
}

#[test]
fn networks_of_absurd_sizes_are_refused_before_they_are_built() {
    let device = Device::flex();
    let usual = || spec("mlp");
    for (spec, expected) in [
        (ModelSpec { head: vec![1_000_000_000], ..usual() }, "`head` of the network is 1000000000"),
        (ModelSpec { head: vec![usize::MAX, 2], ..usual() }, "`head` of the network is 18446744073709551615"),
        (ModelSpec { head: vec![0], ..usual() }, "`head` of the network is 0, expected 1 to 65536"),
        (ModelSpec { head: vec![65_536; 3], ..spec("cnn_gap") }, "expected at most 2000000000"),
        (
            ModelSpec { head: vec![65_536; 3], head_batch_norm: true, ..usual() },
            "parameters, expected at most",
        ),
        (
            ModelSpec { head: vec![1024], size: 4096, ..usual() },
            "`mlp` for 4096 pixels with the head [1024] has",
        ),
        (ModelSpec { size: 1_000_000_000, ..usual() }, "`size` of the network is 1000000000"),
        (ModelSpec { size: 0, ..usual() }, "`size` of the network is 0, expected 1 to 4096"),
        (ModelSpec { classes: 1_000_000_000, ..usual() }, "`classes` of the network is 1000000000"),
        (ModelSpec { classes: 1, ..usual() }, "`classes` of the network is 1, expected 2 to 100000"),
        (ModelSpec { dropout: vec![f64::NAN], ..usual() }, "`dropout` of the network is NaN"),
        (ModelSpec { drop_path: 1.0, ..spec("resnet18") }, "`drop_path` of the network is 1"),
        (ModelSpec { stages: Some(usize::MAX), ..spec("resnet18") }, "stages of resnet18, expected 1 to 4"),
    ] {
        let error = Network::new(&spec, 0, &device).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_reports_networks_have_the_reports_sizes() {
    let device = Device::flex();
    let count = |s: ModelSpec| {
        let network = Network::new(&s, 0, &device).unwrap();
        weights::count_trainable(&network)
    };
    let at96 = |name: &str| ModelSpec { size: 96, ..spec(name) };
    assert_eq!(count(at96("mlp")), 221_192);
    assert_eq!(count(at96("cnn")), 195_656);
    // Keras' 128,584 also counts 128 running statistics, and 64 biases that the normalisation after them
    // takes away
    assert_eq!(count(ModelSpec { head: vec![256], ..at96("cnn_gap") }), 128_584 - 128 - 64);
}

#[test]
fn a_gradient_reaches_every_parameter() {
    let device = Device::flex().autodiff();
    for architecture in architectures().filter(|a| is_light(a.name)) {
        let spec = ModelSpec {
            head: vec![12, 10],
            head_batch_norm: true,
            dropout: vec![0.1],
            drop_path: 0.1,
            activation: Activation::Silu,
            ..spec(architecture.name)
        };
        let network = Network::new(&spec, 1, &device).unwrap();
        let x = Tensor::<4>::random([3, 32, 32, 3], burn::tensor::Distribution::Normal(0.0, 1.0), &device);
        let grads = network.forward(x, &Pass::train(0, 0)).square().mean().backward();
        for (name, norm) in weights::gradient_norms(&network, &grads) {
            assert!(norm != 0.0, "{}: {name}", architecture.name);
        }
    }
}

#[test]
fn dropout_is_the_same_everywhere_or_said_for_each_layer() {
    let device = Device::flex();
    let logits = |dropout: &[f64]| {
        let spec = ModelSpec { dropout: dropout.into(), head: vec![16], ..spec("mlp") };
        let network = Network::new(&spec, 0, &device)?;
        Ok::<_, Error>(network.forward(Tensor::ones([2, 32, 32, 3], &device), &Pass::train(0, 0)).into_data())
    };
    let plain = logits(&[0.0]).unwrap();
    assert_eq!(logits(&[0.0, 0.0]).unwrap(), plain);
    assert_eq!(logits(&[0.4]).unwrap(), logits(&[0.4, 0.4]).unwrap());
    for one in [[0.4, 0.0], [0.0, 0.4]] {
        assert_ne!(logits(&one).unwrap(), plain);
        assert_ne!(logits(&one).unwrap(), logits(&[0.4]).unwrap());
    }
    let error = logits(&[0.1; 3]).unwrap_err().to_string();
    assert!(error.starts_with("3 dropout rates, expected one or 2"), "{error}");
}

#[test]
fn a_backbone_can_do_without_its_last_stages() {
    let device = Device::flex().autodiff();
    for (name, all) in
        [("tf_efficientnetv2_b0", 6), ("mobilenetv3_small_100", 6), ("resnet18", 4), ("convnext_atto", 4)]
    {
        let build = |stages| Network::new(&ModelSpec { stages, ..spec(name) }, 0, &device);
        let count = |stages| weights::count_trainable(&build(stages).unwrap());
        assert_eq!(count(Some(all)), count(None), "{name}");
        let mut last = 0;
        for stages in 1..=all {
            let network = build(Some(stages)).unwrap();
            let logits = network.forward(Tensor::ones([2, 32, 32, 3], &device), &Pass::train(0, 0));
            assert_eq!(logits.dims(), [2, 8]);
            for (parameter, norm) in weights::gradient_norms(&network, &logits.square().mean().backward()) {
                assert!(norm.is_finite(), "{name}: {parameter}");
            }
            let parameters = count(Some(stages));
            assert!(parameters > last, "{name} with {stages} stages");
            last = parameters;
        }
        let error = build(Some(all + 1)).unwrap_err().to_string();
        assert!(error.contains(&format!("{} stages of {name}, expected 1 to {all}", all + 1)), "{error}");
    }
    for name in ["mlp", "cnn", "cnn_gap"] {
        let error = Network::new(&ModelSpec { stages: Some(1), ..spec(name) }, 0, &device).unwrap_err();
        assert!(error.to_string().contains("expected none, as it has no stages"), "{error}");
    }
}

#[test]
fn an_unknown_name_suggests_a_known_one() {
    let error = Network::new(&spec("tf_efficientnet_v2_b0"), 0, &Device::flex()).unwrap_err();
    assert_eq!(error.hint_text(), Some("did you mean `tf_efficientnetv2_b0`?"));
}

#[test]
fn every_family_tells_its_head_from_its_backbone() {
    let device = Device::flex();
    for architecture in architectures().filter(|a| is_light(a.name)) {
        let name = architecture.name;
        let network = Network::new(&ModelSpec { head: vec![12], ..spec(name) }, 0, &device).unwrap();
        let parts = parts_of(name).unwrap();
        assert_eq!(parts.classifier, network.parts().classifier, "{name}");
        let state = weights::state_dict(&network);
        let features = network.features(Tensor::ones([1, 32, 32, 3], &device), &Pass::predict()).dims()[1];
        // the first dense layer of the head takes the features, the last gives the classes, and both have a
        // bias
        let head: Vec<_> = state.iter().filter(|(parameter, _)| parts.is_head(parameter)).collect();
        assert_eq!(head.len(), 4, "{name}");
        for shape in [vec![8, 12], vec![12, features]] {
            assert!(head.iter().any(|(_, array)| array.shape == shape), "{name}: {shape:?}");
        }
        for parameter in state.keys().filter(|parameter| parts.is_head(parameter)) {
            assert_eq!(
                (parts.block_of(parameter), parts.is_after_stages(parameter)),
                (None, false),
                "{name}"
            );
        }
        for module in parts.after_stages {
            assert!(state.keys().any(|parameter| parameter.starts_with(module)), "{name}: {module}");
        }
    }
}

#[test]
fn every_architecture_is_suggested_for_its_misspelt_name() {
    for architecture in architectures() {
        let misspelt = format!("{}?", architecture.name);
        let error = Network::new(&spec(&misspelt), 0, &Device::flex()).unwrap_err();
        assert_eq!(error.hint_text(), Some(&*format!("did you mean `{}`?", architecture.name)));
        assert!(parts_of(&misspelt).is_err());
    }
}
