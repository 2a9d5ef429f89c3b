//! The contract of a family: what its networks compute, the rows of its table, and the names of its
//! parameters.

use hema_core::error::Result;

use super::spec::ModelSpec;
use crate::nn::{Engine, Init};

/// A network of one family, in the layers of any [`Engine`]. Beside the type, the family's module has its
/// table, `ARCHITECTURES`, and `PARTS`, the names of its parameters.
pub(super) trait Family {
    /// Features of normalised images.
    fn features<E: Engine>(&self, x: E::Map, engine: &mut E) -> E::Rows;

    /// Logits of features.
    fn classify<E: Engine>(&self, features: E::Rows, engine: &mut E) -> E::Rows;
}

/// One architecture of the zoo.
#[derive(Debug)]
#[non_exhaustive]
pub struct Architecture {
    /// Name, as in timm where it exists there.
    pub name: &'static str,
    /// One line for `hema list models`.
    pub about: &'static str,
    /// Published parameter count with 1,000 classes; `None` for Hema's own networks, which timm does not
    /// have.
    pub parameters: Option<usize>,
}

/// A row of a family's table: an architecture, and how its network is built.
pub(super) struct Variant<N> {
    pub(super) architecture: Architecture,
    pub(super) build: Build<N>,
}

/// Builds a network with fresh weights.
type Build<N> = fn(&ModelSpec, &mut Init) -> Result<N>;

impl<N> Variant<N> {
    /// An architecture of timm's, with its parameters for ImageNet's 1,000 classes.
    pub(super) const fn published(
        name: &'static str,
        about: &'static str,
        parameters: usize,
        build: Build<N>,
    ) -> Self {
        Self { architecture: Architecture { name, about, parameters: Some(parameters) }, build }
    }

    /// An architecture of Hema's own.
    pub(super) const fn own(name: &'static str, about: &'static str, build: Build<N>) -> Self {
        Self { architecture: Architecture { name, about, parameters: None }, build }
    }
}

/// The parts of a family's networks by the names of their parameters, which follow timm's and differ between
/// families.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The layer that gives the logits.
    pub(super) classifier: &'static str,
    /// The modules between the last stage of the backbone and the head.
    pub(super) after_stages: &'static [&'static str],
    /// The start of a parameter's name that names its block; `None` for one outside the blocks.
    pub(super) block_of: fn(&str) -> Option<&str>,
}

impl Parts {
    /// Whether a parameter belongs to the classification head: to the classifier, or to the hidden layers
    /// before it. What timm calls the head of a `ConvNeXt` begins earlier, with the normalisation of its
    /// features.
    pub(crate) fn is_head(&self, parameter: &str) -> bool {
        is_within(parameter, "hidden") || is_within(parameter, self.classifier)
    }

    /// Whether a parameter stands between the stages of the backbone and the head. It fits no network with
    /// fewer stages.
    pub(crate) fn is_after_stages(&self, parameter: &str) -> bool {
        self.after_stages.iter().any(|module| is_within(parameter, module))
    }

    /// The start of a parameter's name that names its block, `blocks.3.1` of `blocks.3.1.conv_pw.weight`;
    /// `None` for one outside the blocks. The way down to a stage counts as a block.
    pub(crate) fn block_of<'a>(&self, parameter: &'a str) -> Option<&'a str> {
        (self.block_of)(parameter)
    }
}

/// Whether a parameter belongs to a module.
fn is_within(parameter: &str, module: &str) -> bool {
    parameter.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The start of a name up to its `count`-th number or to a module named `downsample`, whichever comes first.
pub(super) fn up_to_number(name: &str, count: usize) -> Option<&str> {
    let mut seen = 0;
    let mut end = 0;
    for part in name.split('.') {
        end += part.len() + 1;
        seen += usize::from(part.bytes().all(|byte| byte.is_ascii_digit()));
        if seen == count || part == "downsample" {
            return Some(&name[..end - 1]);
        }
    }
    None
}
