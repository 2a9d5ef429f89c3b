//! `hema report`: one page of a run or an evaluation, or several side by side.

use std::path::{Path, PathBuf};

use hema::bundle::Bundle;
use hema::core::error::{Error, Result};
use hema::core::file;
use hema::core::metrics::{ACCURACY, BALANCED_ACCURACY};
use hema::core::record::{EVALUATION_FORMAT, Evaluation};
use hema::core::report::{self, Curves, RunReport};
use hema::run_log::{Epoch, History, METRICS_FILE};

use super::title;
use crate::output::Printer;
use crate::run_info::{EVALUATION, read_json};

/// Write a self-contained page about runs or evaluations
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run directories, evaluation directories or evaluation.json files; several are compared
    #[arg(required = true, value_name = "RUN_OR_EVAL")]
    inputs: Vec<PathBuf>,
    /// Page to write
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<()> {
    let runs: Vec<RunReport> = args.inputs.iter().map(|input| read(input)).collect::<Result<_>>()?;
    write(&args.out, &runs)?;
    if printer.is_json() {
        printer.result(&serde_json::json!({ "report": args.out }).to_string());
    } else {
        printer.note(&format!("report: {}", args.out.display()));
    }
    Ok(())
}

fn read(input: &Path) -> Result<RunReport> {
    let file = if input.is_dir() { input.join(EVALUATION) } else { input.to_path_buf() };
    if !file.exists() {
        return Err(Error::new(format!("no {EVALUATION} here, expected a finished run or an evaluation"))
            .at(input)
            .hint("`hema train` writes one at its end, `hema evaluate --out DIR` any time"));
    }
    let evaluation: Evaluation = read_json(&file)
        .map_err(|e| e.hint("give a run directory, the --out of `hema evaluate`, or its evaluation.json"))?;
    if evaluation.format > EVALUATION_FORMAT {
        let found = format!("evaluation format {}, expected at most {EVALUATION_FORMAT}", evaluation.format);
        return Err(Error::new(found).at(&file).hint("it was written by a newer hema; update"));
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let model = PathBuf::from(&evaluation.model.path);
    gather(folder, evaluation, &model)
}

/// An evaluation with what its run directory knows besides: learning curves, recipe, who trained it.
pub(super) fn gather(folder: &Path, evaluation: Evaluation, model: &Path) -> Result<RunReport> {
    let run = [folder, model].into_iter().find(|f| f.join(METRICS_FILE).is_file());
    let history = run.map(|run| History::read(&run.join(METRICS_FILE))).transpose()?;
    let manifest = Bundle::read(model).ok().map(|bundle| bundle.manifest);
    let kept = manifest.as_ref().and_then(|m| m.metrics.get("nll").copied());
    let curves = history.map(|history| curves(&history, kept));
    Ok(RunReport {
        title: title(folder),
        evaluation,
        curves,
        recipe_toml: manifest.as_ref().map(|m| m.recipe.clone()),
        training: manifest.map(|m| m.provenance),
    })
}

/// The epoch that was kept, whatever metric chose it, is the one with the validation loss of the kept model.
fn curves(history: &History, kept: Option<f64>) -> Curves {
    let corrupted = |e: &Epoch| e.val_corrupted.as_ref().map_or(f64::NAN, |scores| scores.value(&ACCURACY));
    let best = history.epochs.iter().find(|epoch| Some(epoch.val.loss) == kept);
    Curves {
        epoch: history.column(|e| e.epoch as f64),
        stage: history.epochs.iter().map(|e| e.stage.clone()).collect(),
        train_loss: history.column(|e| e.train_loss),
        val_loss: history.column(|e| e.val.loss),
        val_accuracy: history.column(|e| e.val.value(&ACCURACY)),
        val_balanced_accuracy: history.column(|e| e.val.value(&BALANCED_ACCURACY)),
        val_corrupted_accuracy: history.column(corrupted),
        learning_rate: history.column(|e| e.lr),
        best_epoch: best.map(|e| e.epoch as f64),
    }
}

/// Renders and writes the page.
pub(super) fn write(path: &Path, runs: &[RunReport]) -> Result<()> {
    let page = report::render(runs);
    file::write_atomic(path, |w| w.write_all(page.as_bytes()))
}
