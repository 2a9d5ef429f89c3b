//! `hema soup`: one network of the mean weights of several.

use std::path::{Path, PathBuf};

use hema::error::{Error, Result};
use hema::likeness::Likeness;
use hema::metrics::{self, Predictions};
use hema::model_file::{self, Bundle, Ensemble, FittedOn, Manifest};
use hema::origins::known_origins;
use hema::predict::{Images, Predictor};
use hema::provenance::Provenance;
use hema::seen::Seen;
use hema::weights::{StateDict, origins_together};
use hema::{Device, calibrate, command_line, device, file, soup};
use serde::Serialize;

use super::args::{OnTraining, Unseen, check_unseen, output, tell_unfinished};
use crate::output::{Printer, percent, table};
use crate::places::{Kind, Places};
use crate::status::Status;

/// Average the weights of several runs of one recipe into one model
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Model files or run directories, trained by one recipe from the same pretrained weights
    #[arg(required = true)]
    models: Vec<PathBuf>,
    #[command(flatten)]
    images: Unseen,
    /// Model file to write
    #[arg(long, value_parser = output(), value_name = "FILE")]
    out: PathBuf,
    /// Average all models; otherwise one after the other, from good to bad, is kept if the accuracy does not
    /// drop
    #[arg(long)]
    uniform: bool,
}

impl Args {
    /// What it reads and writes.
    pub(crate) fn places(&self) -> Places {
        self.images.places().reads(&self.models).writes(Kind::Model, Some(&self.out))
    }
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    printer.leave_stdout_to(&args.out);
    file::prepare(&args.out)?;
    let device = args.images.device.open(printer)?;
    let paths = model_file::expand(&args.models)?;
    let models: Vec<Bundle> = paths.iter().map(|path| Bundle::read(path)).collect::<Result<_>>()?;
    soup::check(&models).map_err(|(number, error)| error.at(&paths[number]))?;
    tell_unfinished(&paths, printer);
    for (number, doubt) in soup::doubts(&models) {
        printer.warn(&format!("{} {doubt}", paths[number].display()));
    }

    let first = Predictor::of_ensemble(&Ensemble::of_one(&paths[0], models[0].clone())?, &device)?;
    let (images, labels, part) = args.images.load(&first, &paths[0], printer)?;
    for (path, model) in paths.iter().zip(&models) {
        check_unseen(path, &model.manifest.seen, images.first(), OnTraining::Warn, printer)?;
    }
    let jury = Jury { first: &paths[0], manifest: &models[0].manifest, labels, images, device };

    let mut passes = 0;
    // every model alone, all further but one with those kept so far, and the result
    let most = if args.uniform { models.len() + 1 } else { 2 * models.len() };
    let progress = printer.progress("judging", most as u64);
    let mut accuracy = |tensors: &StateDict| {
        passes += 1;
        progress.set(passes, "soups");
        Ok(metrics::score(&jury.predictions(tensors)?)?.accuracy())
    };
    let mut alone = Vec::new();
    let soup = if args.uniform {
        for model in &models {
            alone.push(accuracy(&model.tensors)?);
        }
        soup::uniform(&models)
    } else {
        soup::greedy(&models, |tensors| {
            let accuracy = accuracy(tensors)?;
            if alone.len() < models.len() {
                alone.push(accuracy);
            }
            Ok(accuracy)
        })?
    };
    let predictions = jury.predictions(&soup.tensors)?;
    let scores = metrics::score(&predictions)?;
    progress.clear();

    let chosen: Vec<&Manifest> = soup.members.iter().map(|member| &models[*member].manifest).collect();
    let mut augmentations: Vec<String> = chosen.iter().flat_map(|m| m.augmentations.clone()).collect();
    augmentations.sort();
    augmentations.dedup();
    let mut manifest = chosen[0].clone();
    if let Some(other) = chosen.iter().find(|model| model.tta != manifest.tta) {
        let (own, other) = (&manifest.tta, &other.tta);
        printer.warn(&format!("the soup has the views `{own}` of its first model; another has `{other}`"));
    }
    manifest.format = model_file::FORMAT;
    manifest.temperature = calibrate::temperature(&predictions);
    manifest.augmentations = augmentations;
    manifest.synthetic = chosen.iter().any(|m| m.synthetic);
    let fitted: &[&str] = if args.uniform { &["temperature"] } else { &["members", "temperature"] };
    manifest.fitted_on = Some(FittedOn::new(jury.images.first().hash()?, fitted));
    // nothing is trained here
    let judged_on = Seen::new(&jury.images.first().subset(&[]), jury.images.first())?;
    manifest.seen = chosen.iter().fold(judged_on, |seen, model| seen.and(&model.seen));
    manifest.likeness = chosen.iter().fold(Likeness::default(), |all, model| all.and(&model.likeness));
    manifest.origins = origins_together(chosen.iter().map(|model| known_origins(model)));
    manifest.trained = None;
    manifest.metrics = metrics::by_name(&scores, "");
    manifest.provenance = Provenance::now(command_line(), device::name(&jury.device));
    Bundle { manifest, tensors: soup.tensors }.write(&args.out)?;

    printer.note(&format!(
        "judged on {} images of {} ({part})",
        jury.labels.len(),
        args.images.data.display()
    ));
    printer.note("the scores are on these very images, so they flatter the soup: judge it on others");
    let row = |(number, (path, accuracy)): (usize, (&PathBuf, f64))| Row {
        model: path.display().to_string(),
        accuracy,
        kept: soup.members.contains(&number),
    };
    let members: Vec<Row> = paths.iter().zip(alone).enumerate().map(row).collect();
    if let Some(warning) = doubt(&members, scores.accuracy()) {
        printer.warn(&warning);
    }
    print(&members, &args.out, scores.accuracy(), printer)?;
    Ok(Status::Done)
}

/// The accuracy of a model alone.
#[derive(Serialize)]
struct Row {
    model: String,
    accuracy: f64,
    /// It is in the soup.
    kept: bool,
}

/// What speaks against the soup, by the accuracy of its members alone.
fn doubt(members: &[Row], accuracy: f64) -> Option<String> {
    let mut kept = members.iter().filter(|row| row.kept);
    if let (Some(only), None) = (kept.next(), kept.next()) {
        return Some(format!(
            "the soup is {} alone: with any other model its accuracy would fall",
            only.model
        ));
    }
    let best = members.iter().max_by(|a, b| a.accuracy.total_cmp(&b.accuracy))?;
    (accuracy < best.accuracy).then(|| {
        format!(
            "the soup is worse than {} alone, {} to {}: use that one, or make an ensemble of the models",
            best.model,
            percent(accuracy),
            percent(best.accuracy)
        )
    })
}

fn print(members: &[Row], out: &Path, accuracy: f64, printer: &Printer) -> Result<()> {
    if printer.is_json() {
        let whole = serde_json::json!({"model": out, "accuracy": accuracy, "members": members});
        let json = serde_json::to_string_pretty(&whole).map_err(|e| Error::new(e.to_string()))?;
        printer.result(&json);
        return Ok(());
    }
    let mut rows = vec![["model", "accuracy"].map(String::from).to_vec()];
    rows.extend(members.iter().map(|row| {
        let kept = if row.kept { "in the soup" } else { "left out" };
        vec![row.model.clone(), percent(row.accuracy), kept.into()]
    }));
    rows.push(vec![out.display().to_string(), percent(accuracy)]);
    printer.result(&table(&rows));
    Ok(())
}

/// Judges weights on the validation images.
struct Jury<'a> {
    /// Path of the first model.
    first: &'a Path,
    manifest: &'a Manifest,
    images: Images,
    labels: Vec<usize>,
    device: Device,
}

impl Jury<'_> {
    /// Probabilities before any temperature.
    fn predictions(&self, tensors: &StateDict) -> Result<Predictions> {
        let mut manifest = self.manifest.clone();
        manifest.temperature = 1.0;
        let model = Bundle { manifest, tensors: tensors.clone() };
        let predictor = Predictor::of_ensemble(&Ensemble::of_one(self.first, model)?, &self.device)?;
        let probabilities = predictor.predict(&self.images, None, &mut |_| ())?;
        Ok(Predictions { classes: self.manifest.classes.clone(), labels: self.labels.clone(), probabilities })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soup_that_is_worse_than_a_member_or_one_model_alone_is_told() {
        let row = |model: &str, accuracy, kept| Row { model: model.into(), accuracy, kept };
        let [a, b] = [("a", 0.31), ("b", 0.38)].map(|(name, accuracy)| row(name, accuracy, true));
        let told = doubt(&[a, b], 0.229).unwrap();
        assert!(told.starts_with("the soup is worse than b alone, 22.9 % to 38.0 %: "), "{told}");
        let rows = |kept| [row("a", 0.9, true), row("b", 0.8, kept)];
        assert_eq!(doubt(&rows(true), 0.9), None);
        assert!(doubt(&rows(false), 0.9).unwrap().starts_with("the soup is a alone: "));
    }
}
