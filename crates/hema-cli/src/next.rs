//! The commands that the program proposes, as after `next:`. They are built here alone, from what is on
//! record of the run that they go on from, so that each can be typed as it stands.

use std::fmt;
use std::path::{Path, PathBuf};

use hema::data::OnBadImage;
use hema::error::Result;
use hema::split::Part;
use hema::training::Plan;
use hema::{builtin, file, shell_word};

use crate::output::Printer;
use crate::places::free;

/// The device that commands compute on where none is named.
pub(crate) const USUAL_DEVICE: &str = "cpu";

/// A command of `hema`, quoted for the shell where it must be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CommandLine(String);

impl CommandLine {
    /// The command of this name, which may have several words, as yet without arguments.
    pub(crate) fn new(command: &str) -> Self {
        Self(format!("hema {command}"))
    }

    /// With a path as its next argument.
    pub(crate) fn path(self, path: &Path) -> Self {
        // what begins with a hyphen would be an option
        let safe = if path.as_os_str().as_encoded_bytes().starts_with(b"-") {
            Path::new(".").join(path)
        } else {
            path.to_owned()
        };
        Self(format!("{self} {}", shell_word(&safe)))
    }

    /// With an option and its value, which is a path or a word.
    pub(crate) fn option(self, name: &str, value: impl AsRef<Path>) -> Self {
        Self(format!("{self} --{name}")).path(value.as_ref())
    }

    /// With the device to compute on, where it is not the usual one.
    pub(crate) fn device(self, name: &str) -> Self {
        if name == USUAL_DEVICE { self } else { self.option("device", name) }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Printer {
    /// Tells the command that leads on.
    pub(crate) fn next(&self, command: &CommandLine) {
        // a step is followed by the next one
        if !self.is_of_step() {
            self.note(&format!("next: {command}"));
        }
    }
}

/// Judges the model of a run on the test part where all of it is labelled, else on the validation part. The
/// split is the run's own, which `evaluate` finds in its folder; the views are in the model.
pub(crate) fn evaluate_run(plan: &Plan, device: &str) -> CommandLine {
    evaluate(&plan.folder, plan, part_to_judge(plan), device)
}

/// Judges the runs of a series, of which `first` is one, together; where they are folds and there is no test
/// part, the first of them, as what one validates on the others have trained on.
pub(crate) fn evaluate_series(series: &Path, first: &Plan, are_folds: bool, device: &str) -> CommandLine {
    let part = part_to_judge(first);
    let model = if are_folds && part != Part::Test { &first.folder } else { series };
    evaluate(model, first, part, device)
}

/// The part that a trained model is judged on.
fn part_to_judge(plan: &Plan) -> Part {
    let source = &plan.data.source;
    let parts = plan.split.parts(source);
    let mut test =
        source.entries().iter().zip(parts).filter(|(_, part)| *part == Some(Part::Test)).peekable();
    let can_test = test.peek().is_some() && test.all(|(entry, _)| entry.label.is_some());
    if can_test { Part::Test } else { Part::Val }
}

/// Judges a model on a part of the data that a plan has.
fn evaluate(model: &Path, plan: &Plan, part: Part, device: &str) -> CommandLine {
    let command = CommandLine::new("evaluate")
        .path(model)
        .option("data", &plan.data.info.data)
        .option("part", part.to_string())
        .option("suite", "degraded");
    match plan.recipe.data.on_bad_image {
        OnBadImage::Skip => command.option("on-bad-image", "skip"),
        OnBadImage::Fail => command,
    }
    .device(device)
}

/// What a search has found, to be trained anew.
pub(crate) struct Found<'a> {
    /// The recipe of the best trial.
    pub(crate) recipe: PathBuf,
    /// The data of the trials.
    pub(crate) data: &'a Path,
    /// Their split.
    pub(crate) split: PathBuf,
    /// The first seed of the runs: another than the trial's, whose luck would be part of their mean.
    pub(crate) seed: u64,
    /// A folder for the runs that holds none.
    pub(crate) out: PathBuf,
    /// The device of the trials.
    pub(crate) device: &'a str,
}

/// Trains by a recipe on the parts of a split.
pub(crate) fn train_on_split(recipe: &str, data: &Path, split: &Path) -> CommandLine {
    CommandLine::new("train").option("recipe", recipe).option("data", data).option("split", split)
}

/// Trains the recipe that a search has found, with several seeds, on the split of its trials.
pub(crate) fn train_found(found: &Found) -> CommandLine {
    CommandLine::new("train")
        .option("recipe", &found.recipe)
        .option("data", found.data)
        .option("split", &found.split)
        .option("set", format!("seed={}", found.seed))
        .option("seeds", "3")
        .option("out", &found.out)
        .device(found.device)
}

/// Classifies images by the model of a run.
pub(crate) fn predict(run: &Path, images: &Path) -> CommandLine {
    CommandLine::new("predict").path(run).path(images)
}

/// Predicts images with the model in the box, and draws a page of them.
pub(crate) fn predict_by_builtin(images: &Path) -> CommandLine {
    predict(Path::new(builtin::NAME), images).option("page", "predictions.html")
}

/// Data that were audited, and how they were read.
pub(crate) struct AuditedData {
    /// The data.
    pub(crate) data: PathBuf,
    /// The split that was given.
    pub(crate) split: Option<PathBuf>,
    /// Whether there is nothing to split: the images have parts, or no labels.
    pub(crate) is_split: bool,
    /// The number for white that was given.
    pub(crate) white: Option<f64>,
    /// The model that was asked.
    pub(crate) model: Option<PathBuf>,
    /// The folds that labels were judged in.
    pub(crate) folds: Option<u32>,
}

/// The model that needs no file, where the program has one.
fn builtin() -> Option<&'static Path> {
    builtin::version().map(|_| Path::new(builtin::NAME))
}

impl AuditedData {
    /// The same by paths that hold from any folder.
    pub(crate) fn anywhere(&self) -> Result<Self> {
        let split = self.split.as_deref().map(file::absolute).transpose()?;
        let model = self.model.clone();
        Ok(Self { data: file::absolute(&self.data)?, split, model, ..*self })
    }

    /// Audits them again, as they were.
    fn audit(&self) -> CommandLine {
        let mut command = CommandLine::new("audit").path(&self.data);
        if let Some(split) = &self.split {
            command = command.option("split", split);
        }
        match self.white {
            Some(white) => command.option("white", white.to_string()),
            None => command,
        }
    }

    /// The name of the data, with something behind.
    fn named(&self, behind: &str) -> PathBuf {
        let name = self.data.file_stem().unwrap_or_default().to_string_lossy();
        PathBuf::from(format!("{name}{behind}"))
    }

    /// Keeps the findings, for a person to look at, with the model that was asked. Where none was, it is the
    /// program's own that is proposed: it finds more, and only an audit that is kept is worth its time.
    pub(crate) fn keep_findings(&self) -> CommandLine {
        let model = self.model.as_deref().or_else(|| builtin().filter(|_| self.folds.is_none()));
        let mut command = self.audit();
        if let Some(model) = model {
            command = command.option("model", model);
        }
        if let Some(folds) = self.folds {
            command = command.option("folds", folds.to_string());
        }
        command.option("out", self.named("-audit"))
    }

    /// Looks closer, with the program's own model, where none was asked.
    pub(crate) fn closer_look(&self) -> Option<CommandLine> {
        (self.model.is_none() && self.folds.is_none() && builtin().is_some()).then(|| self.keep_findings())
    }

    /// Writes what stays by a table of findings, under a name that is free.
    pub(crate) fn clean(&self, table: &Path) -> CommandLine {
        let free = free(|number| match number {
            1 => self.named("-clean.tar"),
            number => self.named(&format!("-clean-{number}.tar")),
        });
        self.audit().option("apply", table).option("write", free)
    }

    /// Splits what stays, or nothing where that cannot be.
    pub(crate) fn split(&self, clean: &Path) -> Option<CommandLine> {
        let out = clean
            .with_file_name(format!("{}-split.csv", clean.file_stem().unwrap_or_default().to_string_lossy()));
        (!self.is_split).then(|| CommandLine::new("split").path(clean).option("out", out))
    }
}

/// Goes on with the run or runs in a folder, by the command that began them.
pub(crate) fn resume(command: &str, out: &Path, device: &str) -> CommandLine {
    CommandLine::new(&format!("{command} --resume")).option("out", out).device(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_and_are_no_options() {
        let command = predict(Path::new("-run"), Path::new("my cells"));
        assert_eq!(command.to_string(), "hema predict ./-run 'my cells'");
        assert_eq!(
            resume("train", Path::new("it's"), "gpu:1").to_string(),
            r"hema train --resume --out 'it'\''s' --device gpu:1"
        );
        assert_eq!(resume("tune", Path::new("a"), "cpu").to_string(), "hema tune --resume --out a");
    }
}
