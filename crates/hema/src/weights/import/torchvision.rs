//! torchvision's names of `EfficientNet`, `EfficientNetV2`, `MobileNetV3` and `ConvNeXt`: modules by their
//! numbers in `features` and `classifier`. Its residual networks have timm's names.

use std::collections::BTreeMap;

use super::naming::{Naming, pads_like_tensorflow};
use crate::weights::state::{Array, Shapes, StateDict};

pub(super) const NAMING: Naming = Naming { name: "torchvision", is, rename, note };

/// The epsilon that torchvision adds to variances in `MobileNetV3` and the larger EfficientNets, less the
/// zoo's own.
const MORE_EPSILON: f32 = 1e-3 - 1e-5;

fn is(tensors: &StateDict) -> bool {
    tensors.keys().any(|name| name.starts_with("features."))
}

fn note(model: &str) -> Option<String> {
    pads_like_tensorflow(model).then(|| {
        format!("torchvision pads evenly, `{model}` as TensorFlow does: it will not compute quite the same before training")
    })
}

/// Adds to the variances the excess of torchvision's epsilon over the zoo's.
fn match_epsilon(tensors: &mut StateDict, model: &str) {
    let larger = ["efficientnet_b5", "efficientnet_b6", "efficientnet_b7"];
    if model.starts_with("mobilenetv3") || larger.contains(&model) {
        for (_, array) in tensors.iter_mut().filter(|(name, _)| name.ends_with("running_var")) {
            array.values.iter_mut().for_each(|variance| *variance += MORE_EPSILON);
        }
    }
}

fn rename(tensors: StateDict, model: &str, expected: &Shapes) -> StateDict {
    let is_convnext = tensors.keys().any(|name| name.ends_with(".layer_scale"));
    let mobile = Mobile::new(&tensors, expected);
    let rename = |(name, array): (String, Array)| {
        let parts: Vec<&str> = name.split('.').collect();
        let new = if is_convnext { convnext(&parts) } else { mobile.rename(&parts) };
        match new {
            Some(new) => (new.clone(), reshaped(array, expected.get(&new))),
            None => (name, array),
        }
    };
    let mut tensors = tensors.into_iter().map(rename).collect();
    match_epsilon(&mut tensors, model);
    tensors
}

/// An array with axes of length one more or less: scales per channel, dense layers that are convolutions in
/// timm.
fn reshaped(mut array: Array, expected: Option<&Vec<usize>>) -> Array {
    let long = |shape: &[usize]| shape.iter().copied().filter(|n| *n != 1).collect::<Vec<_>>();
    if let Some(expected) = expected.filter(|expected| long(expected) == long(&array.shape)) {
        array.shape.clone_from(expected);
    }
    array
}

fn convnext(parts: &[&str]) -> Option<String> {
    // stem, stage, downsampling, stage, ...
    let stage = |number: &str| number.parse().ok().map(|number: usize| number.saturating_sub(1) / 2);
    Some(match parts {
        ["features", "0", layer, rest] => format!("stem.{layer}.{rest}"),
        ["features", number, block, "layer_scale"] => {
            format!("stages.{}.blocks.{block}.gamma", stage(number)?)
        }
        ["features", number, block, "block", layer, rest] => {
            let layer = match *layer {
                "0" => "conv_dw",
                "2" => "norm",
                "3" => "mlp.fc1",
                "5" => "mlp.fc2",
                _ => return None,
            };
            format!("stages.{}.blocks.{block}.{layer}.{rest}", stage(number)?)
        }
        // before the stage that it leads to
        ["features", number, layer, rest] => {
            format!("stages.{}.downsample.{layer}.{rest}", number.parse::<usize>().ok()? / 2)
        }
        ["classifier", "0", rest] => format!("head.norm.{rest}"),
        ["classifier", "2", rest] => format!("head.fc.{rest}"),
        _ => return None,
    })
}

/// `EfficientNet` and `MobileNetV3`, whose blocks are numbered within stages or throughout.
struct Mobile {
    /// The number of the last module of `features`.
    last: usize,
    /// Blocks as `STAGE` and `NUMBER` where they are numbered throughout, in order.
    blocks: Option<Vec<(usize, usize)>>,
    /// The convolutions of each block, by the start of the block's names.
    convolutions: BTreeMap<String, Convolutions>,
}

/// The numbers of a block's convolutions, and whether the first is depthwise.
#[derive(Default)]
struct Convolutions {
    numbers: Vec<usize>,
    starts_depthwise: bool,
}

impl Mobile {
    fn new(tensors: &StateDict, expected: &Shapes) -> Self {
        let mut last = 0;
        let mut convolutions: BTreeMap<String, Convolutions> = BTreeMap::new();
        for (name, array) in tensors {
            let module = name.strip_prefix("features.").and_then(|rest| rest.split('.').next());
            last = last.max(module.and_then(|number| number.parse().ok()).unwrap_or(0));
            if let Some((block, unit)) = name.split_once(".block.")
                && let Some(Ok(number)) = unit.strip_suffix(".0.weight").map(str::parse)
            {
                let of_block = convolutions.entry(block.to_owned()).or_default();
                if of_block.numbers.is_empty() {
                    of_block.starts_depthwise = array.shape.get(1) == Some(&1);
                }
                of_block.numbers.push(number);
            }
        }
        let throughout = tensors.keys().any(|name| name.starts_with("features.1.block."));
        Self { last, blocks: throughout.then(|| blocks(expected)), convolutions }
    }

    fn rename(&self, parts: &[&str]) -> Option<String> {
        Some(match parts {
            ["features", "0", "0", rest] => format!("conv_stem.{rest}"),
            ["features", "0", "1", rest] => format!("bn1.{rest}"),
            ["features", number, layer @ ("0" | "1"), rest] if number.parse() == Ok(self.last) => {
                let layer = usize::from(*layer == "1");
                match self.block(number, None) {
                    Some(block) => format!("{block}.{}.{rest}", ["conv", "bn1"][layer]),
                    None => format!("{}.{rest}", ["conv_head", "bn2"][layer]),
                }
            }
            ["features", number, "block", unit @ ..] => {
                let block = self.block(number, None)?;
                format!("{block}.{}", self.unit(&format!("features.{number}"), unit)?)
            }
            ["features", number, within, "block", unit @ ..] => {
                let block = self.block(number, Some(within))?;
                format!("{block}.{}", self.unit(&format!("features.{number}.{within}"), unit)?)
            }
            ["classifier", "0", rest] => format!("conv_head.{rest}"),
            ["classifier", "1" | "3", rest] => format!("classifier.{rest}"),
            _ => return None,
        })
    }

    /// The zoo's name of a block: module `number` of the features, and its number `within` the stage if it
    /// has one.
    fn block(&self, number: &str, within: Option<&str>) -> Option<String> {
        let index = number.parse::<usize>().ok()?.checked_sub(1)?;
        let (stage, block) = match (&self.blocks, within) {
            (Some(blocks), None) => *blocks.get(index)?,
            (None, Some(within)) => (index, within.parse().ok()?),
            _ => return None,
        };
        Some(format!("blocks.{stage}.{block}"))
    }

    /// The zoo's name of a layer of a block: convolutions by their place and kind, normalisations by their
    /// place.
    fn unit(&self, block: &str, parts: &[&str]) -> Option<String> {
        let [unit, layer, rest] = parts else { return None };
        let Convolutions { numbers, starts_depthwise } = self.convolutions.get(block)?;
        let place = || numbers.iter().position(|number| unit.parse() == Ok(*number));
        Some(match *layer {
            "0" => {
                let names: &[&str] = match (numbers.len(), starts_depthwise) {
                    (1, _) => &["conv"],
                    (2, true) => &["conv_dw", "conv_pw"],
                    (2, false) => &["conv_exp", "conv_pwl"],
                    _ => &["conv_pw", "conv_dw", "conv_pwl"],
                };
                format!("{}.{rest}", names.get(place()?)?)
            }
            "1" => format!("bn{}.{rest}", place()? + 1),
            "fc1" => format!("se.conv_reduce.{rest}"),
            "fc2" => format!("se.conv_expand.{rest}"),
            _ => return None,
        })
    }
}

/// The blocks of an architecture in order, each as its stage and its number in it.
fn blocks(expected: &Shapes) -> Vec<(usize, usize)> {
    let parse = |name: &String| {
        let mut numbers = name.strip_prefix("blocks.")?.split('.').map_while(|part| part.parse().ok());
        Some((numbers.next()?, numbers.next()?))
    };
    let mut blocks: Vec<(usize, usize)> = expected.keys().filter_map(parse).collect();
    blocks.sort_unstable();
    blocks.dedup();
    blocks
}
