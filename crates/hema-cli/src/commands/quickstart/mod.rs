//! `hema quickstart`: what Hema is for, in two minutes and without any download.

mod cells;
mod drawn;

use std::path::{Path, PathBuf};

use hema::error::Result;

use super::args::output;
use crate::output::Printer;
use crate::status::Status;

/// The recipe of the small network.
const RECIPE: &str = "quickstart";

/// Name real cells with the model in the box, unchanged and degraded, beside a small network that learns
/// them: two minutes, no download
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder to write [default: runs/quickstart, or the next free name]
    #[arg(long, value_parser = output(), value_name = "DIR")]
    out: Option<PathBuf>,
    /// Train, judge and report on cells that a program draws, in place of real ones
    #[arg(long)]
    synthetic: bool,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let out = args.out.clone().unwrap_or_else(|| free_name(Path::new("runs/quickstart")));
    if args.synthetic { drawn::run(RECIPE, &out, printer) } else { cells::run(RECIPE, &out, printer) }
}

/// The folder itself where it is free, else the first of `-2`, `-3`, ... that is.
fn free_name(folder: &Path) -> PathBuf {
    let mut free = folder.to_path_buf();
    let mut number = 1;
    while free.exists() {
        number += 1;
        free = PathBuf::from(format!("{}-{number}", folder.display()));
    }
    free
}
