//! `hema export`: a model for other programs.

use std::path::PathBuf;

use clap::ValueEnum;
use hema::bundle::Bundle;
use hema::core::error::{Error, Result};
use hema::core::file;
use hema::core::preprocess::Crop;
use hema::export::{codabench, timm};

use crate::output::Printer;

/// Write a model for other programs
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
    /// For what
    #[arg(long, value_enum)]
    to: Target,
    /// Folder (timm) or zip file (codabench) to write
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
}

/// `--to`.
#[derive(Clone, Copy, ValueEnum)]
enum Target {
    /// A folder with model.safetensors and config.json, for timm and the Hugging Face hub
    Timm,
    /// A zip with a model.py that predicts by this program, for Codabench challenges
    Codabench,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<()> {
    match args.to {
        Target::Timm => to_timm(args, printer)?,
        Target::Codabench => {
            file::prepare(&args.out)?;
            let program = std::env::current_exe()
                .map_err(|e| Error::new(format!("the running program cannot be found: {e}")))?;
            codabench::write(&args.model, &program, &args.out)?;
        }
    }
    printer.note(&format!("exported: {}", args.out.display()));
    Ok(())
}

fn to_timm(args: &Args, printer: &Printer) -> Result<()> {
    let model = Bundle::read(&args.model)?;
    timm::write(&model, &args.out).map_err(|e| e.at(&args.model))?;
    let preprocess = &model.manifest.preprocess;
    if let Crop::Pixels(side) = preprocess.crop {
        printer.warn(&format!(
            "this model sees the centred {side} pixels of a picture, which timm's transforms cannot say: crop before them"
        ));
    }
    if let Some(side) = preprocess.enlarge {
        printer.warn(&format!(
            "this model sees images of {} pixels enlarged to {side}, and timm's transforms resize once: make larger images that small \
             before them",
            preprocess.size
        ));
    }
    printer
        .note(&format!("timm.create_model(\"local-dir:{}\", pretrained=True) loads it", args.out.display()));
    Ok(())
}
