//! The door to evaluation: how good a model is on labelled images, clean and under the conditions of suites.

mod journal;
mod judge;
mod suites;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use hema_core::data::{self, Dataset, Unknown};
use hema_core::error::Result;
use hema_core::file;
use hema_core::provenance::Provenance;
use hema_core::record::Evaluation;
use hema_core::suite::{self, Suite};

use crate::classifier::Classifier;
use crate::command_line::command_line;
use crate::device;
use crate::predict::Images;
use crate::recipe::read_suite;
use crate::run_folder::{self, JOURNAL};
use crate::split_choice::choose_part;
use crate::watch::{Phase, Watch};
use journal::Journal;
use judge::{Subject, Trial};

pub use judge::labels;

/// An evaluation that is about to be made: see [`evaluate`].
#[must_use = "nothing is judged until `run`"]
pub struct Evaluating<'a> {
    model: &'a Classifier,
    data: Data<'a>,
    suites: Vec<String>,
    split: Option<PathBuf>,
    part: Option<String>,
    out: Option<PathBuf>,
}

/// Where labelled images come from.
enum Data<'a> {
    /// A data set of any form.
    Path(PathBuf),
    /// Images in memory, whose classes are the model's, with words for the record.
    Images { images: Images, data: &'a Dataset, name: String },
}

/// Judges a model on a data set: its accuracy and calibration with intervals, for every class, and its worst
/// mistakes.
///
/// ```no_run
/// let model = hema::Classifier::open("runs/v2b0")?;
/// let evaluation = hema::evaluate(&model, "cells/").part("test").suite("degraded").run(&mut ())?;
/// println!("{:.1} % right", 100.0 * evaluation.conditions[0].scores.accuracy());
/// # Ok::<(), hema::Error>(())
/// ```
pub fn evaluate(model: &Classifier, data: impl Into<PathBuf>) -> Evaluating<'_> {
    Evaluating::of(model, Data::Path(data.into()))
}

/// Judges a model on labelled images in memory, of any size, whose classes are the model's in the same order.
/// `name` stands in the record for the path of the data.
///
/// # Errors
/// An image that cannot be read from the data set's store.
pub fn evaluate_dataset<'a>(
    model: &'a Classifier,
    data: &'a Dataset,
    name: impl Into<String>,
) -> Result<Evaluating<'a>> {
    let images = model.predictor().view(data)?;
    Ok(Evaluating::of(model, Data::Images { images, data, name: name.into() }))
}

/// Judges a model on images that are cropped already, as training's are.
pub(crate) fn evaluate_cropped<'a>(
    model: &'a Classifier,
    data: &'a Dataset,
    name: impl Into<String>,
) -> Evaluating<'a> {
    let images = model.predictor().view_cropped(data);
    Evaluating::of(model, Data::Images { images, data, name: name.into() })
}

/// Finds a suite by its name, or reads it from a TOML file.
///
/// # Errors
/// An unknown name, a file that is no suite.
pub fn find_suite(name: &str) -> Result<Suite> {
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension == "toml") {
        return read_suite(path);
    }
    suite::find(name)
}

impl<'a> Evaluating<'a> {
    fn of(model: &'a Classifier, data: Data<'a>) -> Self {
        Self { model, data, suites: Vec::new(), split: None, part: None, out: None }
    }

    /// Judges under the conditions of this suite too: a name (see [`suite::SUITES`]) or a TOML file. Call it
    /// again for more. The images as they are always come first.
    pub fn suite(mut self, name: impl Into<String>) -> Self {
        self.suites.push(name.into());
        self
    }

    /// Takes parts from this CSV file with the columns path and split; by default from the split that the
    /// model's run used if it fits the data, else from the data's own.
    pub fn split(mut self, file: impl Into<PathBuf>) -> Self {
        self.split = Some(file.into());
        self
    }

    /// Judges on this part: `train`, `val`, `test` or `all`; by default on `val` where there is a split, else
    /// on all images. For images in memory the part only goes into the record.
    pub fn part(mut self, part: impl Into<String>) -> Self {
        self.part = Some(part.into());
        self
    }

    /// Writes `evaluation.json` and `report.html` into this folder, and goes on with an evaluation of the
    /// same model and images that was interrupted there.
    pub fn out(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out = Some(folder.into());
        self
    }

    /// Judges the model. The record holds the scores of every condition, the clean images first.
    ///
    /// # Errors
    /// An unknown suite or part; images without labels, or of classes that the model does not know; a picture
    /// that cannot be read, unless those are skipped; a folder that cannot be written.
    pub fn run(self, watch: &mut dyn Watch) -> Result<Evaluation> {
        let suites: Vec<Suite> = self.suites.iter().map(|name| find_suite(name)).collect::<Result<_>>()?;
        if let Some(out) = &self.out {
            file::create_folder(out)?;
        }
        match &self.data {
            Data::Path(path) => self.run_on_files(path, &suites, watch),
            Data::Images { images, data, name } => {
                let count = data.len();
                let part = self.part.as_deref().unwrap_or("all");
                let trials: Vec<Trial> = suites.iter().map(|suite| Trial { suite, images }).collect();
                self.judge(images, &trials, (name, part, count), watch)
            }
        }
    }

    fn run_on_files(&self, path: &Path, suites: &[Suite], watch: &mut dyn Watch) -> Result<Evaluation> {
        let model = self.model;
        let source = data::open(path)?.with_classes(model.classes(), Unknown::Fail)?;
        let (part, indices) =
            choose_part(&source, model.path(), self.split.as_deref(), self.part.as_deref())?;
        let images = model.load(&source, indices.as_deref(), watch)?;
        let mut at_size: BTreeMap<usize, Images> = BTreeMap::new();
        for size in suites.iter().filter_map(|suite| suite.size) {
            if let Entry::Vacant(entry) = at_size.entry(size) {
                entry.insert(model.load_at(&source, indices.as_deref(), Some(size), watch)?);
            }
        }
        let of_suite = |suite: &Suite| suite.size.and_then(|size| at_size.get(&size)).unwrap_or(&images);
        let trials: Vec<Trial> =
            suites.iter().map(|suite| Trial { suite, images: of_suite(suite) }).collect();
        self.judge(&images, &trials, (&path.display().to_string(), &part, images.first().len()), watch)
    }

    /// Judges images, from a data set and a part of these names, and writes the record where that is asked
    /// for.
    fn judge(
        &self,
        images: &Images,
        trials: &[Trial],
        (data, part, count): (&str, &str, usize),
        watch: &mut dyn Watch,
    ) -> Result<Evaluation> {
        let model = self.model;
        let provenance = Provenance::now(command_line(), device::name(model.predictor().device()));
        let mut journal = match &self.out {
            Some(out) => Some(Journal::open(&out.join(JOURNAL), &key(model, images, &provenance)?)?),
            None => None,
        };
        if let Some(judged) = journal.as_ref().map(Journal::len).filter(|judged| *judged > 0) {
            watch.note(&format!("going on with an evaluation that has judged {judged} conditions"));
        }
        let subject = Subject {
            model: model.summary(),
            data: data.to_owned(),
            part: part.to_owned(),
            synthetic: model.manifests().iter().any(|m| m.synthetic),
            provenance,
        };
        let conditions = 1 + trials.iter().map(|trial| trial.suite.conditions.len()).sum::<usize>();
        let each = count * model.manifests().len();
        let (mut finished, mut current) = (0, String::new());
        let mut progress = |condition: &str, done: usize| {
            if condition != current {
                finished += usize::from(!current.is_empty());
                condition.clone_into(&mut current);
            }
            watch.progress(Phase::Judging(condition), finished * each + done, conditions * each);
        };
        let evaluation =
            judge::judge(model.predictor(), images, trials, subject, journal.as_mut(), &mut progress)?;
        if let (Some(out), Some(journal)) = (&self.out, journal) {
            let page = run_folder::write_evaluation(out, &evaluation, model.path())?;
            watch.note(&format!("report: {}", page.display()));
            journal.finish()?;
        }
        Ok(evaluation)
    }
}

/// Everything that decides the scores of a condition, beside the condition.
fn key(model: &Classifier, images: &Images, provenance: &Provenance) -> Result<String> {
    let Provenance { version, commit, dirty, .. } = provenance;
    Ok(format!("{version} {commit} {dirty} {}", model.identity(&images.first().hash()?)?))
}
