//! The commands, one file each: `Args` and `run`. The arguments that several share are in `args`.

mod args;
mod audit;
mod augment;
mod calibrate;
mod card;
mod certify;
mod challenge;
mod data;
mod download;
mod ensemble;
mod evaluate;
mod export;
mod gate;
mod licences;
pub(crate) mod list;
mod predict;
mod quickstart;
mod recipe;
mod report;
mod soup;
mod split;
mod train;
mod tune;
mod weights;

use std::ffi::OsString;

use clap::{Parser, Subcommand};
use hema::error::{Error, Result};

pub(crate) use self::args::parted_override;
use crate::output::Printer;
use crate::places::Places;
use crate::status::Status;

/// Every command with its arguments.
#[derive(Subcommand)]
pub(crate) enum Command {
    Quickstart(quickstart::Args),
    Challenge(challenge::Args),
    Data(data::Args),
    Audit(audit::Args),
    Split(split::Args),
    Train(train::Args),
    Tune(tune::Args),
    Evaluate(evaluate::Args),
    Predict(predict::Args),
    Certify(certify::Args),
    Gate(gate::Args),
    Ensemble(ensemble::Args),
    Soup(soup::Args),
    Calibrate(calibrate::Args),
    Export(export::Args),
    Report(report::Args),
    Card(card::Args),
    Augment(augment::Args),
    Recipe(recipe::Args),
    Weights(weights::Args),
    List(list::Args),
    #[command(alias = "licenses")]
    Licences(licences::Args),
}

impl Command {
    /// Runs the command, unless it would write over what must stay.
    pub(crate) fn run(&self, printer: &Printer) -> Result<Status> {
        self.places().check(printer)?;
        match self {
            Self::Quickstart(args) => quickstart::run(args, printer),
            Self::Challenge(args) => challenge::run(args, &run_words, printer),
            Self::Data(args) => data::run(args, printer),
            Self::Audit(args) => audit::run(args, printer),
            Self::Split(args) => split::run(args, printer),
            Self::Train(args) => train::run(args, printer),
            Self::Tune(args) => tune::run(args, printer),
            Self::Evaluate(args) => evaluate::run(args, printer),
            Self::Predict(args) => predict::run(args, printer),
            Self::Certify(args) => certify::run(args, printer),
            Self::Gate(args) => gate::run(args, printer),
            Self::Ensemble(args) => ensemble::run(args, printer),
            Self::Soup(args) => soup::run(args, printer),
            Self::Calibrate(args) => calibrate::run(args, printer),
            Self::Export(args) => export::run(args, printer),
            Self::Report(args) => report::run(args, printer),
            Self::Card(args) => card::run(args, printer),
            Self::Augment(args) => augment::run(args, printer),
            Self::Recipe(args) => recipe::run(args, printer),
            Self::Weights(args) => weights::run(args, printer),
            Self::List(args) => list::run(args, printer),
            Self::Licences(args) => licences::run(args, printer),
        }
    }

    /// What the command reads and writes.
    fn places(&self) -> Places {
        match self {
            Self::Challenge(args) => args.places(),
            Self::Data(args) => args.places(),
            Self::Audit(args) => args.places(),
            Self::Split(args) => args.places(),
            Self::Train(args) => args.places(),
            Self::Tune(args) => args.places(),
            Self::Evaluate(args) => args.places(),
            Self::Predict(args) => args.places(),
            Self::Certify(args) => args.places(),
            Self::Gate(args) => args.places(),
            Self::Ensemble(args) => args.places(),
            Self::Soup(args) => args.places(),
            Self::Calibrate(args) => args.places(),
            Self::Export(args) => args.places(),
            Self::Report(args) => args.places(),
            Self::Card(args) => args.places(),
            Self::Augment(args) => args.places(),
            Self::Weights(args) => args.places(),
            Self::Quickstart(_) | Self::Recipe(_) | Self::List(_) | Self::Licences(_) => Places::default(),
        }
    }
}

/// Runs a command that is given by its words, as a step of another command.
fn run_words(words: Vec<OsString>, printer: &Printer) -> Result<Status> {
    #[derive(Parser)]
    #[command(no_binary_name = true)]
    struct Words {
        #[command(subcommand)]
        command: Command,
    }
    let words = Words::try_parse_from(words).map_err(|e| Error::new(e.to_string()))?;
    words.command.run(printer)
}
