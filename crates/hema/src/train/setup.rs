//! The parts of a run before its first step: its preprocessing, its network and where the weights start.

use std::path::PathBuf;

use burn::tensor::Device;
use hema_core::data::Dataset;
use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;

use crate::model::{ModelSpec, Network};
use crate::recipe::{Recipe, Weights};
use crate::weights;

pub(super) fn check_labelled(data: &Dataset) -> Result<()> {
    match (0..data.len()).find(|&i| data.label(i).is_none()) {
        Some(i) => Err(Error::new("has no label, expected every image of the split to have one")
            .at(data.entry(i).path)
            .hint("give labels by folders or in a manifest, or leave the image out of the split")),
        None => Ok(()),
    }
}

/// The preprocessing that a recipe describes.
pub fn preprocess(recipe: &Recipe) -> Preprocess {
    let data = &recipe.data;
    Preprocess {
        size: data.size,
        crop: data.crop,
        filter: data.filter,
        mean: data.mean,
        std: data.std,
        background: data.background,
        enlarge: data.enlarge,
        white: data.white,
    }
}

/// The network that a recipe describes.
pub fn model_spec(recipe: &Recipe, classes: usize) -> ModelSpec {
    let model = &recipe.model;
    ModelSpec {
        name: model.name.to_string(),
        classes,
        size: preprocess(recipe).network_size(),
        stages: model.stages,
        head: model.head.clone(),
        activation: model.activation,
        head_batch_norm: model.head_batch_norm,
        dropout: model.dropout.clone(),
        drop_path: model.drop_path,
    }
}

/// Checks that a network, of this specification, takes images of the size of every stage.
pub(super) fn check_sizes(
    recipe: &Recipe,
    spec: &ModelSpec,
    network: &Network,
    device: &Device,
) -> Result<()> {
    for stage in &recipe.stages {
        let Some(size) = stage.size else { continue };
        let fail = |found: String| Error::new(format!("stage `{}`: size is {size}, but {found}", stage.name));
        let other = Network::new(&ModelSpec { size, ..spec.clone() }, recipe.seed, device);
        let other = other.map_err(|e| fail(e.to_string()))?;
        if weights::count_trainable(&other) != weights::count_trainable(network) {
            let found = format!("`{}` takes images of one size alone", spec.name);
            return Err(
                fail(found).hint("leave out the stage's `size`, or choose a network that pools its maps")
            );
        }
    }
    Ok(())
}

pub(super) fn start_weights(network: Network, spec: &ModelSpec, start: &Weights) -> Result<Network> {
    let path: PathBuf = match start {
        Weights::None => return Ok(network),
        Weights::Imagenet => weights::find_pretrained(&spec.name)?,
        Weights::Path(path) => path.clone(),
    };
    weights::start_from(network, spec, &path)
}
