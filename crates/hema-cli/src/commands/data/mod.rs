//! `hema data`: data sets before anything is trained on them, one file per subcommand.

mod balance;
mod convert;
mod fetch;
mod info;

use clap::Subcommand;
use hema::core::error::Result;

use super::Status;
use crate::output::Printer;

/// Fetch data sets, look at them, balance them and change their form
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Fetch(fetch::Args),
    Balance(balance::Args),
    Convert(convert::Args),
    Info(info::Args),
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    match &args.command {
        Command::Fetch(args) => fetch::run(args, printer).map(|()| Status::Done),
        Command::Balance(args) => balance::run(args, printer),
        Command::Convert(args) => convert::run(args, printer),
        Command::Info(args) => info::run(args, printer).map(|()| Status::Done),
    }
}
