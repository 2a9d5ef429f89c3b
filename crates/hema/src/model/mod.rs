//! The model zoo: networks as tables of architectures, by their timm names.
//!
//! A network maps normalised images `[batch, size, size, 3]` to logits `[batch, classes]`. It knows no data
//! set, loss, metric or file. A family is one file and one row of [`Network`]; an architecture is one row of
//! its family's table.

mod cnn;
mod convnext;
mod efficientnet;
mod family;
mod mbconv;
mod mlp;
mod mobilenet;
mod names;
mod resnet;
mod spec;

#[cfg(test)]
pub(crate) mod tests;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use hema_core::error::{Error, Result};

use self::family::Family;
use crate::nn::{Engine, Extent, Init, Pass};

pub use family::Architecture;
pub(crate) use family::Parts;
pub(crate) use names::is_of_hub;
pub use names::suggest_among;
pub use spec::ModelSpec;
pub(crate) use spec::{MOST_CLASSES, MOST_UNITS};

/// Makes the enum [`Network`] and all that depends on its variants out of one list, a row a family:
/// `MODULE::TYPE`. The module also has the family's table `ARCHITECTURES` and the names `PARTS`.
///
/// A table of values will not do: Burn derives a module's traversals, which are generic and fit no trait
/// object, for an enum alone, and each row builds a network of another type.
macro_rules! families {
    ($($(#[$about:meta])* $module:ident::$network:ident,)*) => {
        /// A network of any family.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)] // there are a few networks in a process, and Burn derives no boxes
        #[non_exhaustive]
        pub enum Network {
            $($(#[$about])* $network($module::$network),)*
        }

        impl Network {
            /// Features of normalised images, run by any engine, see [`features`](Self::features).
            pub(crate) fn features_by<E: Engine>(&self, x: E::Map, engine: &mut E) -> E::Rows {
                match self {
                    $(Self::$network(network) => network.features(x, engine),)*
                }
            }

            /// Logits of features, run by any engine.
            pub(crate) fn classify_by<E: Engine>(&self, features: E::Rows, engine: &mut E) -> E::Rows {
                match self {
                    $(Self::$network(network) => network.classify(features, engine),)*
                }
            }

            /// The parts of this network by the names of its parameters.
            pub(crate) fn parts(&self) -> &'static Parts {
                match self {
                    $(Self::$network(_) => &$module::PARTS,)*
                }
            }

            /// Builds the network of a specification; `None` for an unknown architecture.
            fn build(spec: &ModelSpec, init: &mut Init) -> Option<Result<Self>> {
                let is_named = |architecture: &Architecture| architecture.name == spec.name;
                $(if let Some(row) = $module::ARCHITECTURES.iter().find(|row| is_named(&row.architecture)) {
                    return Some((row.build)(spec, init).map(Self::$network));
                })*
                None
            }
        }

        /// Every architecture with the parts of its family's networks, by family.
        fn rows() -> impl Iterator<Item = (&'static Architecture, &'static Parts)> {
            std::iter::empty()
                $(.chain($module::ARCHITECTURES.iter().map(|row| (&row.architecture, &$module::PARTS))))*
        }
    };
}

families! {
    /// Dense layers on the flattened pixels.
    mlp::Mlp,
    /// A plain convolutional network.
    cnn::Cnn,
    /// A residual network.
    resnet::ResNet,
    /// `MobileNetV3`.
    mobilenet::MobileNetV3,
    /// EfficientNet and EfficientNetV2.
    efficientnet::EfficientNet,
    /// `ConvNeXt` and `ConvNeXt` V2.
    convnext::ConvNeXt,
}

/// A network before it is built, made by the code that builds networks: it takes no memory, and cannot be
/// computed with.
#[derive(Debug)]
pub(crate) struct Outline {
    /// Its layers, whose parameters have their shapes and no values.
    pub(crate) network: Network,
    /// Values of all parameters and running statistics.
    pub(crate) parameters: u64,
    /// Values of an image and of all feature maps that are made of it.
    pub(crate) maps: u64,
    /// Values of the largest of them.
    pub(crate) largest_map: u64,
}

/// Every architecture of the zoo, by family.
pub fn architectures() -> impl Iterator<Item = &'static Architecture> {
    rows().map(|(architecture, _)| architecture)
}

/// A hint for a name that no architecture has, as [`suggest_among`] gives it.
pub fn suggest(name: &str) -> String {
    suggest_among(name, architectures().map(|architecture| architecture.name))
}

/// The parts of an architecture's networks by the names of their parameters.
///
/// # Errors
/// An unknown name.
pub(crate) fn parts_of(architecture: &str) -> Result<&'static Parts> {
    let known = rows().find(|(row, _)| row.name == architecture);
    known.map(|(_, parts)| parts).ok_or_else(|| unknown(architecture))
}

fn unknown(architecture: &str) -> Error {
    Error::new(format!("there is no model `{architecture}`")).hint(suggest(architecture))
}

impl Network {
    /// Builds a network with fresh weights that depend on the seed alone.
    ///
    /// # Errors
    /// An unknown name, values the architecture cannot take, or more parameters than any network should have.
    pub fn new(spec: &ModelSpec, seed: u64, device: &Device) -> Result<Self> {
        Self::with(spec, &mut Init::new(seed, device))
    }

    /// Builds a network with the weights that `init` makes.
    fn with(spec: &ModelSpec, init: &mut Init) -> Result<Self> {
        Self::outline(spec)?;
        Self::build(spec, init).unwrap_or_else(|| Err(unknown(&spec.name)))
    }

    /// The outline of a network.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub(crate) fn outline(spec: &ModelSpec) -> Result<Outline> {
        spec.check()?;
        let device = Device::flex();
        let mut init = Init::outline(spec.size, &device);
        let network = Self::build(spec, &mut init).unwrap_or_else(|| Err(unknown(&spec.name)))?;
        let Extent { parameters, maps, largest_map, .. } = init.extent();
        if parameters > Init::MOST_PARAMETERS {
            let what = format!("`{}` for {} pixels with the head {:?}", spec.name, spec.size, spec.head);
            let expected = format!("expected at most {}", Init::MOST_PARAMETERS);
            return Err(Error::new(format!("{what} has {parameters} parameters, {expected}"))
                .hint("give smaller images or fewer units in `head`, or a network that pools its maps"));
        }
        let image = (spec.size * spec.size * 3) as u64;
        let (maps, largest_map) = (maps.saturating_add(image), largest_map.max(image));
        Ok(Outline { network, parameters, maps, largest_map })
    }

    /// Logits `[batch, classes]` of normalised images `[batch, size, size, 3]`.
    pub fn forward(&self, x: Tensor<4>, pass: &Pass) -> Tensor<2> {
        self.classify(self.features(x, pass), pass)
    }

    /// The head's input for normalised images `[batch, size, size, 3]`: pooled maps `[batch, features]`, or
    /// flattened ones in a network without pooling.
    pub fn features(&self, x: Tensor<4>, pass: &Pass) -> Tensor<2> {
        self.features_by(x, &mut { pass })
    }

    /// Logits `[batch, classes]` of features.
    pub fn classify(&self, features: Tensor<2>, pass: &Pass) -> Tensor<2> {
        self.classify_by(features, &mut { pass })
    }
}
