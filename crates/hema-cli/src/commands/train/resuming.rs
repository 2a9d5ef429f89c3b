//! How a command that trains goes on after an interruption.

use std::path::Path;

use hema::error::{Error, ErrorKind, Result};
use hema::recipe::Recipe;
use hema::train::{Holding, RECIPE};

use crate::next::{self, CommandLine, USUAL_DEVICE};
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

/// Refuses to begin several runs in a folder that holds a run, or several.
pub(crate) fn check_holds_no_runs(out: &Path) -> Result<()> {
    let Some(holding) = Holding::of(out) else { return Ok(()) };
    let go_on = |command| next::resume(command, out, USUAL_DEVICE);
    let (found, road) = match holding {
        Holding::Run => {
            ("already holds a run", format!("; `{}` goes on with that one alone", go_on("train")))
        }
        Holding::Series => (
            "already holds runs",
            format!(", or go on with `{}`, for more seeds with --seeds N", go_on("train")),
        ),
        Holding::Search => (
            "already holds runs",
            format!(", or go on with `{}`, for more trials with --trials N", go_on("tune")),
        ),
    };
    Err(Error::new(found)
        .at(out)
        .hint(format!("choose another --out{road}"))
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
