//! The model zoo: networks as tables of architectures, by their timm names.
//!
//! A network maps normalised images `[batch, size, size, 3]` to logits `[batch, classes]`. It knows no data set, loss,
//! metric or file. One family a file; a variant is one row of its family's table.

pub mod cnn;
pub mod convnext;
pub mod efficientnet;
pub mod mbconv;
pub mod mlp;
pub mod mobilenet;
pub mod resnet;

#[cfg(test)]
pub(crate) mod parity;

use std::fmt;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use hema_core::error::{Error, Result, suggest};
use serde::de::{Deserializer, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Serialize};

use crate::nn::{self, Activation, Hidden, Init, Linear, Pass};

/// What it takes to build a network; stored in the bundle beside its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Architecture, a name out of [`ARCHITECTURES`].
    pub name: String,
    /// Number of classes.
    pub classes: usize,
    /// Side of the input images in pixels.
    pub size: usize,
    /// How many stages of the backbone are kept, from the first on; all of them where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<usize>,
    /// Widths of the hidden layers between features and classifier; empty for the classifier alone.
    pub head: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Batch normalisation after each hidden layer.
    pub head_batch_norm: bool,
    /// Dropout rates before the dense layers of the head, the last being the classifier's; one rate is that of all.
    #[serde(deserialize_with = "one_or_several")]
    pub dropout: Vec<f64>,
    /// Stochastic-depth rate of the last block; earlier blocks get proportionally less.
    pub drop_path: f64,
}

impl ModelSpec {
    /// A network without a head of its own, dropout or stochastic depth, for images of `size` pixels.
    pub fn bare(name: &str, classes: usize, size: usize) -> Self {
        Self {
            name: name.into(),
            classes,
            size,
            stages: None,
            head: Vec::new(),
            activation: Activation::default(),
            head_batch_norm: false,
            dropout: vec![0.0],
            drop_path: 0.0,
        }
    }

    /// A rate for each dense layer of the head, the classifier included.
    fn dropout_rates(&self) -> Vec<f64> {
        match self.dropout[..] {
            [rate] => vec![rate; self.head.len() + 1],
            _ => self.dropout.clone(),
        }
    }

    /// How many of the backbone's stages are kept, `all` being what the architecture has; 0 for one that has none to leave
    /// out.
    fn kept(&self, all: usize) -> Result<usize> {
        match self.stages {
            None => Ok(all),
            Some(kept) if (1..=all).contains(&kept) => Ok(kept),
            Some(kept) => {
                let expected =
                    if all == 0 { "none, as it has no stages".into() } else { format!("1 to {all}") };
                Err(Error::new(format!("{kept} stages of {}, expected {expected}", self.name)))
            }
        }
    }
}

/// One architecture of the zoo.
#[derive(Debug)]
pub struct Architecture {
    /// Name, as in timm where it exists there.
    pub name: &'static str,
    /// One line for `hema list models`.
    pub about: &'static str,
    /// Published parameter count with 1,000 classes, where there is one.
    pub parameters: Option<usize>,
    build: fn(&ModelSpec, &mut Init) -> Result<Network>,
}

/// Every architecture, by family.
pub const ARCHITECTURES: &[&[Architecture]] = &[
    mlp::ARCHITECTURES,
    cnn::ARCHITECTURES,
    resnet::ARCHITECTURES,
    mobilenet::ARCHITECTURES,
    efficientnet::ARCHITECTURES,
    convnext::ARCHITECTURES,
];

/// A row of a table: an architecture of timm's, with its parameters for ImageNet's 1,000 classes.
const fn published(
    name: &'static str,
    about: &'static str,
    parameters: usize,
    build: fn(&ModelSpec, &mut Init) -> Result<Network>,
) -> Architecture {
    Architecture { name, about, parameters: Some(parameters), build }
}

/// All architectures in order.
pub fn architectures() -> impl Iterator<Item = &'static Architecture> {
    ARCHITECTURES.iter().flat_map(|family| family.iter())
}

/// A network of any family.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // there are a few networks in a process, and Burn derives no boxes
pub enum Network {
    /// Dense layers on the flattened pixels.
    Mlp(mlp::Mlp),
    /// A plain convolutional network.
    Cnn(cnn::Cnn),
    /// A residual network.
    ResNet(resnet::ResNet),
    /// `MobileNetV3`.
    MobileNetV3(mobilenet::MobileNetV3),
    /// EfficientNet and EfficientNetV2.
    EfficientNet(efficientnet::EfficientNet),
    /// `ConvNeXt` and `ConvNeXt` V2.
    ConvNeXt(convnext::ConvNeXt),
}

impl Network {
    /// Builds a network with fresh weights that depend on the seed alone.
    ///
    /// # Errors
    /// An unknown name, or values the architecture cannot take.
    pub fn new(spec: &ModelSpec, seed: u64, device: &Device) -> Result<Self> {
        let architecture = architectures().find(|a| a.name == spec.name).ok_or_else(|| {
            Error::new(format!("there is no model `{}`", spec.name))
                .hint(suggest(&spec.name, architectures().map(|a| a.name)))
        })?;
        let (found, layers) = (spec.dropout.len(), spec.head.len() + 1);
        if found != 1 && found != layers {
            let expected =
                format!("one or {layers}: one for each layer of the head and one for the classifier");
            return Err(Error::new(format!("{found} dropout rates, expected {expected}")));
        }
        if spec.classes < 2 {
            return Err(Error::new(format!("a classifier needs at least 2 classes, found {}", spec.classes)));
        }
        (architecture.build)(spec, &mut Init::new(seed, device))
    }

    /// Logits `[batch, classes]` of normalised images `[batch, size, size, 3]`.
    pub fn forward(&self, x: Tensor<4>, pass: &Pass) -> Tensor<2> {
        self.classify(self.features(x, pass), pass)
    }

    /// What the head sees of normalised images `[batch, size, size, 3]`: pooled maps `[batch, features]`, in a network
    /// without pooling the flattened ones.
    pub fn features(&self, x: Tensor<4>, pass: &Pass) -> Tensor<2> {
        match self {
            Self::Mlp(network) => network.features(x),
            Self::Cnn(network) => network.features(nn::input(x, pass), pass),
            Self::ResNet(network) => network.features(nn::input(x, pass), pass),
            Self::MobileNetV3(network) => network.features(nn::input(x, pass), pass),
            Self::EfficientNet(network) => network.features(nn::input(x, pass), pass),
            Self::ConvNeXt(network) => network.features(nn::input(x, pass), pass),
        }
    }

    /// Logits `[batch, classes]` of features.
    pub fn classify(&self, features: Tensor<2>, pass: &Pass) -> Tensor<2> {
        match self {
            Self::Mlp(network) => network.classify(features, pass),
            Self::Cnn(network) => network.classify(features, pass),
            Self::ResNet(network) => network.classify(features, pass),
            Self::MobileNetV3(network) => network.classify(features, pass),
            Self::EfficientNet(network) => network.classify(features, pass),
            Self::ConvNeXt(network) => network.classify(features, pass),
        }
    }
}

/// Whether a parameter of this name belongs to the classification head. Families name their classifiers differently, and
/// what timm calls the head of a `ConvNeXt` begins with the normalisation of its features.
pub fn is_head(name: &str) -> bool {
    const HEADS: [&str; 4] = ["hidden", "classifier", "fc", "head.fc"];
    let within =
        |head: &str| name.strip_prefix(head).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    HEADS.into_iter().any(within)
}

/// Whether a parameter of this name belongs to what stands between the stages of a backbone and its head. It fits no network
/// with fewer stages.
pub fn is_after_stages(name: &str) -> bool {
    ["conv_head.", "bn2.", "head.norm."].iter().any(|module| name.starts_with(module))
}

/// Reads a number or a list of numbers.
pub(crate) fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    struct Numbers;
    impl<'de> Visitor<'de> for Numbers {
        type Value = Vec<f64>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number or a list of numbers")
        }
        fn visit_f64<E>(self, value: f64) -> Result<Vec<f64>, E> {
            Ok(vec![value])
        }
        fn visit_i64<E>(self, value: i64) -> Result<Vec<f64>, E> {
            Ok(vec![value as f64])
        }
        fn visit_u64<E>(self, value: u64) -> Result<Vec<f64>, E> {
            Ok(vec![value as f64])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<f64>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(list))
        }
    }
    deserializer.deserialize_any(Numbers)
}

/// The hidden layers and the classifier that every family ends in.
fn make_head(spec: &ModelSpec, features: usize, init: &mut Init) -> (Vec<Hidden>, Linear) {
    let hidden = init.hidden(features, &spec.head, spec.activation, spec.head_batch_norm);
    let classifier = init.linear(spec.head.last().copied().unwrap_or(features), spec.classes);
    (hidden, classifier)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small specification of any architecture.
    pub(crate) fn spec(name: &str) -> ModelSpec {
        ModelSpec::bare(name, 8, 32)
    }

    /// Whether a test of it takes a second or so.
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
                assert_eq!(crate::weights::count_trainable(&network), parameters, "{}", architecture.name);
            }
        }
    }

    #[test]
    fn the_reports_networks_have_the_reports_sizes() {
        let device = Device::flex();
        let count = |s: ModelSpec| {
            let network = Network::new(&s, 0, &device).unwrap();
            crate::weights::count_trainable(&network)
        };
        let at96 = |name: &str| ModelSpec { size: 96, ..spec(name) };
        assert_eq!(count(at96("mlp")), 221_192);
        assert_eq!(count(at96("cnn")), 195_656);
        // Keras' 128,584 also counts 128 running statistics, and 64 biases that the normalisation after them takes away
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
            let x =
                Tensor::<4>::random([3, 32, 32, 3], burn::tensor::Distribution::Normal(0.0, 1.0), &device);
            let grads = network.forward(x, &Pass::train(0, 0)).square().mean().backward();
            for (name, norm) in crate::weights::gradient_norms(&network, &grads) {
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
            Ok::<_, Error>(
                network.forward(Tensor::ones([2, 32, 32, 3], &device), &Pass::train(0, 0)).into_data(),
            )
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
            let count = |stages| crate::weights::count_trainable(&build(stages).unwrap());
            assert_eq!(count(Some(all)), count(None), "{name}");
            let mut last = 0;
            for stages in 1..=all {
                let network = build(Some(stages)).unwrap();
                let logits = network.forward(Tensor::ones([2, 32, 32, 3], &device), &Pass::train(0, 0));
                assert_eq!(logits.dims(), [2, 8]);
                for (parameter, norm) in
                    crate::weights::gradient_norms(&network, &logits.square().mean().backward())
                {
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
}
