//! Keras' names of `EfficientNet` and `EfficientNetV2` (`keras.applications`): `LAYER/VARIABLE`, as in
//! `block2a_dwconv/kernel`.
//!
//! Variables may have `:0` at their end and folders before the layer, as in HDF5 files, and points in place
//! of slashes. Kernels are `[height, width, in, out]` there, those of depthwise convolutions `[height, width,
//! channels, 1]`.

use std::collections::BTreeSet;

use super::naming::{Naming, pads_like_tensorflow};
use crate::weights::state::{Array, Shapes, StateDict};

pub(super) const NAMING: Naming = Naming { name: "Keras", is, rename, note };

fn is(tensors: &StateDict) -> bool {
    tensors.keys().any(|name| Variable::parse(name).is_some_and(|variable| variable.layer == "stem_conv"))
}

fn note(model: &str) -> Option<String> {
    if !pads_like_tensorflow(model) {
        return Some(format!("with Keras' weights it is `tf_{model}` that computes what Keras does"));
    }
    let by_half = ["tf_efficientnetv2_s", "tf_efficientnetv2_m", "tf_efficientnetv2_l"].contains(&model);
    by_half.then(|| "Keras' own weights of it need data.mean=[0.5,0.5,0.5] data.std=[0.5,0.5,0.5]".to_owned())
}

fn rename(tensors: StateDict, _: &str, _: &Shapes) -> StateDict {
    let layers: BTreeSet<String> =
        tensors.keys().filter_map(|name| Some(Variable::parse(name)?.layer.to_owned())).collect();
    let rename = |(name, array): (String, Array)| {
        let Some(variable) = Variable::parse(&name) else { return Some((name, array)) };
        // the recipe says how pixels are normalised
        if variable.layer.starts_with("normalization") {
            return None;
        }
        let new = variable.rename(&layers);
        Some(match new {
            Some(new) => (new, transposed(array, variable.layer.contains("dwconv"))),
            None => (name, array),
        })
    };
    tensors.into_iter().filter_map(rename).collect()
}

/// A variable of a layer.
struct Variable<'a> {
    layer: &'a str,
    name: &'a str,
}

impl<'a> Variable<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        let path = path.strip_suffix(":0").unwrap_or(path);
        let mut parts = path.rsplit(['/', '.']);
        let (name, layer) = (parts.next()?, parts.next()?);
        Some(Self { layer, name })
    }

    /// The name in the zoo; `layers` are all layers of the file.
    fn rename(&self, layers: &BTreeSet<String>) -> Option<String> {
        let layer = match self.layer {
            "stem_conv" => "conv_stem".to_owned(),
            "stem_bn" => "bn1".to_owned(),
            "top_conv" => "conv_head".to_owned(),
            "top_bn" => "bn2".to_owned(),
            "predictions" => "classifier".to_owned(),
            layer => of_block(layer, layers)?,
        };
        let name = match self.name {
            "kernel" | "depthwise_kernel" | "gamma" => "weight",
            "bias" | "beta" => "bias",
            "moving_mean" => "running_mean",
            "moving_variance" => "running_var",
            _ => return None,
        };
        Some(format!("{layer}.{name}"))
    }
}

/// The zoo's name of the layer of a block, `block2a_expand_conv`; it depends on the other layers of the
/// block.
fn of_block(layer: &str, layers: &BTreeSet<String>) -> Option<String> {
    let (block, part) = layer.strip_prefix("block")?.split_once('_')?;
    let letter = block.chars().last().filter(char::is_ascii_lowercase)?;
    let stage = block[..block.len() - 1].parse::<usize>().ok()?.checked_sub(1)?;
    let has = |part: &str| layers.contains(&format!("block{block}_{part}"));
    let (expands, depthwise) = (has("expand_conv"), has("dwconv") || has("dwconv2"));
    let part = match part {
        "expand_conv" if depthwise => "conv_pw",
        "expand_conv" => "conv_exp",
        "dwconv" | "dwconv2" => "conv_dw",
        "bn" if expands => "bn2",
        "expand_bn" | "bn" => "bn1",
        "se_reduce" => "se.conv_reduce",
        "se_expand" => "se.conv_expand",
        "project_conv" => match (expands, depthwise) {
            (true, _) => "conv_pwl",
            (false, true) => "conv_pw",
            (false, false) => "conv",
        },
        "project_bn" => match (expands, depthwise) {
            (true, true) => "bn3",
            (false, false) => "bn1",
            _ => "bn2",
        },
        _ => return None,
    };
    Some(format!("blocks.{stage}.{}.{part}", u32::from(letter) - u32::from('a')))
}

/// Kernels with the axes in PyTorch's order.
fn transposed(array: Array, depthwise: bool) -> Array {
    let Array { shape, values } = array;
    let (order, shape): (&[usize], Vec<usize>) = match shape[..] {
        [_, _, _, _] if depthwise => (&[2, 3, 0, 1], shape),
        [_, _, _, _] => (&[3, 2, 0, 1], shape),
        [_, _] => (&[1, 0], shape),
        _ => return Array { shape, values },
    };
    let new: Vec<usize> = order.iter().map(|axis| shape[*axis]).collect();
    // how far apart two neighbours along a new axis were
    let steps: Vec<usize> = order.iter().map(|axis| shape[axis + 1..].iter().product()).collect();
    let at = |index: usize| {
        let (mut rest, mut from) = (index, 0);
        for (length, step) in new.iter().zip(&steps).rev() {
            from += rest % length * step;
            rest /= length;
        }
        values[from]
    };
    let values = (0..values.len()).map(at).collect();
    Array { shape: new, values }
}
