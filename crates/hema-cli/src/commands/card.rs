//! `hema card`: what a model is, how good it is and what nobody knows of it, for whoever gets it.

use std::path::PathBuf;

use hema::error::{Error, Result};
use hema::provenance::Provenance;
use hema::{ModelCard, command_line, device, file};

use super::args::{output, tell_unfinished};
use crate::output::Printer;
use crate::places::{Kind, Places};
use crate::status::Status;

/// Write the model card of a model: what it is, how good it is, what it has seen, and what is not known of it
///
/// Every fact is from the model's file, its run's folder and evaluations. The Markdown begins with the YAML
/// that the Hugging Face hub reads; --json has the same facts.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Model file, run directory, or folder of `hema train --seeds` or `--folds`
    model: PathBuf,
    /// Evaluation of the model, a folder that `hema evaluate --out` wrote or its evaluation.json, as often as
    /// wanted; that of the run itself is taken anyway
    #[arg(long, value_name = "EVAL")]
    evaluation: Vec<PathBuf>,
    /// Licence that the model is published under, by its name on the Hugging Face hub, as `apache-2.0`
    #[arg(long, value_name = "NAME")]
    licence: Option<String>,
    /// Markdown file to write [default: the standard output]
    #[arg(long, value_parser = output(), value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        Places::default().reads([&self.model]).reads(&self.evaluation).writes(Kind::Card, self.out.as_ref())
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    if let Some(out) = &args.out {
        printer.leave_stdout_to(out);
    }
    let made_by = Provenance::now(command_line(), device::name(&device::open("cpu")?));
    let mut card = ModelCard::read(&args.model, &args.evaluation, made_by)?;
    if let Some(licence) = &args.licence {
        card = card.under(Some(licence.clone()));
    }
    tell_unfinished(std::slice::from_ref(&args.model), printer);
    let markdown = card.to_markdown();
    if let Some(out) = &args.out {
        file::write_atomic(out, |w| w.write_all(markdown.as_bytes()))?;
        printer.note(&format!("card: {}", out.display()));
    }
    if printer.is_json() {
        printer.result(&serde_json::to_string_pretty(&card).map_err(|e| Error::new(e.to_string()))?);
    } else if args.out.is_none() {
        printer.result(markdown.trim_end());
    }
    Ok(Status::Done)
}
