//! `hema ensemble`: several models as one file, weighed on validation images.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use hema::error::{Error, Result};
use hema::metrics::NLL;
use hema::model_file::{self, Ensemble, Weighting};
use hema::predict::Predictor;
use hema::provenance::Provenance;
use hema::record::Scores;
use hema::{command_line, device, file, tta};
use serde::Serialize;

use super::args::{OnTraining, Unseen, check_unseen, output, tell_unfinished, warn_of_lost_views};
use crate::output::{Printer, percent, table};
use crate::places::{Kind, Places};
use crate::status::Status;

/// Make one model file of several models, or of views of each image
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Model files, run directories or folders of `hema train --seeds` or `--folds`, for the same classes
    #[arg(required = true)]
    models: Vec<PathBuf>,
    #[command(flatten)]
    images: Unseen,
    /// Model file to write
    #[arg(long, value_parser = output(), value_name = "FILE")]
    out: PathBuf,
    /// How the models, and their views, are weighted
    #[arg(long, value_enum, default_value = "equal")]
    weights: Weights,
    /// Views of each image to average over (see `hema list tta`)
    #[arg(long, value_name = "VIEWS", default_value = "none")]
    tta: String,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        self.images.places().reads(&self.models).writes(Kind::Model, Some(&self.out))
    }
}

/// `--weights`.
#[derive(Clone, Copy, ValueEnum)]
enum Weights {
    /// All alike
    Equal,
    /// So that the labels of the validation images become most likely
    Fit,
}

impl Weights {
    /// What is done where a member was trained on the images.
    fn on_training(self) -> OnTraining {
        match self {
            Self::Equal => OnTraining::Warn,
            Self::Fit => OnTraining::Refuse,
        }
    }
}

impl From<Weights> for Weighting {
    fn from(weights: Weights) -> Self {
        match weights {
            Weights::Equal => Self::Equal,
            Weights::Fit => Self::Fit,
        }
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    let tta = tta::find(&args.tta)?;
    printer.leave_stdout_to(&args.out);
    file::prepare(&args.out)?;
    let device = args.images.device.open(printer)?;
    let models = model_file::expand(&args.models)?;
    tell_unfinished(&models, printer);
    let mut ensemble = Ensemble::of_files(&models)?;
    if tta.name == tta::NONE.name {
        warn_of_lost_views(ensemble.members.iter().map(|member| &member.model.manifest), printer);
    }
    let predictor = Predictor::of_ensemble(&ensemble, &device)?.with_tta(tta);
    let (images, labels, part) = args.images.load(&predictor, &models[0], printer)?;
    for (number, member) in ensemble.members.iter().enumerate() {
        let (seen, on_training) = (&member.model.manifest.seen, args.weights.on_training());
        check_unseen(&member.path, seen, images.of_member(number), on_training, printer)?;
    }
    let data = images.first();

    let progress = printer.progress("predicting", (data.len() * models.len()) as u64);
    let components = predictor.components(&images, &mut |done| progress.set(done as u64, "images"));
    progress.clear();
    let fitted = ensemble.fit(tta, args.weights.into(), &data.hash()?, &labels, &components?)?;
    let provenance = Provenance::now(command_line(), device::name(&device));
    ensemble.write(&args.out, &fitted.ensemble, provenance)?;

    printer.note(&format!("weighed on {} images of {} ({part})", data.len(), args.images.data.display()));
    printer.note("the scores are on these very images, so they flatter the ensemble: judge it on others");
    let row = |path: &Path, weight: f64, scores: &Scores| Row {
        model: path.display().to_string(),
        weight,
        accuracy: scores.accuracy(),
        nll: scores.number(&NLL),
    };
    let members = ensemble.members.iter().zip(&fitted.members);
    let members = members.map(|(member, scores)| row(&member.path, member.weights.iter().sum(), scores));
    let together = row(&args.out, 1.0, &fitted.ensemble);
    print(&members.chain([together]).collect::<Vec<_>>(), printer)?;
    Ok(Status::Done)
}

/// The scores of a member, or of the ensemble.
#[derive(Serialize)]
struct Row {
    model: String,
    weight: f64,
    accuracy: f64,
    nll: f64,
}

fn print(rows: &[Row], printer: &Printer) -> Result<()> {
    if printer.is_json() {
        let json = serde_json::to_string_pretty(rows).map_err(|e| Error::new(e.to_string()))?;
        printer.result(&json);
        return Ok(());
    }
    let header = ["model", "weight", "accuracy", "NLL"].map(String::from).to_vec();
    let row = |row: &Row| {
        let [weight, nll] = [format!("{:.3}", row.weight), format!("{:.4}", row.nll)];
        vec![row.model.clone(), weight, percent(row.accuracy), nll]
    };
    printer.result(&table(&std::iter::once(header).chain(rows.iter().map(row)).collect::<Vec<_>>()));
    Ok(())
}
