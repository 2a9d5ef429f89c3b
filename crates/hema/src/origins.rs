//! Whose weights a model comes from, which older files do not say outright.

use crate::model_file::Manifest;
use crate::recipe::{Recipe, Weights};
use crate::weights::{Origin, Published};

/// Published weights that a model, or one that it learned from, started from. Of older files the recipe
/// tells, unless it names a model; `None` where that is not known.
pub fn known_origins(manifest: &Manifest) -> Option<Vec<Origin>> {
    manifest.origins.clone().or_else(|| {
        let recipe = Recipe::parse_saved(&manifest.recipe, "recipe").ok()?;
        recipe.distill.teachers.is_empty().then(|| of_start(&recipe)).flatten()
    })
}

/// Published weights that a run by this recipe starts from; `None` where the recipe names a model or a file
/// that is not known.
pub(crate) fn of_start(recipe: &Recipe) -> Option<Vec<Origin>> {
    let published = match &recipe.model.weights {
        Weights::None => return Some(Vec::new()),
        Weights::Imagenet => Published::of_model(recipe.model.name.as_str())?,
        Weights::Path(path) => Published::of_file(path)?,
    };
    Some(vec![Origin::published(published)])
}
