//! What a recipe leaves to the model that its weights are of: the network, and how images are read for it.
//!
//! Left out on purpose: what a recipe says itself, which holds, and everything about training.

use std::path::Path;

use hema_core::error::{Error, Result};
use toml::{Table, Value};

use super::key::value_of;
use super::read::Field;
use crate::model_file::{self, Manifest};

/// Adds to a recipe what it leaves out of the network and of how images are read, where its weights, or those
/// of an override, are those of a model that says it. A recipe for another network is left as it is.
///
/// # Errors
/// A recipe without a network whose weights belong to no model that can be read.
pub(super) fn fill(recipe: &mut Table, overrides: &[impl AsRef<str>]) -> Result<()> {
    // a network that an override names is the recipe's before its weights are looked at
    if let Some(name) = said(recipe, overrides, "model", "name") {
        set_missing(recipe, "model", "name", name.into());
    }
    let said = |section: &str, key: &str| said(recipe, overrides, section, key);
    let Some(weights) =
        said("model", "weights").filter(|weights| !["none", "imagenet"].contains(&&**weights))
    else {
        return Ok(());
    };
    let name = said("model", "name");
    let manifest = match manifest(Path::new(&weights)) {
        Ok(Some(manifest)) => manifest,
        // plain weights say nothing; what is wrong with others is said where they are loaded
        Ok(None) => return Ok(()),
        Err(_) if name.is_some() => return Ok(()),
        Err(error) => return Err(of_no_network(&error)),
    };
    if name.is_some_and(|name| name != manifest.model.name) {
        return Ok(());
    }
    // maps are enlarged from the model's own size, and from no other
    let is_resized = said("data", "size").is_some();
    for (section, key, value) in of_model(&manifest) {
        let Some(value) = value.filter(|_| !(is_resized && key == "enlarge")) else { continue };
        set_missing(recipe, section, key, value);
    }
    Ok(())
}

/// Gives a key a value where the recipe has none.
fn set_missing(recipe: &mut Table, section: &str, key: &str, value: Value) {
    let table = recipe.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(table) = table {
        table.entry(key).or_insert(value);
    }
}

/// What the last override says of a key, or the recipe itself.
fn said(recipe: &Table, overrides: &[impl AsRef<str>], section: &str, key: &str) -> Option<String> {
    let path = format!("{section}.{key}");
    let given = overrides.iter().filter_map(|text| text.as_ref().split_once('='));
    let given =
        given.filter(|(given, _)| given.trim() == path).last().map(|(_, value)| value_of(value.trim()));
    match given.as_ref().or_else(|| recipe.get(section)?.get(key))? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn of_no_network(error: &Error) -> Error {
    let hint = error.hint_text().unwrap_or("give a model of hema, or name the network by `model.name`");
    Error::new(format!("model.weights: {error}")).hint(hint.to_owned()).with_kind(error.kind())
}

fn manifest(weights: &Path) -> Result<Option<Manifest>> {
    let place = model_file::find(weights)?;
    model_file::manifest(&place.header()?, place.path())
}

/// What a model says: sections, keys and values.
fn of_model(manifest: &Manifest) -> [(&'static str, &'static str, Option<Value>); 13] {
    let (model, preprocess) = (&manifest.model, &manifest.preprocess);
    [
        ("model", "name", Some(model.name.as_str().into())),
        ("model", "stages", model.stages.write()),
        ("model", "head", model.head.write()),
        ("model", "activation", model.activation.write()),
        ("model", "head_batch_norm", model.head_batch_norm.write()),
        ("data", "size", preprocess.size.write()),
        ("data", "enlarge", preprocess.enlarge.write()),
        ("data", "crop", preprocess.crop.write()),
        ("data", "filter", preprocess.filter.write()),
        ("data", "mean", preprocess.mean.write()),
        ("data", "std", preprocess.std.write()),
        ("data", "background", preprocess.background.write()),
        ("data", "white", preprocess.white.write()),
    ]
}
