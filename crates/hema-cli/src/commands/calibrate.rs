//! `hema calibrate`: what a model knows of how far its answers can be trusted, fitted anew.

use std::path::PathBuf;

use hema::error::Result;
use hema::trust::{SEVERAL, Trust, USUAL_SHARE};
use hema::{Classifier, trusting};

use super::args::{DeviceArg, output};
use crate::output::{Bars, Printer, percent, table};
use crate::places::{Kind, Places};
use crate::status::Status;

/// Fit what a model knows of how far to trust its answers: temperature, thresholds of doubt, certifying cells
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Model file or run directory; of several models together nothing is fitted
    model: PathBuf,
    /// Labelled images with the parts `train` and `val`: those that the model was trained on and chosen by
    #[arg(long)]
    data: PathBuf,
    /// CSV with the columns path and split; by default the run's own if it fits, else the data's own
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// Model file to write: the same weights
    #[arg(long, value_parser = output(), value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    device: DeviceArg,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        Places::default()
            .reads([&self.model])
            .data([&self.data])
            .reads(&self.split)
            .writes(Kind::Model, Some(&self.out))
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    printer.leave_stdout_to(&args.out);
    let device = args.device.open(printer)?;
    let model = Classifier::options().device(&device).open(&args.model)?;
    let trust =
        trusting::calibrate(&model, &args.data, args.split.as_deref(), &args.out, &mut Bars::new(printer))?;
    printer.note(&format!(
        "thresholds by {} validation images; by {} others, none of which anything was fitted on, with at most {} of \
         unchanged images referred to a person:",
        trust.fitted_by(),
        trust.certifying.clean().count(),
        percent(USUAL_SHARE)
    ));
    if printer.is_json() {
        printer.result(&serde_json::json!({"model": args.out, "certified": rows(&trust)}).to_string());
    } else {
        printer.result(&table(&rows(&trust)));
    }
    printer.note(&format!("model: {}", args.out.display()));
    Ok(Status::Done)
}

/// What is referred at each severity, and how many of the rest are wrong.
fn rows(trust: &Trust) -> Vec<Vec<String>> {
    let header = ["images", "number", "wrong", "referred", "unsure", "unlike", "poor", "wrong of the rest"];
    let thresholds = trust.thresholds(USUAL_SHARE);
    let row = |severity: u8| {
        let outcome = trust.outcome(&thresholds, severity);
        let [referred, unsure, unlike, poor, wrong, left] = outcome.shares().map(percent);
        let name = match severity {
            0 => "unchanged".to_owned(),
            SEVERAL => "several at once".to_owned(),
            severity => format!("severity {severity}"),
        };
        vec![name, outcome.images.to_string(), wrong, referred, unsure, unlike, poor, left]
    };
    std::iter::once(header.map(String::from).to_vec()).chain((0..=SEVERAL).map(row)).collect()
}
