//! `hema train`: a recipe and a data set in, a run directory out.

mod find_lr;
mod series;

use std::path::{Path, PathBuf};
use std::time::Duration;

use hema::core::data::{self, Dataset, Source};
use hema::core::error::{Error, Result};
use hema::core::metrics::{self, Place};
use hema::core::record::Evaluation;
use hema::core::split::{Fractions, Part, Split, SplitPlan};
use hema::device;
use hema::recipe::Recipe;
use hema::run_log::{Epoch, Validation};
use hema::train::{self, Claimed, Observer, Outcome, Task};

use super::evaluate::{self, Judged};
use super::{Memory, On, Status, command_line, ctrl_c, describe, load, warn_skipped, weights};
use crate::output::{Printer, Progress, metric_text, percent};
use crate::run_info::{RunInfo, SPLIT};
use series::Series;

/// Train a classifier by a recipe
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// Train this many runs, whose seeds are the recipe's and those after it, and say how far they differ
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=100))]
    seeds: Option<u64>,
    /// Train a run for each of K folds of the images that are not set apart as test: it validates on the fold and trains on the
    /// others
    #[arg(long, value_name = "K", conflicts_with = "split", value_parser = clap::value_parser!(u8).range(2..=20))]
    folds: Option<u8>,
    /// In place of a run: raise the learning rate over 100 steps of the recipe's first stage until the loss diverges, and
    /// suggest one; --out [default: runs/RECIPE-lr] gets a page and a table
    #[arg(long, conflicts_with_all = ["seeds", "folds", "resume"])]
    find_lr: bool,
}

/// What runs are made from and where they go.
#[derive(clap::Args)]
pub(super) struct Inputs {
    /// A shipped recipe (see `hema list recipes`) or a TOML file
    #[arg(long, value_name = "NAME|FILE", required_unless_present = "resume")]
    recipe: Option<String>,
    /// Image folder with labels, or any other form of `hema list readers`
    #[arg(long, required_unless_present = "resume")]
    data: Option<PathBuf>,
    /// CSV with the columns path and split; by default the data's own split, else one by the recipe's shares
    #[arg(long, value_name = "FILE")]
    split: Option<PathBuf>,
    /// Run directory, or the folder of several runs [default: runs/RECIPE, and runs/RECIPE-tune for `hema tune`]
    #[arg(long, value_name = "DIR", required_if_eq("resume", "true"))]
    pub(super) out: Option<PathBuf>,
    /// Override a value of the recipe, as in `--set stage.0.epochs=3`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Go on with the run or runs in --out, to the same weights as if it had never stopped
    #[arg(long)]
    pub(super) resume: bool,
    /// Minutes between two checkpoints within an epoch; one is saved at every epoch's end anyway
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0)]
    save_every: f64,
    #[command(flatten)]
    pub(super) on: On,
    #[command(flatten)]
    memory: Memory,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Status> {
    if let Some(series) = Series::asked(args)? {
        return series::run(&args.inputs, series, printer);
    }
    if args.find_lr {
        return find_lr::run(&args.inputs, printer);
    }
    let args = &args.inputs;
    let recipe = read_recipe(args)?;
    weights::warn_of_weights(&recipe, printer);
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&recipe.name));
    train::check_folder(&out, args.resume)?;
    let (info, source) = open_data(args, &out, printer)?;
    let split = find_split(args, &recipe, &source, &out)?;
    split.check_groups(&source)?;
    if !args.resume {
        keep_inputs(args, &out)?;
    }
    let run = Run {
        recipe: &recipe,
        info: &info,
        source: &source,
        split: &split,
        out: &out,
        resume: args.resume,
        inputs: args,
    };
    let evaluation = match run.train(printer)? {
        Ended::Judged(evaluation) => evaluation,
        Ended::Diverged(error) => return Err(error),
        Ended::Interrupted => {
            advise_resuming("train", &out, printer);
            return Ok(Status::Interrupted);
        }
    };
    evaluate::print(&evaluation, printer)?;
    printer.note(&format!(
        "next: hema evaluate {} --data {} --part test --suite degraded",
        out.display(),
        info.data.display()
    ));
    Ok(Status::Done)
}

/// One run, from its images to its report.
pub(super) struct Run<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) info: &'a RunInfo,
    pub(super) source: &'a Source,
    pub(super) split: &'a Split,
    pub(super) out: &'a Path,
    /// Whether it goes on from its checkpoint.
    pub(super) resume: bool,
    pub(super) inputs: &'a Inputs,
}

/// How a run ended.
pub(super) enum Ended {
    /// Its model is judged on the validation images.
    Judged(Box<Evaluation>),
    /// Ctrl-C stopped it; it can go on.
    Interrupted,
    /// Its loss was not finite any more.
    Diverged(Error),
}

impl Run<'_> {
    /// Trains and judges.
    pub(super) fn train(&self, printer: &Printer) -> Result<Ended> {
        let device = self.inputs.on.open(printer)?;
        if !self.resume {
            train::check(self.recipe, self.source.classes(), &device)?;
        }
        let out = Claimed::for_run(self.out, self.resume)?;
        let parts = Parts::load(self.recipe, self.source, self.split, &self.inputs.memory, printer)?;
        if !self.resume {
            self.info.write(&out)?;
            self.split.write(&out.join(SPLIT))?;
        }
        let command = command_line();
        let task = Task {
            recipe: self.recipe,
            train: &parts.train,
            val: &parts.val,
            synthetic: false,
            out: &out,
            save_every: self.inputs.save_every(),
            command: &command,
            device: &device,
        };
        let epoch = match fit(&task, self.resume, printer)? {
            Outcome::Finished { best_epoch, .. } => best_epoch,
            Outcome::Interrupted { .. } => return Ok(Ended::Interrupted),
            Outcome::Diverged(error) => return Ok(Ended::Diverged(error)),
        };
        printer.note(&format!("judging the model of epoch {epoch} on the validation images"));
        let data = self.info.data.display().to_string();
        let judged = Judged { model: self.out.to_path_buf(), data, part: "val".into() };
        let evaluation = evaluate::judge_dataset(&judged, &parts.val, &[], &device, printer)?;
        evaluate::write(self.out, &evaluation, self.out, printer)?;
        Ok(Ended::Judged(Box::new(evaluation)))
    }
}

impl Inputs {
    fn save_every(&self) -> Duration {
        Duration::try_from_secs_f64(60.0 * self.save_every.max(0.0)).unwrap_or(Duration::MAX)
    }
}

pub(super) fn read_recipe(args: &Inputs) -> Result<Recipe> {
    let own = args.out.as_ref().map(|out| out.join(train::RECIPE));
    match (&args.recipe, &own) {
        (Some(name), _) => Recipe::load(name, &args.overrides),
        (None, Some(own)) if own.exists() => Recipe::load_saved(own, &args.overrides),
        (None, _) => {
            let folder = args.out.as_deref().unwrap_or(Path::new("."));
            Err(Error::new(format!("no run to resume: there is no {}", train::RECIPE))
                .at(folder)
                .hint("give the folder of a run as --out, or start one with --recipe and --data"))
        }
    }
}

/// The data that is given, or that the run in the folder reads.
pub(super) fn open_data(args: &Inputs, out: &Path, printer: &Printer) -> Result<(RunInfo, Source)> {
    let info = match &args.data {
        Some(data) => RunInfo { data: data.clone() },
        None => recall(out)?,
    };
    let source = data::open(&info.data)?;
    check_classes(&source, printer)?;
    Ok((info, source))
}

/// Says how what a command was interrupted in goes on.
pub(super) fn advise_resuming(command: &str, out: &Path, printer: &Printer) {
    printer.note(&format!("continue with: hema {command} --resume --out {}", out.display()));
}

/// Refuses to go on with several runs by another recipe than theirs.
pub(super) fn check_same_recipe(recipe: &Recipe, out: &Path) -> Result<()> {
    let path = out.join(train::RECIPE);
    let own = Recipe::load_saved(&path, &[] as &[&str])?;
    if own == *recipe {
        return Ok(());
    }
    Err(Error::new("the runs here were made with another recipe")
        .at(path)
        .hint("resume without --recipe and --set: they keep their own"))
}

/// What a run to resume reads, which must still be there.
fn recall(out: &Path) -> Result<RunInfo> {
    let info = RunInfo::read(out)?;
    if info.data.exists() {
        return Ok(info);
    }
    Err(Error::new("the data of this run is not there any more")
        .at(&info.data)
        .hint("if it has moved, say where with --data"))
}

/// Refuses a run directory in which the run would write over the recipe or the split it is given.
pub(super) fn keep_inputs(args: &Inputs, out: &Path) -> Result<()> {
    let inputs = [(args.recipe.as_ref().map(Path::new), train::RECIPE), (args.split.as_deref(), SPLIT)];
    for (input, name) in inputs {
        let same = |input: &Path| Some(input.canonicalize().ok()? == out.join(name).canonicalize().ok()?);
        if let Some(input) = input.filter(|input| same(input) == Some(true)) {
            return Err(Error::new("the run would write over this file")
                .at(input)
                .hint("choose another --out"));
        }
    }
    Ok(())
}

/// Refuses data that no classifier can learn from, before anything is decoded, and names classes without images.
fn check_classes(source: &Source, printer: &Printer) -> Result<()> {
    let classes = source.classes();
    if classes.len() < 2 {
        let found = match classes {
            [] => "no image has a label".into(),
            classes => format!("every image is of the class `{}`", classes[0]),
        };
        return Err(Error::new(format!("{found}, expected at least 2 classes")).at(source.path()).hint(
            "the class is the name of an image's folder, its number in `labels` of a .npz, or its `label` in a CSV \
             manifest",
        ));
    }
    let counts = source.counts();
    let empty: Vec<&str> =
        classes.iter().zip(counts).filter(|(_, count)| *count == 0).map(|(name, _)| name.as_str()).collect();
    if let Some(first) = empty.first() {
        let (empty, all) = (empty.len(), classes.len());
        printer
            .warn(&format!("{empty} of the {all} classes have no image, first `{first}`; is a label wrong?"));
    }
    Ok(())
}

/// The split that is given, or the run's own, or the data's own, or a new one.
pub(super) fn find_split(args: &Inputs, recipe: &Recipe, source: &Source, out: &Path) -> Result<Split> {
    if let Some(path) = &args.split {
        return Split::read(path);
    }
    if args.resume {
        return Split::read(&out.join(SPLIT));
    }
    if let Some(split) = source.read_split_inside()? {
        return Ok(split);
    }
    let fractions = Fractions { val: recipe.data.validation, test: recipe.data.test };
    let split = SplitPlan::new(source, recipe.seed).parts(fractions).map_err(|e| e.at(source.path()))?;
    match split.counts() {
        [_, 0, _] => {
            let share = recipe.data.validation;
            let found = format!("no image is left for validation, whose share is {share}");
            Err(Error::new(found)
                .at(source.path())
                .hint("add images, raise the share with --set data.validation=0.3, or give a --split"))
        }
        _ => Ok(split),
    }
}

/// The images that a run reads.
struct Parts {
    train: Dataset,
    val: Dataset,
}

impl Parts {
    fn load(
        recipe: &Recipe,
        source: &Source,
        split: &Split,
        memory: &Memory,
        printer: &Printer,
    ) -> Result<Self> {
        let indices = [split.indices(source, Part::Train)?, split.indices(source, Part::Val)?];
        let ignored = split.ignored(source);
        if ignored > 0 {
            printer.warn(&format!(
                "{ignored} images of the data are in no part of the split and are left unused"
            ));
        }
        let preprocess = train::preprocess(recipe);
        let options = memory.options(recipe.data.on_bad_image);
        let [train, val] = indices.map(|part| {
            let data = load(printer, part.len(), |progress| {
                Dataset::load(source, Some(&part), &preprocess, &options, progress)
            })?;
            warn_skipped(printer, data.skipped());
            Ok::<_, Error>(data)
        });
        let (train, val) = (train?, val?);
        printer.note(&format!("train: {}", describe(&train)));
        printer.note(&format!("val:   {}", describe(&val)));
        Ok(Self { train, val })
    }
}

/// Trains with progress and Ctrl-C.
pub(super) fn fit(task: &Task, resume: bool, printer: &Printer) -> Result<Outcome> {
    let stop = ctrl_c(printer, "end the run without a checkpoint");
    let recipe = task.recipe;
    let precision = recipe.precision.on(task.device).name();
    let on = if device::is_cpu(task.device) {
        String::new()
    } else {
        format!(" on {}", device::name(task.device))
    };
    printer.note(&format!("training {} in {precision}{on} into {}", recipe.model.name, task.out.display()));
    let taught = !recipe.distill.teachers.is_empty();
    let mut observer = Watch {
        printer,
        bar: None,
        metric: recipe.select.describe(),
        awaited: if taught { "images and teachers" } else { "images" },
        validated: None,
    };
    let outcome = train::fit(task, resume, &mut observer, &stop)?;
    observer.clear();
    match &outcome {
        Outcome::Finished { best_epoch, best } => {
            let metric = recipe.select.describe();
            printer.note(&format!("done: best validation {metric} {best:.4} in epoch {best_epoch}"));
        }
        Outcome::Interrupted { step } => {
            printer.note(&format!("interrupted after step {step}; everything is saved"));
        }
        Outcome::Diverged(_) => {}
    }
    Ok(outcome)
}

/// Seconds of an epoch from which it matters what they are spent on.
const WORTH_A_WORD: f64 = 10.0;

/// Shows a run on the terminal.
struct Watch<'a> {
    printer: &'a Printer,
    /// The bar of the epoch under way.
    bar: Option<(u64, Progress)>,
    metric: String,
    /// What training may have to wait for.
    awaited: &'static str,
    /// Validation metrics of the epoch before, in words.
    validated: Option<String>,
}

impl Watch<'_> {
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

impl Observer for Watch<'_> {
    fn step(&mut self, progress: &train::Progress<'_>) {
        if self.bar.as_ref().is_none_or(|(epoch, _)| *epoch != progress.epoch) {
            let name = format!("{} epoch {}/{}", progress.stage.name, progress.epoch, progress.epochs);
            self.bar = Some((progress.epoch, self.printer.progress(&name, progress.batches)));
        }
        if let Some((_, bar)) = &self.bar {
            let speed = progress.images_per_second;
            let val = self.validated.as_deref().unwrap_or_default();
            bar.set(progress.batch, &format!("loss {:.4}  {val}{speed:.0} images/s", progress.loss));
        }
    }

    fn epoch(&mut self, epoch: &Epoch, improved: bool) {
        self.clear();
        self.validated = Some(progress_text(&epoch.val, None) + "  ");
        let best = if improved { format!("  best {} so far", self.metric) } else { String::new() };
        let validated = progress_text(&epoch.val, epoch.val_corrupted.as_ref());
        // where it costs, a person can do something about it: lighter augmentation, fewer images at once beyond memory, a faster disk
        let slow = if epoch.data_wait > 0.05 && epoch.seconds > WORTH_A_WORD {
            format!(", {} of the time waiting for {}", percent(epoch.data_wait), self.awaited)
        } else {
            String::new()
        };
        self.printer.note(&format!(
            "{} epoch {}  loss {:.4}  val loss {:.4}  {validated}  {:.0} images/s{slow}  {:.0} s{best}",
            epoch.stage,
            epoch.epoch,
            epoch.train_loss,
            epoch.val.loss,
            epoch.images_per_second,
            epoch.seconds,
        ));
    }
}
