//! The door to evaluation: how good a model is on labelled images, unchanged and under the conditions of
//! suites.

mod assumed;
mod journal;
mod judge;
mod suites;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use hema_core::data::{self, Dataset, Notice, Skipped, Unknown};
use hema_core::error::{Error, Result};
use hema_core::file;
use hema_core::provenance::Provenance;
use hema_core::record::{Evaluation, ModelSummary};
use hema_core::seen::Known;
use hema_core::suite::{self, Suite};

use crate::classifier::Classifier;
use crate::command_line::command_line;
use crate::device;
use crate::predict::{Geometry, Images};
use crate::recipe::read_suite;
use crate::run_folder::{self, JOURNAL};
use crate::split_choice::choose_part;
use crate::watch::{Phase, Watch};
use journal::Journal;
use judge::{Subject, Trial};

pub use judge::labels;
pub(crate) use suites::interval as accuracy_interval;

/// Gives the images as a model sees them in a geometry.
type See<'a> = dyn Fn(Geometry, &mut dyn Watch) -> Result<Images> + 'a;

/// An evaluation that is about to be made: see [`evaluate`].
#[must_use = "nothing is judged until `run`"]
pub struct Evaluating<'a> {
    model: &'a Classifier,
    data: Data<'a>,
    suites: Vec<String>,
    split: Option<PathBuf>,
    part: Option<String>,
    out: Option<PathBuf>,
    notices: Vec<Notice>,
    unreadable: Vec<Skipped>,
}

/// Where labelled images come from.
enum Data<'a> {
    /// A data set of any form.
    Path(PathBuf),
    /// Images in memory, whose classes are the model's, with words for the record.
    Images { data: &'a Dataset, name: String, cropped: bool },
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
pub fn evaluate_dataset<'a>(
    model: &'a Classifier,
    data: &'a Dataset,
    name: impl Into<String>,
) -> Evaluating<'a> {
    Evaluating::of(model, Data::Images { data, name: name.into(), cropped: false })
}

/// Judges a model on images that are cropped already, as training's are.
pub(crate) fn evaluate_cropped<'a>(
    model: &'a Classifier,
    data: &'a Dataset,
    name: impl Into<String>,
) -> Evaluating<'a> {
    Evaluating::of(model, Data::Images { data, name: name.into(), cropped: true })
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
        Self {
            model,
            data,
            suites: Vec::new(),
            split: None,
            part: None,
            out: None,
            notices: Vec::new(),
            unreadable: Vec::new(),
        }
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
    /// same model and images that was interrupted there. Meanwhile no other may judge there.
    pub fn out(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out = Some(folder.into());
        self
    }

    /// Puts these notices into the record, of data that is in memory.
    pub(crate) fn notices(self, notices: Vec<Notice>) -> Self {
        Self { notices, ..self }
    }

    /// Puts these images into the record that could not be read, beside those of the data that is judged.
    pub(crate) fn unreadable(self, unreadable: Vec<Skipped>) -> Self {
        Self { unreadable, ..self }
    }

    /// Judges the model. The record holds the scores of every condition, the unchanged images first.
    ///
    /// # Errors
    /// An unknown suite or part; a split for images in memory, which have none; images without labels, or
    /// of classes that the model does not know; a picture that cannot be read, unless those are skipped; a
    /// folder that cannot be written.
    pub fn run(self, watch: &mut dyn Watch) -> Result<Evaluation> {
        let suites: Vec<Suite> = self.suites.iter().map(|name| find_suite(name)).collect::<Result<_>>()?;
        if let Some(out) = &self.out {
            file::create_folder(out)?;
        }
        match &self.data {
            Data::Path(path) => {
                let model = self.model;
                let source =
                    data::open_as(path, model.white())?.with_classes(model.classes(), Unknown::Fail)?;
                let (part, indices) =
                    choose_part(&source, model.path(), self.split.as_deref(), self.part.as_deref())?;
                let names = (&*path.display().to_string(), &*part);
                let images = model.load(&source, indices.as_deref(), watch)?;
                self.judge(names, &images, &suites, watch, &|| source.all_notices(), &|geometry, watch| {
                    model.load_as(&source, indices.as_deref(), geometry, watch)
                })
            }
            Data::Images { data, name, cropped } => {
                if let Some(split) = &self.split {
                    return Err(Error::new(
                        "found a split for images in memory, expected all to be of one part",
                    )
                    .at(split)
                    .hint("make a data set of the part's images, or judge them by their path"));
                }
                let predictor = self.model.predictor();
                let names = (&**name, self.part.as_deref().unwrap_or("all"));
                let notices = || self.notices.clone();
                if *cropped {
                    let images = predictor.view_cropped(data);
                    return self.judge(names, &images, &suites, watch, &notices, &|_, _| Ok(images.clone()));
                }
                let images = self.model.view(data, watch)?;
                self.judge(names, &images, &suites, watch, &notices, &|geometry, _| {
                    predictor.view_as(data, geometry)
                })
            }
        }
    }

    /// Judges images, from a data set and a part of these names, and writes the record where that is asked
    /// for. `notices` says what was not used; `see` gives the images in other geometries: at the size of its
    /// own that a suite damages images at, and as in training.
    fn judge(
        &self,
        (data, part): (&str, &str),
        images: &Images,
        suites: &[Suite],
        watch: &mut dyn Watch,
        notices: &dyn Fn() -> Vec<Notice>,
        see: &See,
    ) -> Result<Evaluation> {
        let model = self.model;
        let rescaling = images.rescaling();
        let mut at_size: BTreeMap<usize, Images> = BTreeMap::new();
        for size in suites.iter().filter_map(|suite| suite.size) {
            if let Entry::Vacant(entry) = at_size.entry(size) {
                entry.insert(see(Geometry { size: Some(size), ..Geometry::rescaled(rescaling) }, watch)?);
            }
        }
        let of_suite = |suite: &Suite| suite.size.and_then(|size| at_size.get(&size)).unwrap_or(images);
        let hash = images.hash()?;
        let trial = |suite| -> Result<Trial> {
            let own = of_suite(suite);
            let hash = if std::ptr::eq(own, images) { hash.clone() } else { own.hash()? };
            Ok(Trial { suite, images: own, hash })
        };
        let trials: Vec<Trial> = suites.iter().map(trial).collect::<Result<_>>()?;
        let provenance = Provenance::now(command_line(), device::name(model.predictor().device()));
        let mut journal = match &self.out {
            Some(out) => Some(Journal::open(&out.join(JOURNAL), &key(model, &hash, &provenance)?)?),
            None => None,
        };
        if let Some(judged) = journal.as_ref().map(Journal::len).filter(|judged| *judged > 0) {
            watch.note(&format!("going on with an evaluation that has judged {judged} conditions"));
        }
        if let Some(foreign) = journal.as_ref().map(Journal::foreign).filter(|foreign| *foreign > 0) {
            watch.note(&format!(
                "{foreign} conditions that were judged there are of another model, other images or another build, and \
                 are not used"
            ));
        }
        let (known, fitted_here) = match rescaling.filter(|rescaling| rescaling.changes()) {
            // the model knows its own images by how it was shown them
            Some(_) => relation(model, see(Geometry::default(), watch)?.first())?,
            None => relation(model, images.first())?,
        };
        let subject = Subject {
            model: ModelSummary { rescale: rescaling.cloned(), fitted_here, ..model.summary() },
            data: data.to_owned(),
            part: part.to_owned(),
            hash: images.first().hash()?,
            known,
            synthetic: model.manifests().iter().any(|m| m.synthetic),
            notices: notices(),
            unreadable: self.unreadable.clone(),
            provenance,
        };
        let conditions = 1 + trials.iter().map(|trial| trial.suite.conditions.len()).sum::<usize>();
        let each = images.first().len() * model.manifests().len();
        let (mut finished, mut current) = (0, String::new());
        let mut progress = |condition: &str, done: usize| {
            if condition != current {
                finished += usize::from(!current.is_empty());
                condition.clone_into(&mut current);
            }
            watch.progress(Phase::Judging(condition), finished * each + done, conditions * each);
        };
        let evaluation =
            judge::judge(model.predictor(), images, &trials, subject, journal.as_mut(), &mut progress)?;
        if let (Some(out), Some(journal)) = (&self.out, journal) {
            let page = run_folder::write_evaluation(out, &evaluation, model.path());
            // the record is complete where the page alone does not fit
            if page.is_ok() || run_folder::holds(out, &evaluation) {
                journal.finish()?;
            }
            watch.note(&format!("report: {}", page?.display()));
        }
        Ok(evaluation)
    }
}

/// How many images a model has seen, and what of it was chosen or fitted on them.
fn relation(model: &Classifier, images: &Dataset) -> Result<(Option<Known>, Option<Vec<String>>)> {
    Ok((model.known_of(images)?, model.predictor().fitted_on(&images.hash()?)))
}

/// Everything that decides the scores of a condition, beside the condition.
fn key(model: &Classifier, images: &str, provenance: &Provenance) -> Result<String> {
    let Provenance { version, commit, dirty, device, .. } = provenance;
    Ok(format!("{version} {commit} {dirty} {device} {}", model.identity(images)?))
}
