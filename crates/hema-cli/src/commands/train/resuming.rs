//! How a command that trains goes on after an interruption.

use std::path::Path;

use hema::error::{Error, Result};
use hema::recipe::Recipe;
use hema::train::RECIPE;

use crate::output::Printer;

/// Says with which command an interrupted one goes on.
pub(crate) fn advise_resuming(command: &str, out: &Path, printer: &Printer) {
    printer.note(&format!("continue with: hema {command} --resume --out {}", out.display()));
}

/// Refuses to go on with several runs by another recipe than theirs.
pub(crate) fn check_same_recipe(recipe: &Recipe, out: &Path) -> Result<()> {
    let path = out.join(RECIPE);
    let own = Recipe::load_saved(&path, &[] as &[&str])?;
    if own == *recipe {
        return Ok(());
    }
    Err(Error::new("the runs here were made with another recipe")
        .at(path)
        .hint("resume without --recipe and --set: they keep their own"))
}
