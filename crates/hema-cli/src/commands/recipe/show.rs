//! `hema recipe show`: a recipe as TOML.

use std::path::Path;

use hema::error::{Error, Result};
use hema::model_file::Bundle;
use hema::recipe::{Recipe, Shipped};
use hema::train;

use crate::commands::args::Overrides;
use crate::output::Printer;
use crate::status::Status;

/// Show a recipe as TOML: a shipped one with its comments, to begin one of your own with, or the recipe of a
/// file, a run or a model with every key written out
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A shipped recipe (see `hema list recipes`), a TOML file, a run directory or a model file
    #[arg(value_name = "NAME|FILE|RUN")]
    recipe: String,
    /// Write out every key of a shipped recipe too, defaults included; --set does so as well
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    overrides: Overrides,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let overrides = &args.overrides.list;
    let recipe = read(&args.recipe, overrides)?;
    let full = recipe.to_toml()?;
    let text = match Shipped::find(&args.recipe) {
        Some(shipped) if !args.full && overrides.is_empty() => shipped.text,
        _ => &full,
    };
    if printer.is_json() {
        let json = serde_json::json!({"name": recipe.name, "text": text, "recipe": recipe.to_json()});
        printer.result(&serde_json::to_string_pretty(&json).map_err(|e| Error::new(e.to_string()))?);
    } else {
        printer.result(text.trim_end());
    }
    Ok(Status::Done)
}

/// The recipe that is meant: a shipped one, that of a run or of a model, or a file.
fn read(name: &str, overrides: &[String]) -> Result<Recipe> {
    let path = Path::new(name);
    if Shipped::find(name).is_some() {
        return Recipe::load(name, overrides);
    }
    if path.is_dir() {
        let file = path.join(train::RECIPE);
        if !file.is_file() {
            let expected = format!("a folder without a {}, expected a run directory", train::RECIPE);
            return Err(Error::new(expected).at(path));
        }
        return Recipe::load_saved(&file, overrides);
    }
    if path.extension().is_some_and(|end| end == "safetensors") {
        let text = Bundle::read(path)?.manifest.recipe;
        if text.is_empty() {
            return Err(Error::new("carries no recipe, as models that were not trained here").at(path));
        }
        return Recipe::parse_saved(&text, path)?.with(overrides);
    }
    Recipe::load(name, overrides)
}
