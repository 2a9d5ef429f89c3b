//! The parts of a run before its first step: its preprocessing, its network and where the weights start.

use burn::tensor::Device;
use hema_core::data::Dataset;
use hema_core::error::{Error, Result};
use hema_core::preprocess::Preprocess;

use crate::device;
use crate::loader::MADE_AHEAD;
use crate::loss::VIEWS;
use crate::memory;
use crate::model::{ModelSpec, Network};
use crate::recipe::{Averaging, Recipe, Stage};

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
        rescale: None,
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
pub(super) fn check_sizes(recipe: &Recipe, spec: &ModelSpec) -> Result<()> {
    let parameters = Network::outline(spec)?.parameters;
    for stage in &recipe.stages {
        let Some(size) = stage.size else { continue };
        let fail = |found: String| Error::new(format!("stage `{}`: size is {size}, but {found}", stage.name));
        let other = Network::outline(&ModelSpec { size, ..spec.clone() });
        let other = other.map_err(|e| fail(e.to_string()))?;
        if other.parameters != parameters {
            let found = format!("`{}` takes images of one size alone", spec.name);
            return Err(
                fail(found).hint("leave out the stage's `size`, or choose a network that pools its maps")
            );
        }
    }
    Ok(())
}

/// Checks that the machine has the memory for a step of every stage: for the weights with their gradients,
/// the optimizer's state and the mean of the weights, for the batches that are made ahead, and for the
/// feature maps of what goes through the network at once. There are so many `images` to train on. Nothing is
/// asked of a graphics card, whose memory nobody tells.
///
/// # Errors
/// The first stage that needs more.
pub(super) fn check_memory(recipe: &Recipe, spec: &ModelSpec, images: usize, device: &Device) -> Result<()> {
    if !device::is_cpu(device) {
        return Ok(());
    }
    for (index, stage) in recipe.stages.iter().enumerate() {
        let size = stage.size.unwrap_or(spec.size);
        let bytes = bytes_of_step(recipe, stage, &ModelSpec { size, ..spec.clone() }, images, device)?;
        let batch = batch_of(recipe, stage, images);
        let what = format!(
            "stage.{index}.batch_size: a step of {batch} images of {size} pixels through `{}`",
            spec.name
        );
        memory::check(bytes, &what).map_err(|e| {
            e.hint("lower it or the size of the images, or set the stage's `micro_batch` or `recompute`")
        })?;
    }
    Ok(())
}

/// Images of a step, of which an epoch may not have as many as the recipe asks for.
fn batch_of(recipe: &Recipe, stage: &Stage, images: usize) -> usize {
    stage.batch_size.min(images.saturating_mul(recipe.augment.copies.max(1) as usize))
}

/// Bytes that a step of a stage takes, which shows its network images of the size in `spec`.
fn bytes_of_step(
    recipe: &Recipe,
    stage: &Stage,
    spec: &ModelSpec,
    images: usize,
    device: &Device,
) -> Result<u64> {
    let outline = Network::outline(spec)?;
    let views = if recipe.loss.consistency > 0.0 { VIEWS } else { 1 };
    let batch = batch_of(recipe, stage, images);
    let at_once = stage.micro_batch.unwrap_or(batch).min(batch);
    let [batch, at_once] = [batch, at_once].map(|images| (images * views) as u64);

    let averaged = u64::from(recipe.average.kind != Averaging::None);
    let copies = 2 + stage.optimizer.row().slots().len() as u64 + averaged;
    let weights = outline.parameters.saturating_mul(4 * copies);
    let waiting = batch.saturating_mul((MADE_AHEAD * spec.size * spec.size * 3 * 4) as u64);
    // backwards, the gradients of a map and of the one before it
    let maps = if stage.recompute { 0 } else { outline.maps }.saturating_add(2 * outline.largest_map);
    let width = recipe.precision.on(device).bytes();
    Ok(weights.saturating_add(waiting).saturating_add(at_once.saturating_mul(maps).saturating_mul(width)))
}
