//! `hema weights import`: weights from elsewhere under the names that Hema reads.

use std::path::{Path, PathBuf};

use hema::error::{Error, Result};
use hema::weights::{self, Imported};

use crate::commands::args::output;
use crate::output::Printer;
use crate::places::{Kind, Places};
use crate::status::Status;

/// Take in weights from a safetensors file with timm's, torchvision's or Keras' names
///
/// The file that is written is what `model.weights` takes as a path; in `weights/`, or a folder that
/// `HEMA_WEIGHTS` names, `model.weights = "imagenet"` finds it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// safetensors file
    file: PathBuf,
    /// Architecture that it is of, one of `hema list models`
    #[arg(long, value_name = "NAME")]
    model: String,
    /// File to write [default: weights/NAME.imported.safetensors]
    #[arg(long, value_parser = output(), value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        Places::default().reads([&self.file]).writes(Kind::Weights, Some(self.out()))
    }

    /// The file to write.
    fn out(&self) -> PathBuf {
        let default = || Path::new("weights").join(format!("{}.imported.safetensors", self.model));
        self.out.clone().unwrap_or_else(default)
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let (model, out) = (&args.model, args.out());
    printer.leave_stdout_to(&out);
    let tensors = weights::read(&args.file)?.tensors;
    let Imported { naming, tensors, notes } =
        weights::import(tensors, model).map_err(|e| e.at(&args.file))?;
    let metadata = [("model", model.as_str()), ("imported_from", naming)];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    weights::write(&out, &tensors, &metadata.into())?;

    printer.note(&format!("{} tensors with {naming}'s names", tensors.len()));
    for note in &notes {
        printer.note(&format!("note: {note}"));
    }
    if printer.is_json() {
        let json = serde_json::json!({
            "model": model, "path": out, "naming": naming, "tensors": tensors.len(), "notes": notes,
        });
        printer.result(&serde_json::to_string_pretty(&json).map_err(|e| Error::new(e.to_string()))?);
    } else {
        printer.result(&out.display().to_string());
    }
    Ok(Status::Done)
}
