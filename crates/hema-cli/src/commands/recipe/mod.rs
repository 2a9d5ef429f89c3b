//! `hema recipe`: recipes to read, and the keys that one can have.

mod keys;
mod show;

use clap::Subcommand;
use hema::error::Result;

use crate::output::Printer;
use crate::status::Status;

/// Show recipes, and the keys that they can have
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Show(show::Args),
    Keys(keys::Args),
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    match &args.command {
        Command::Show(args) => show::run(args, printer),
        Command::Keys(args) => keys::run(args, printer),
    }
}
