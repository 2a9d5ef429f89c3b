//! The `hema` command: arguments in, an exit status out.
//!
//! One file per command in `commands`, everything a person reads through `output`. Exit status: 0 done; 1 the data or
//! model was found wanting; 2 an error; 130
//! interrupted by Ctrl-C, with everything saved.

mod commands;
mod output;
mod run_info;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hema::core::error::Result;

use crate::commands::Status;
use crate::output::Printer;

#[global_allocator]
static ALLOCATOR: hema::CacheLines = hema::CacheLines;

/// Train, judge and deploy blood-cell image classifiers that keep working when the images get worse.
#[derive(Parser)]
#[command(name = "hema", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Quickstart(commands::quickstart::Args),
    Challenge(commands::challenge::Args),
    Data(commands::data::Args),
    Audit(commands::audit::Args),
    Split(commands::split::Args),
    Train(commands::train::Args),
    Tune(commands::tune::Args),
    Evaluate(commands::evaluate::Args),
    Predict(commands::predict::Args),
    Ensemble(commands::ensemble::Args),
    Soup(commands::soup::Args),
    Export(commands::export::Args),
    Report(commands::report::Args),
    Augment(commands::augment::Args),
    Weights(commands::weights::Args),
    List(commands::list::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = Printer::new(cli.json);
    let result = dispatch(cli.command, &printer);
    match result.and_then(|status| printer.finish().map(|()| status)) {
        Ok(Status::Done) => ExitCode::SUCCESS,
        Ok(Status::FoundWanting) => ExitCode::from(1),
        // as a shell reports SIGINT: `hema train ... && hema evaluate ...` must not go on with half a model
        Ok(Status::Interrupted) => ExitCode::from(130),
        Err(error) => {
            printer.error(&error);
            ExitCode::from(2)
        }
    }
}

/// Runs a command.
fn dispatch(command: Command, printer: &Printer) -> Result<Status> {
    match command {
        Command::Quickstart(args) => commands::quickstart::run(&args, printer),
        Command::Challenge(args) => commands::challenge::run(&args, printer),
        Command::Data(args) => commands::data::run(&args, printer),
        Command::Audit(args) => commands::audit::run(&args, printer),
        Command::Split(args) => commands::split::run(&args, printer),
        Command::Train(args) => commands::train::run(&args, printer),
        Command::Tune(args) => commands::tune::run(&args, printer),
        Command::Evaluate(args) => commands::evaluate::run(&args, printer).map(|()| Status::Done),
        Command::Predict(args) => commands::predict::run(&args, printer).map(|()| Status::Done),
        Command::Ensemble(args) => commands::ensemble::run(&args, printer).map(|()| Status::Done),
        Command::Soup(args) => commands::soup::run(&args, printer).map(|()| Status::Done),
        Command::Export(args) => commands::export::run(&args, printer).map(|()| Status::Done),
        Command::Report(args) => commands::report::run(&args, printer).map(|()| Status::Done),
        Command::Augment(args) => commands::augment::run(&args, printer).map(|()| Status::Done),
        Command::Weights(args) => commands::weights::run(&args, printer).map(|()| Status::Done),
        Command::List(args) => commands::list::run(&args, printer).map(|()| Status::Done),
    }
}
