//! The quickstart on real cells: the model in the box names those that it has not seen, a small network
//! learns from the others, and both are judged alike.

use std::path::Path;

use hema::error::{Error, Result};
use hema::metrics::ACCURACY;
use hema::record::{Evaluation, Scores, SuiteScores};
use hema::run_folder::{REPORT, read_report, write_page};
use hema::train::{Observer, Progress};
use hema::{Classifier, Phase, Training, Watch, builtin, shell_word};

use crate::commands::evaluate::without_pictures;
use crate::next;
use crate::output::{self, Bars, Printer, percent, range, table};
use crate::status::{Status, listen_to_ctrl_c, stop_flag};

/// Conditions that both are judged under, beside the cells as they are.
const SUITE: &str = "degraded";

/// Folders inside the one that is written.
const CELLS: &str = "cells";
const SMALL: &str = "small-network";

/// Judges both models on the cells and writes one report of them into `out`.
pub(super) fn run(recipe: &str, out: &Path, printer: &Printer) -> Result<Status> {
    let cells = out.join(CELLS);
    let written = builtin::write_cells(&cells)?;
    printer.note(&format!("{written} real cells of eight classes: {}", cells.display()));
    printer.note("the model in the box names the half of them that it has never seen");
    let model = Classifier::open(builtin::NAME)?;
    let of_builtin = judge(&model, &cells, &out.join(builtin::NAME), printer)?;

    printer.note("a small network learns the other half, without any of the model's knowledge");
    let run = Training::recipe(recipe)
        .data(&cells)
        .split(cells.join("split.csv"))
        .out(out.join(SMALL))
        .stop(stop_flag())
        .run(&mut Learning::new(printer))?;
    let of_network = judge(&run.model, &cells, &out.join(SMALL), printer)?;

    let page = out.join(REPORT);
    let runs = [builtin::NAME, SMALL].map(|name| read_report(&out.join(name)));
    write_page(&page, &runs.into_iter().collect::<Result<Vec<_>>>()?)?;
    print(&of_builtin, &of_network, printer)?;
    printer.note(&format!("open {} in a browser", shell_word(&page)));
    printer.next(&next::predict_by_builtin(&cells));
    Ok(Status::Done)
}

/// Judges a model on the cells that neither has learned from, and writes its record into a folder.
fn judge(model: &Classifier, cells: &Path, out: &Path, printer: &Printer) -> Result<Evaluation> {
    hema::evaluate(model, cells)
        .split(cells.join("split.csv"))
        .part("test")
        .suite(SUITE)
        .out(out)
        .run(&mut Quiet(Bars::new(printer)))
}

/// Prints both results side by side.
fn print(builtin: &Evaluation, network: &Evaluation, printer: &Printer) -> Result<()> {
    if printer.is_json() {
        let both = serde_json::json!({
            "builtin": without_pictures(builtin),
            "small_network": without_pictures(network),
        });
        let text = serde_json::to_string_pretty(&both).map_err(|e| Error::new(e.to_string()))?;
        printer.result(&text);
        return Ok(());
    }
    let (name, n) = (&builtin.model.path, unchanged(builtin).n);
    let of_both = |read: &dyn Fn(&Evaluation) -> String| [builtin, network].map(read);
    let row = |name: String, [a, b]: [String; 2]| vec![name, a, b];
    let heads = [format!("{name}, the model in the box"), "a small network".to_owned()];
    let ways = suite(builtin).conditions;
    printer.result(&table(&[
        row(format!("{n} cells that neither has seen"), heads),
        row("named rightly".into(), of_both(&|e| counts(unchanged(e)))),
        row("  95 % interval".into(), of_both(&|e| interval(unchanged(e).metrics.interval(&ACCURACY)))),
        row(format!("degraded in {ways} ways"), of_both(&|e| percent(suite(e).accuracy))),
        row("  95 % interval".into(), of_both(&|e| interval(Some(suite(e).accuracy_interval)))),
        row("  the worst of them".into(), of_both(&|e| suite(e).worst.clone())),
        row("  named rightly then".into(), of_both(&|e| percent(suite(e).worst_accuracy))),
    ]));
    Ok(())
}

fn unchanged(evaluation: &Evaluation) -> &Scores {
    &evaluation.conditions[0].scores
}

fn suite(evaluation: &Evaluation) -> &SuiteScores {
    &evaluation.suites[0]
}

/// How many were named rightly.
fn counts(scores: &Scores) -> String {
    let right = (scores.accuracy() * scores.n as f64).round();
    format!("{right} of {} ({})", scores.n, percent(scores.accuracy()))
}

fn interval(ends: Option<[f64; 2]>) -> String {
    ends.map_or(String::new(), range)
}

/// Shows the progress of judging, and none of the notes about folders.
struct Quiet<'a>(Bars<'a>);

impl Watch for Quiet<'_> {
    fn progress(&mut self, phase: Phase<'_>, done: usize, total: usize) {
        self.0.progress(phase, done, total);
    }

    fn warn(&mut self, text: &str) {
        self.0.warn(text);
    }
}

/// Shows a training of many short epochs in one bar, and has Ctrl-C stop it.
struct Learning<'a> {
    printer: &'a Printer,
    bar: Option<output::Progress>,
}

impl<'a> Learning<'a> {
    fn new(printer: &'a Printer) -> Self {
        Self { printer, bar: None }
    }
}

impl Watch for Learning<'_> {
    fn warn(&mut self, text: &str) {
        self.printer.warn(text);
    }
}

impl Observer for Learning<'_> {
    fn starts(&mut self) {
        listen_to_ctrl_c(self.printer, "end the quickstart");
    }

    fn step(&mut self, progress: &Progress<'_>) {
        let bar = self.bar.get_or_insert_with(|| self.printer.progress("learning", progress.epochs));
        bar.set(progress.epoch, &format!("epochs, loss {:.2}", progress.loss));
    }
}

impl Drop for Learning<'_> {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use hema::file;

    use super::*;

    #[test]
    fn the_cells_are_written_once() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join(CELLS);
        let written = builtin::write_cells(&folder).unwrap();
        assert!(written > 150, "{written}");
        let error = builtin::write_cells(&folder).unwrap_err();
        assert!(error.to_string().ends_with("is not empty") && file::list(&folder).unwrap().len() > 8);
    }
}
