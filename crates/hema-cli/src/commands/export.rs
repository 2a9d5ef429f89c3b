//! `hema export`: a model for other programs.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser};
use hema::error::{Error, Result};
use hema::export::{self, EXPORTS, Output, Written};

use super::args::{output, tell_unfinished};
use crate::output::Printer;
use crate::places::{Kind, Places};
use crate::status::Status;

/// Write a model for other programs
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
    /// For what
    #[arg(long, value_parser = names())]
    to: String,
    /// File (onnx), folder (timm), zip file (codabench) or model file (half) to write
    #[arg(long, value_parser = output(), value_name = "PATH")]
    out: PathBuf,
    /// Where pictures are cropped, resized and normalised, for onnx [default: inside]
    #[arg(long, value_enum)]
    preprocess: Option<Preprocessing>,
}

/// `--preprocess`.
#[derive(Clone, Copy, ValueEnum)]
enum Preprocessing {
    /// In the file, which takes bytes `[n, height, width, 3]` of any size
    Inside,
    /// Before it: the file takes normalised numbers `[n, 3, size, size]`
    None,
}

impl From<Preprocessing> for export::Preprocessing {
    fn from(choice: Preprocessing) -> Self {
        match choice {
            Preprocessing::Inside => Self::Inside,
            Preprocessing::None => Self::None,
        }
    }
}

/// The names of all exports.
fn names() -> PossibleValuesParser {
    EXPORTS.iter().map(|export| PossibleValue::new(export.name).help(export.about)).collect::<Vec<_>>().into()
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        let places = Places::default().reads([&self.model]);
        match export::find(&self.to).map(|export| export.output) {
            Ok(Output::Folder(names)) => {
                let files: Vec<_> = names.iter().map(|name| (*name, Kind::Any)).collect();
                places.writes_into(Some(&self.out), &files)
            }
            Ok(Output::Model) => places.writes(Kind::Model, Some(&self.out)),
            Ok(Output::Onnx) => places.writes(Kind::Onnx, Some(&self.out)),
            _ => places.writes(Kind::Submission, Some(&self.out)),
        }
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    printer.leave_stdout_to(&args.out);
    let export = export::find(&args.to)?;
    if args.preprocess.is_some() && !export.preprocesses {
        return Err(
            Error::new(format!("--preprocess has no meaning for {}", export.name)).hint("leave it out")
        );
    }
    let preprocessing = args.preprocess.map(Into::into).unwrap_or_default();
    let Written { warnings, notes, usage, .. } = (export.write)(&args.model, &args.out, preprocessing)?;
    tell_unfinished(std::slice::from_ref(&args.model), printer);
    for warning in &warnings {
        printer.warn(warning);
    }
    for note in notes.iter().chain(&usage) {
        printer.note(note);
    }
    printer.note(&format!("exported: {}", args.out.display()));
    Ok(Status::Done)
}
