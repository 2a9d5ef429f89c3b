//! `[model]` of a recipe.

use std::path::PathBuf;

use toml::Value;

use super::key::{FRACTION, Kind, Word};
use super::names::Named;
use super::read::{Field, Place, Problem, read_text};
use super::table::{table, words};
use crate::builtin;
use crate::model::{Architecture, MOST_UNITS, is_of_hub};
use crate::nn::Activation;

table! {
    /// `[model]`: the network and where its weights start.
    pub struct Model {
        /// Architecture.
        #[key(unset = "that of the model in `model.weights`")]
        pub name: Named<Architecture>,
        /// Where the weights start. What a recipe does not say of the network and of how images are read is
        /// as in the model that its weights are of.
        #[key(default = "none", before = "none")]
        pub weights: Weights,
        /// How many stages of the backbone are kept, from the first on, for a smaller network.
        #[key(unset = "all are kept", in STAGES)]
        pub stages: Option<usize>,
        /// Widths of dense layers between the pooled features and the classifier; empty for the classifier
        /// alone.
        #[key(default = "[]", before = "[]", in Kind::List { of: &WIDTH, count: None })]
        pub head: Vec<usize>,
        /// Activation after each dense layer of the head.
        #[key(default = "relu", before = "relu")]
        pub activation: Activation,
        /// Batch normalisation after each dense layer of the head.
        #[key(default = "false", before = "false")]
        pub head_batch_norm: bool,
        /// Probability of dropping a feature before every dense layer of the head, the classifier included;
        /// or a list of one for each.
        #[key(default = "0.0", before = "0.0", in Kind::OneOrSeveral(&FRACTION))]
        pub dropout: Vec<f64>,
        /// Probability of skipping the last residual branch; earlier ones less, in proportion (stochastic
        /// depth).
        #[key(default = "0.0", before = "0.0", in FRACTION)]
        pub drop_path: f64,
    }
}

/// Width of a dense layer.
const WIDTH: Kind = Kind::Whole { least: 1, most: MOST_UNITS as u64, unit: "units" };
/// Stages of a backbone, of which an architecture has fewer.
const STAGES: Kind = Kind::Whole { least: 1, most: 100, unit: "" };

/// Where weights start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// Random, by the recipe's seed.
    #[default]
    None,
    /// The architecture's published `ImageNet` weights.
    Imagenet,
    /// A bundle of Hema, a `.safetensors` file of timm, or the name of the model in the box.
    Path(PathBuf),
}

impl Field for Weights {
    const KIND: Kind = Kind::AnyOf(&[
        Kind::Words {
            list: None,
            all: || {
                vec![
                    Word { name: "none", about: "random, by the recipe's seed".into() },
                    Word { name: "imagenet", about: "the architecture's published ImageNet weights".into() },
                    Word {
                        name: builtin::NAME,
                        about: "the model in the box, which knows blood cells".into(),
                    },
                ]
            },
        },
        Kind::File,
    ]);

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        let expected = kind.describe();
        let text = read_text(value, &expected, place)?;
        let path = PathBuf::from(text);
        if is_of_hub(text) && path.extension().is_none_or(|end| end != "safetensors") {
            let hint = "`imagenet` takes timm's published weights, which `hema weights fetch` brings";
            return Err(Problem::found(&place.key, text, &expected).hint(hint));
        }
        match text {
            "none" => Ok(Self::None),
            "imagenet" => Ok(Self::Imagenet),
            // a run that is trained from it says which one that was
            _ if builtin::is_name(&path) => Ok(Self::Path(builtin::with_version(&path))),
            // a word that names nothing here is a misspelt keyword rather than a file
            word if path.components().count() <= 1 && path.extension().is_none() && !path.exists() => {
                let hint = hema_core::error::suggest(word, ["none", "imagenet", builtin::NAME]);
                Err(Problem::found(&place.key, word, &expected).hint(hint))
            }
            _ => Ok(Self::Path(path)),
        }
    }

    fn write(&self) -> Option<Value> {
        Some(match self {
            Self::None => "none".into(),
            Self::Imagenet => "imagenet".into(),
            Self::Path(path) => path.to_string_lossy().as_ref().into(),
        })
    }
}

words! {
    for Activation {
        /// No activation.
        Identity = "identity",
        /// The larger of x and 0.
        Relu = "relu",
        /// x sigmoid(x), also called swish.
        Silu = "silu",
        /// x above zero, exp(x) - 1 below.
        Elu = "elu",
        /// x Phi(x), the exact form.
        Gelu = "gelu",
        /// x above zero, 0.01 x below.
        LeakyRelu = "leaky_relu",
        /// x between 0 and 6, and the nearer of them outside.
        Relu6 = "relu6",
        /// x relu6(x + 3) / 6 (Howard et al., 2019).
        HardSwish = "hard_swish",
    }
}
