//! `hema data`: data sets as they are, one file per subcommand.

mod convert;
mod info;

use clap::Subcommand;
use hema::core::error::Result;

use super::Status;
use crate::output::Printer;

/// Look at data sets and change their form
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Convert(convert::Args),
    Info(info::Args),
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    match &args.command {
        Command::Convert(args) => convert::run(args, printer),
        Command::Info(args) => info::run(args, printer).map(|()| Status::Done),
    }
}
