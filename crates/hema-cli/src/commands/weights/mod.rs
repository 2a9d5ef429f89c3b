//! `hema weights`: pretrained backbones, one file per subcommand.

mod fetch;
mod import;
mod list;
mod terms;

use clap::Subcommand;
use hema::error::Result;

pub(crate) use self::terms::{other_normalisation, warn_of_weights};
use crate::output::Printer;
use crate::places::Places;
use crate::status::Status;

/// Fetch, take in and list pretrained weights
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Fetch(fetch::Args),
    Import(import::Args),
    List(list::Args),
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        match &self.command {
            Command::Import(args) => args.places(),
            Command::Fetch(_) | Command::List(_) => Places::default(),
        }
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    match &args.command {
        Command::Fetch(args) => fetch::run(args, printer),
        Command::Import(args) => import::run(args, printer),
        Command::List(args) => list::run(args, printer),
    }
}
