//! `hema data`: data sets before anything is trained on them, one file per subcommand.

mod augment;
mod balance;
mod convert;
mod fetch;
mod info;
mod sample;
mod writing;

use clap::Subcommand;
use hema::error::Result;

use crate::output::Printer;
use crate::places::Places;
use crate::status::Status;

/// Fetch or unpack data sets, look at them, balance them and change their form
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Fetch(fetch::Args),
    Augment(augment::Args),
    Balance(balance::Args),
    Convert(convert::Args),
    Info(info::Args),
    Sample(sample::Args),
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        match &self.command {
            // they write where nothing is
            Command::Fetch(_) | Command::Sample(_) => Places::default(),
            Command::Augment(args) => args.places(),
            Command::Balance(args) => args.places(),
            Command::Convert(args) => args.places(),
            Command::Info(args) => args.places(),
        }
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    match &args.command {
        Command::Fetch(args) => fetch::run(args, printer),
        Command::Augment(args) => augment::run(args, printer),
        Command::Balance(args) => balance::run(args, printer),
        Command::Convert(args) => convert::run(args, printer),
        Command::Info(args) => info::run(args, printer),
        Command::Sample(args) => sample::run(args, printer),
    }
}
