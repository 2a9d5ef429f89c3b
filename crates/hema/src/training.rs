//! The door to training: a recipe and a data set in, a run's folder with a judged model out.
//!
//! [`crate::train`] holds the loop itself, for images that are in memory already. Left out on purpose:
//! several runs of one recipe, which a caller makes by training several times.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use burn::tensor::Device;
use hema_core::data::{self, Dataset, LoadOptions, Source};
use hema_core::error::{Error, ErrorKind, Result};
use hema_core::file;
use hema_core::provenance::Provenance;
use hema_core::record::{Evaluation, Scores};
use hema_core::split::{Fractions, Part, Split, SplitPlan};

use crate::classifier::Classifier;
use crate::command_line::command_line;
use crate::device;
use crate::evaluate::evaluate_cropped;
use crate::model_card::ModelCard;
use crate::recipe::Recipe;
use crate::run_folder::{self, RunInfo, SPLIT, TRAINING};
use crate::split_choice::{self, OfRun};
use crate::train::{self, CHECKPOINT, Claimed, DIVERGED, Observer, Outcome, RECIPE, Start, Task};
use crate::trusting;
use crate::watch::{Phase, Watch, from_any_thread, skipped_images, tell};

/// A classifier that is about to be trained.
///
/// ```no_run
/// let run = hema::Training::recipe("v2b0")
///     .set("stage.0.epochs", 3)
///     .data("cells/")
///     .out("runs/first")
///     .run(&mut ())?;
/// println!("{:.1} % of the validation images", 100.0 * run.scores().accuracy());
/// let model = run.model; // a Classifier
/// # Ok::<(), hema::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is trained until `run`"]
pub struct Training {
    recipe: Choice,
    overrides: Vec<String>,
    data: Option<PathBuf>,
    split: Option<PathBuf>,
    out: Option<PathBuf>,
    start: Start,
    save_every: Duration,
    memory: u64,
    device: Option<Device>,
    stop: Arc<AtomicBool>,
}

/// Where a recipe comes from.
#[derive(Clone, Debug)]
enum Choice {
    /// A shipped recipe's name, or the path of a TOML file.
    Named(String),
    /// A recipe in memory.
    Given(Box<Recipe>),
    /// The recipe of the run to resume.
    OfRun,
}

/// Opened data set of a run, and its path.
pub struct RunData {
    /// Path of the data set, for the run's folder.
    pub info: RunInfo,
    /// The data set.
    pub source: Source,
}

/// A run whose recipe, data, split and folder are settled and fit together; nothing is written yet.
#[derive(Clone)]
pub struct Plan {
    /// The recipe, with every override.
    pub recipe: Recipe,
    /// The data set.
    pub data: Arc<RunData>,
    /// The parts of its images.
    pub split: Split,
    /// The folder of the run.
    pub folder: PathBuf,
    /// Whether the run begins or goes on.
    pub start: Start,
    training: Training,
}

/// A run that has come to its end.
#[derive(Debug)]
#[non_exhaustive]
pub struct FinishedRun {
    /// Folder of the run: model, recipe, split, log, checkpoint, evaluation and report.
    pub folder: PathBuf,
    /// Epoch of the best model, from 1.
    pub best_epoch: u64,
    /// Evaluation of the best model on the validation images.
    pub evaluation: Evaluation,
    /// The best model.
    pub model: Classifier,
}

impl FinishedRun {
    /// Scores of the best model on the validation images.
    pub fn scores(&self) -> &Scores {
        &self.evaluation.conditions[0].scores
    }
}

impl Training {
    /// Trains by a shipped recipe (see [`crate::recipe::SHIPPED`]) or the one in a TOML file.
    pub fn recipe(name_or_path: impl Into<String>) -> Self {
        Self::by(Choice::Named(name_or_path.into()))
    }

    /// Trains by a recipe in memory.
    pub fn with_recipe(recipe: Recipe) -> Self {
        Self::by(Choice::Given(Box::new(recipe)))
    }

    /// Goes on with an interrupted run, by its own recipe and on its own data, to the same weights as if it
    /// had never stopped.
    pub fn resume(folder: impl Into<PathBuf>) -> Self {
        Self::by(Choice::OfRun).out(folder).start(Start::Resume)
    }

    fn by(recipe: Choice) -> Self {
        Self {
            recipe,
            overrides: Vec::new(),
            data: None,
            split: None,
            out: None,
            start: Start::Fresh,
            save_every: Duration::from_mins(10),
            memory: LoadOptions::default().memory_budget,
            device: None,
            stop: Arc::default(),
        }
    }

    /// Overrides a value of the recipe, as in `set("stage.0.epochs", 3)`.
    pub fn set(mut self, key: &str, value: impl Display) -> Self {
        self.overrides.push(format!("{key}={value}"));
        self
    }

    /// Overrides values of the recipe, each as `KEY=VALUE`.
    pub fn set_all(mut self, overrides: &[String]) -> Self {
        self.overrides.extend_from_slice(overrides);
        self
    }

    /// Trains on this data set with labels: a folder with a folder for each class, an archive, a `.npz`, a
    /// CSV manifest, ...
    pub fn data(mut self, path: impl Into<PathBuf>) -> Self {
        self.data = Some(path.into());
        self
    }

    /// Takes the parts of this CSV file with the columns path and split; by default the data's own, else new
    /// ones by the recipe's shares.
    pub fn split(mut self, file: impl Into<PathBuf>) -> Self {
        self.split = Some(file.into());
        self
    }

    /// Writes the run into this folder; by default `runs/RECIPE`.
    pub fn out(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out = Some(folder.into());
        self
    }

    /// Begins a new run, which is the default, or goes on with the one in the folder.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Saves a checkpoint within an epoch whenever this time has passed, by default every ten minutes. One is
    /// saved at every epoch's end anyway.
    pub fn save_every(mut self, time: Duration) -> Self {
        self.save_every = time;
        self
    }

    /// Keeps at most this many bytes of each part's decoded images in memory, by default 4 GiB, or what
    /// [`set_memory`](crate::data::set_memory) says; more go to a temporary file.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Trains on this device, see [`device::open`]; by default on the processor.
    pub fn device(mut self, device: &Device) -> Self {
        self.device = Some(device.clone());
        self
    }

    /// Ends after the current step, with a checkpoint, once another thread sets this flag.
    pub fn stop(mut self, flag: &Arc<AtomicBool>) -> Self {
        self.stop = Arc::clone(flag);
        self
    }

    /// Trains and judges the best model on the validation images.
    ///
    /// # Errors
    /// The errors of [`plan`](Self::plan) and [`Plan::run`].
    pub fn run(&self, observer: &mut dyn Observer) -> Result<FinishedRun> {
        self.plan(observer)?.run(observer)
    }

    /// Settles the recipe, data, split and folder of the run, and checks that they fit together.
    ///
    /// # Errors
    /// A recipe that makes no sense, a folder that holds a run (or, to resume, none), data that no classifier
    /// can learn from, a split that does not fit them.
    pub fn plan(&self, watch: &mut dyn Watch) -> Result<Plan> {
        self.plan_by(self.read_recipe()?, watch)
    }

    /// Settles the run by the recipe that [`read_recipe`](Self::read_recipe) gave, as [`plan`](Self::plan)
    /// does for callers that have not read it.
    ///
    /// # Errors
    /// The errors of [`plan`](Self::plan).
    pub fn plan_by(&self, recipe: Recipe, watch: &mut dyn Watch) -> Result<Plan> {
        let folder = self.folder(&recipe, "");
        train::check_folder(&folder, self.start)?;
        let data = self.open_data(&recipe, &folder, watch)?;
        let split = self.find_split(&recipe, &data.source, &folder)?;
        split.check_groups(&data.source)?;
        if self.start == Start::Fresh {
            self.check_inputs_are_kept(&folder)?;
        }
        Ok(self.plan_of(recipe, Arc::new(data), split, folder, self.start))
    }

    /// Plan of a run with this recipe, data, split and folder, and the other options of this training.
    pub fn plan_of(
        &self,
        mut recipe: Recipe,
        data: Arc<RunData>,
        split: Split,
        folder: PathBuf,
        start: Start,
    ) -> Plan {
        // what was told by these images holds for all that the model will see
        recipe.data.white = recipe.data.white.or(data.source.white());
        Plan { recipe, data, split, folder, start, training: self.clone() }
    }

    /// The recipe with every override: the one that was chosen, or that of the run to resume.
    ///
    /// # Errors
    /// An unknown name, a file that is no recipe, values that make no sense, or a folder to resume from
    /// without a recipe.
    pub fn read_recipe(&self) -> Result<Recipe> {
        match &self.recipe {
            Choice::Given(recipe) => recipe.with(&self.overrides),
            Choice::Named(name) => Recipe::load(name, &self.overrides),
            Choice::OfRun => {
                let folder = self.out.as_deref().unwrap_or(Path::new("."));
                let own = folder.join(RECIPE);
                if self.out.is_some() && own.exists() {
                    return Recipe::load_saved(&own, &self.overrides);
                }
                Err(Error::new(format!("no run to resume: there is no {RECIPE}"))
                    .at(folder)
                    .hint("give the folder of a run as --out, or start one with --recipe and --data")
                    .with_kind(ErrorKind::NotFound))
            }
        }
    }

    /// Folder of the run; by default in `runs`, named after the recipe with `suffix` behind.
    pub fn folder(&self, recipe: &Recipe, suffix: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| Path::new("runs").join(format!("{}{suffix}", recipe.name)))
    }

    /// Opens the data set that was given, or else the one that the run in the folder reads, with the recipe's
    /// number for white.
    ///
    /// # Errors
    /// Data in no known form, or with fewer than two classes; a folder without the path of its run's data.
    pub fn open_data(&self, recipe: &Recipe, folder: &Path, watch: &mut dyn Watch) -> Result<RunData> {
        let info = match &self.data {
            Some(data) => RunInfo::new(data),
            None => RunInfo::read(folder)?,
        };
        let source = data::open_as(&info.data, recipe.data.white)?;
        tell(source.notices(), watch);
        check_classes(&source, watch)?;
        Ok(RunData { info, source })
    }

    /// The split that is given, or the run's own, or the data's own, or a new one.
    ///
    /// # Errors
    /// A file that is no split, or a new split that leaves no image for validation.
    pub fn find_split(&self, recipe: &Recipe, source: &Source, folder: &Path) -> Result<Split> {
        let run = match self.start {
            Start::Resume => OfRun::Must(folder),
            Start::Fresh => OfRun::None,
        };
        match split_choice::find(source, self.split.as_deref(), run)? {
            Some(split) => Ok(split),
            None => new_split(recipe, source),
        }
    }

    /// Checks that the run would not write over the recipe or the split that it is given.
    ///
    /// # Errors
    /// A recipe or a split in the run's folder, under the name that the run writes.
    pub fn check_inputs_are_kept(&self, folder: &Path) -> Result<()> {
        let recipe = match &self.recipe {
            Choice::Named(name) => Some(Path::new(name)),
            Choice::Given(_) | Choice::OfRun => None,
        };
        for (input, name) in [(recipe, RECIPE), (self.split.as_deref(), SPLIT)] {
            let same =
                |input: &Path| Some(input.canonicalize().ok()? == folder.join(name).canonicalize().ok()?);
            if let Some(input) = input.filter(|input| same(input) == Some(true)) {
                return Err(Error::new("the run would write over this file")
                    .at(input)
                    .hint("choose another --out")
                    .with_kind(ErrorKind::AlreadyExists));
            }
        }
        Ok(())
    }
}

impl Plan {
    /// Trains on this device, see [`device::open`].
    pub fn on(mut self, device: &Device) -> Self {
        self.training.device = Some(device.clone());
        self
    }

    /// Trains, judges the best model on the validation images, and writes its record and page into the run's
    /// folder.
    ///
    /// # Errors
    /// A network that cannot be built or started as the recipe says, a folder that another process trains in,
    /// a picture that cannot be read; of the kind [`ErrorKind::Interrupted`] when the stop flag was set,
    /// [`ErrorKind::Diverged`] when the loss was no finite number any more.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<FinishedRun> {
        let device = match &self.training.device {
            Some(device) => device.clone(),
            None => device::open("cpu")?,
        };
        if self.start == Start::Fresh {
            let images = self.split.counts()[Part::Train as usize] as usize;
            train::check(&self.recipe, self.data.source.classes(), images, &device)?;
        }
        let folder = Claimed::for_run(&self.folder, self.start)?;
        let (training, val) = self.load_parts(observer)?;
        if self.start == Start::Fresh {
            self.data.info.write(&folder)?;
            self.split.write(&folder.join(SPLIT))?;
        }
        let data = self.data.info.data.display().to_string();
        let was_complete = self.start == Start::Resume && train::unfinished(&self.folder).is_none();
        let best_epoch = fit(
            &Task {
                recipe: &self.recipe,
                train: &training,
                val: &val,
                data: &data,
                synthetic: false,
                out: &folder,
                start: self.start,
                save_every: self.training.save_every,
                command: &command_line(),
                device: &device,
            },
            observer,
            &self.training.stop,
        )?;
        if was_complete {
            observer.note("the run was complete already: nothing was left to train");
        }
        trusting::add_to_run(&self.folder, &training, &val, &device, observer)?;
        observer.note(&format!("judging the model of epoch {best_epoch} on the validation images"));
        let model = Classifier::options().device(&device).open(&self.folder)?;
        let evaluation = evaluate_cropped(&model, &val, data)
            .part("val")
            .notices(self.data.source.all_notices())
            .unreadable(training.skipped().to_vec())
            .run(observer)?;
        let page = run_folder::write_evaluation(&self.folder, &evaluation, &self.folder)?;
        observer.note(&format!("report: {}", page.display()));
        let made_by = Provenance::now(command_line(), device::name(&device));
        ModelCard::read(&self.folder, &[], made_by)?.write_into(&self.folder)?;
        Ok(FinishedRun { folder: self.folder.clone(), best_epoch, evaluation, model })
    }

    /// Decodes the images to train on and those to validate on.
    fn load_parts(&self, watch: &mut dyn Watch) -> Result<(Dataset, Dataset)> {
        // a split that does not fit is found before anything is decoded
        for part in [Part::Train, Part::Val] {
            self.split.indices(&self.data.source, part)?;
        }
        let unused = self.split.ignored(&self.data.source);
        if unused > 0 {
            watch.warn(&format!(
                "{unused} images of the data are in no part of the split and are left unused"
            ));
        }
        let training = self.load(Part::Train, watch)?;
        let val = self.load(Part::Val, watch)?;
        tell(&self.data.source.picture_notices(), watch);
        watch.note(&format!("train: {}", describe(&training)));
        watch.note(&format!("val:   {}", describe(&val)));
        if let Some(warning) = missing_classes(&val) {
            watch.warn(&warning);
        }
        Ok((training, val))
    }

    /// Decodes the images of a part as the recipe says.
    ///
    /// # Errors
    /// A split that does not fit the data; a picture that cannot be read, unless the recipe skips those.
    pub fn load(&self, part: Part, watch: &mut dyn Watch) -> Result<Dataset> {
        let source = &self.data.source;
        let indices = self.split.indices(source, part)?;
        let options = LoadOptions::default()
            .on_bad_image(self.recipe.data.on_bad_image)
            .memory_budget(self.training.memory);
        let data = {
            let progress = from_any_thread(watch, Phase::Decoding, indices.len());
            Dataset::load(source, Some(&indices), &train::preprocess(&self.recipe), &options, &progress)?
        };
        if let Some(warning) = skipped_images(data.skipped()) {
            watch.warn(&warning);
        }
        Ok(data)
    }
}

/// Trains, with notes to the observer at the beginning and the end. Returns the epoch of the best model.
///
/// # Errors
/// The errors of [`train::fit`]; of the kind [`ErrorKind::Interrupted`] when `stop` was set,
/// [`ErrorKind::Diverged`] when the loss was no finite number any more.
pub fn fit(task: &Task, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<u64> {
    observer.starts();
    let recipe = task.recipe;
    let precision = recipe.precision.on(task.device).name();
    train::outlook(task)?.iter().for_each(|line| observer.note(line));
    train::doubts(task)?.iter().for_each(|line| observer.warn(line));
    run_folder::write_json(&task.out.join(TRAINING), &train::training_data(task)?)?;
    observer.note(&format!("training {} in {precision} into {}", recipe.model.name, task.out.display()));
    match train::fit(task, observer, stop)? {
        Outcome::Finished { best_epoch, best } => {
            let metric = recipe.select.describe();
            let best = recipe.select.metric.notation.text(best);
            observer.note(&format!("done: best validation {metric} {best} in epoch {best_epoch}"));
            Ok(best_epoch)
        }
        Outcome::Interrupted { step } => {
            let message = format!("interrupted after step {step}; everything is saved");
            Err(Error::new(message).with_kind(ErrorKind::Interrupted))
        }
        Outcome::Diverged(error) => {
            remember_divergence(task.out, &error)?;
            Err(error.with_kind(ErrorKind::Diverged))
        }
    }
}

/// Leaves word in a run's folder that it would diverge again, where there is a checkpoint to go on from.
fn remember_divergence(run: &Path, error: &Error) -> Result<()> {
    if !run.join(CHECKPOINT).exists() {
        return Ok(());
    }
    file::write_atomic(&run.join(DIVERGED), |file| writeln!(file, "{error}"))
}

/// Describes a data set in words: the number and size of its images, and where they are kept.
pub fn describe(data: &Dataset) -> String {
    let (width, height) = data.dimensions();
    let megabytes = (data.len() * width * height * 3) as f64 / 1e6;
    let place = if data.is_in_memory() { "in memory" } else { "in a temporary file" };
    format!("{} images of {width}x{height} pixels ({megabytes:.0} MB {place})", data.len())
}

/// Which classes have no validation image, so that nothing that is chosen by them heeds these; nothing where
/// all have.
fn missing_classes(val: &Dataset) -> Option<String> {
    let missing: Vec<&str> = val
        .classes()
        .iter()
        .zip(val.counts())
        .filter(|(_, images)| *images == 0)
        .map(|(name, _)| name.as_str())
        .collect();
    let (all, missing_number) = (val.classes().len(), missing.len());
    (!missing.is_empty()).then(|| {
        format!(
            "no validation image is of {}: means over classes are over {} of {all} classes",
            missing.join(", "),
            all - missing_number
        )
    })
}

/// Refuses data that no classifier can learn from, before anything is decoded, and names classes without
/// images.
fn check_classes(source: &Source, watch: &mut dyn Watch) -> Result<()> {
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
        watch
            .warn(&format!("{empty} of the {all} classes have no image, first `{first}`; is a label wrong?"));
    }
    Ok(())
}

/// A new split by the recipe's shares.
fn new_split(recipe: &Recipe, source: &Source) -> Result<Split> {
    let fractions = Fractions { val: recipe.data.validation, test: recipe.data.test };
    let split = SplitPlan::new(source, recipe.seed).parts(fractions).map_err(|e| e.at(source.path()))?;
    if split.counts()[Part::Val as usize] > 0 {
        return Ok(split);
    }
    let share = recipe.data.validation;
    Err(Error::new(format!("no image is left for validation, whose share is {share}"))
        .at(source.path())
        .hint("add images, raise the share with --set data.validation=0.3, or give a --split"))
}
