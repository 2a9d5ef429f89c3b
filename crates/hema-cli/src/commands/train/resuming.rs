//! How a command that trains goes on after an interruption.

use std::path::Path;

use hema::error::{Error, ErrorKind, Result};
use hema::recipe::Recipe;
use hema::train::{CHECKPOINT, RECIPE};

use crate::next::CommandLine;
use crate::output::Printer;
use crate::status::Status;

/// Ends a command whose training has ended in an error. Where Ctrl-C has stopped it, says the command by
/// which to go on.
///
/// # Errors
/// Every other error.
pub(crate) fn stopped(error: Error, go_on: &CommandLine, printer: &Printer) -> Result<Status> {
    if error.kind() != ErrorKind::Interrupted {
        return Err(error);
    }
    printer.note(error.message());
    printer.note(&format!("continue with: {go_on}"));
    Ok(Status::Interrupted)
}

/// Refuses to begin several runs in a folder that holds runs: a single one, or several, which the file
/// `marker` tells.
pub(crate) fn check_holds_no_runs(out: &Path, marker: &str) -> Result<()> {
    if ![marker, CHECKPOINT].iter().any(|name| out.join(name).exists()) {
        return Ok(());
    }
    Err(Error::new("already holds runs")
        .at(out)
        .hint("choose another --out, or continue it with --resume")
        .with_kind(ErrorKind::AlreadyExists))
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
