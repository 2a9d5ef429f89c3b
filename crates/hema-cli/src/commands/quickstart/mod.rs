//! `hema quickstart`: what Hema is for, in two minutes and without any download.

mod cells;
mod drawn;

use std::path::PathBuf;

use hema::error::{ErrorKind, Result};

use super::args::output;
use crate::next::CommandLine;
use crate::output::Printer;
use crate::places::free;
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
    let out = args.out.clone().unwrap_or_else(free_folder);
    let (command, done) = if args.synthetic {
        ("quickstart --synthetic", drawn::run(RECIPE, &out, printer))
    } else {
        ("quickstart", cells::run(RECIPE, &out, printer))
    };
    match done {
        // its data are of this call alone: there is nothing that another one could go on with
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            printer.note("interrupted; a quickstart begins anew");
            printer.next(&CommandLine::new(command));
            Ok(Status::Interrupted)
        }
        done => done,
    }
}

/// `runs/quickstart` where that is free, else the first of `runs/quickstart-2`, `-3`, ... that is.
fn free_folder() -> PathBuf {
    free(|number| match number {
        1 => "runs/quickstart".into(),
        number => format!("runs/quickstart-{number}").into(),
    })
}
