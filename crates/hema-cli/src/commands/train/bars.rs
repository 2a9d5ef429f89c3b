//! A run on the terminal: a bar for each epoch, and a line when it is done.

use std::time::{Duration, Instant};

use hema::error::time_in_words;
use hema::metrics::{self, Place};
use hema::recipe::Recipe;
use hema::train::{Epoch, Observer, Progress, Validation};
use hema::{Phase, Watch};

use crate::output::{self, Bars, Printer, metric_text, percent};
use crate::status::listen_to_ctrl_c;

use super::remaining::Remaining;

/// Seconds of an epoch from which it matters what they are spent on.
const WORTH_A_WORD: f64 = 10.0;

/// Time to the end from which it is told.
const WORTH_TELLING: Duration = Duration::from_secs(10);

/// Shows a run on the terminal, and has Ctrl-C stop it.
pub(crate) struct TrainingBars<'a> {
    printer: &'a Printer,
    /// Bars of everything but the epochs.
    bars: Bars<'a>,
    /// The bar of the epoch under way, and the epoch's number.
    bar: Option<(u64, output::Progress)>,
    metric: String,
    /// The work that training may have to wait for.
    awaited: &'static str,
    /// Validation metrics of the epoch before, in words.
    validated: Option<String>,
    /// Most epochs that the run can have.
    epochs: u64,
    remaining: Remaining,
    /// Whether the time to the end was told.
    told: bool,
}

impl<'a> TrainingBars<'a> {
    /// Shows a run by this recipe.
    pub(crate) fn new(recipe: &Recipe, printer: &'a Printer) -> Self {
        let taught = !recipe.distill.teachers.is_empty();
        Self {
            printer,
            bars: Bars::new(printer),
            bar: None,
            metric: recipe.select.describe(),
            awaited: if taught { "images and teachers" } else { "images" },
            validated: None,
            epochs: recipe.stages.iter().map(|stage| stage.epochs).sum(),
            remaining: Remaining::default(),
            told: false,
        }
    }

    fn clear(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.clear();
        }
    }
}

/// The validation metrics that are shown while a run goes on, those of corrupted images beside them.
fn progress_text(clean: &Validation, corrupted: Option<&Validation>) -> String {
    let shown = metrics::shown_in(Place::Progress).map(|metric| {
        let text = |scores: &Validation| metric_text(metric, scores.value(metric));
        let corrupted = corrupted.map_or(String::new(), |scores| format!(", corrupted {}", text(scores)));
        format!("val {} {}{corrupted}", metric.label, text(clean))
    });
    shown.collect::<Vec<_>>().join("  ")
}

impl Drop for TrainingBars<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Watch for TrainingBars<'_> {
    fn progress(&mut self, phase: Phase<'_>, done: usize, total: usize) {
        self.bars.progress(phase, done, total);
    }

    fn note(&mut self, text: &str) {
        self.clear();
        self.bars.note(text);
    }

    fn warn(&mut self, text: &str) {
        self.clear();
        self.bars.warn(text);
    }
}

impl Observer for TrainingBars<'_> {
    fn starts(&mut self) {
        listen_to_ctrl_c(self.printer, "end the run without a checkpoint");
    }

    fn step(&mut self, progress: &Progress<'_>) {
        if self.bar.as_ref().is_none_or(|(epoch, _)| *epoch != progress.epoch) {
            let name = format!("{} epoch {}/{}", progress.stage.name, progress.epoch, progress.epochs);
            self.bar = Some((progress.epoch, self.printer.progress(&name, progress.batches)));
        }
        self.epochs = progress.epochs;
        let left = self.remaining.after_step(&progress.stage.name, progress.steps_left, Instant::now());
        if let Some(left) = left.filter(|left| !self.told && *left > WORTH_TELLING) {
            self.told = true;
            let early =
                if progress.stage.early_after().is_some() { ", less if a stage ends early" } else { "" };
            self.note(&format!("about {} to the end at this pace{early}", time_in_words(left)));
        }
        if let Some((_, bar)) = &self.bar {
            let speed = progress.images_per_second;
            let val = self.validated.as_deref().unwrap_or_default();
            let left =
                left.map_or(String::new(), |left| format!("  run {} left, epoch", time_in_words(left)));
            bar.set(progress.batch, &format!("loss {:.4}  {val}{speed:.0} images/s{left}", progress.loss));
        }
    }

    fn epoch(&mut self, epoch: &Epoch, improved: bool) {
        self.clear();
        self.validated = Some(progress_text(&epoch.val, None) + "  ");
        let best = if improved { format!("  best {} so far", self.metric) } else { String::new() };
        let validated = progress_text(&epoch.val, epoch.val_corrupted.as_ref());
        // where it costs, a person can do something about it: lighter augmentation, fewer images at once
        // beyond memory, a faster disk
        let slow = if epoch.data_wait > 0.05 && epoch.seconds > WORTH_A_WORD {
            format!(", {} of the time waiting for {}", percent(epoch.data_wait), self.awaited)
        } else {
            String::new()
        };
        self.printer.note(&format!(
            "{} epoch {}/{}  loss {:.4}  val loss {:.4}  {validated}  {:.0} images/s{slow}  {:.0} s{best}",
            epoch.stage,
            epoch.epoch,
            self.epochs,
            epoch.train_loss,
            epoch.val.loss,
            epoch.images_per_second,
            epoch.seconds,
        ));
    }
}
