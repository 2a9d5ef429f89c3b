//! Answers as columns, one value an image.

use std::sync::atomic::{AtomicBool, Ordering};

use hema::referral::{Asked, Referral, Sets};
use hema::rescale::Rescale;
use hema::trust::SetsBy;
use hema::{Classifier, Error, ErrorKind, Result};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray as _, PyArray1, PyArray2};
use pyo3::prelude::*;

use crate::images::{Given, Shown};

/// Images that are decoded and classified before Ctrl-C is heard.
const AT_ONCE: usize = 256;

/// What is asked of a call beside the classes.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) referral: Asked,
    /// Level of sets, and how they are made.
    pub(crate) sets: Option<(f64, &'static SetsBy)>,
    /// Whether images that cannot be read have rows without an answer.
    pub(crate) skips: bool,
}

/// Answers, with one value an image in each column. What an image that could not be read has no value for is
/// NaN, -1 or nothing.
#[derive(Default)]
pub(crate) struct Columns {
    classes: usize,
    paths: Vec<String>,
    class: Vec<i64>,
    runner_up: Vec<i64>,
    probabilities: Vec<f32>,
    excluded: Vec<f32>,
    unlike: Vec<f32>,
    poor: Vec<f32>,
    refers: bool,
    reason: Vec<Option<String>>,
    sets: Option<Vec<Vec<usize>>>,
    rescale: Option<f64>,
    criterion: Option<String>,
    notes: Vec<String>,
}

impl Columns {
    /// Classifies the images of a call.
    ///
    /// # Errors
    /// An image that cannot be read, unless those are skipped; a wish that the model cannot meet; a raised
    /// flag.
    pub(crate) fn of(model: &Classifier, given: &Given, wish: Wish, stop: &AtomicBool) -> Result<Self> {
        Referral::new(model.trust(), wish.referral)?;
        let mut columns = Self { classes: model.classes().len(), ..Self::default() };
        columns.sets = wish.sets.map(|_| Vec::new());
        // what is estimated from all images of a call needs them together
        let together = model.predictor().adapts() || model.rescale() == Some(Rescale::Auto);
        let positions: Vec<usize> = (0..given.len()).collect();
        for positions in positions.chunks(if together { positions.len().max(1) } else { AT_ONCE }) {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::new("interrupted").with_kind(ErrorKind::Interrupted));
            }
            columns.add(model, given.show(model, positions, wish.skips)?, wish)?;
        }
        columns.notes.extend(given.notices());
        Ok(columns)
    }

    fn add(&mut self, model: &Classifier, shown: Shown, wish: Wish) -> Result<()> {
        let Shown { images, paths, unreadable } = shown;
        let trust = || model.trust_of(&images);
        let referral = Referral::new(trust(), wish.referral)?;
        let sets = wish.sets.map(|(level, by)| Sets::new(trust(), by, level)).transpose()?;
        self.refers = referral.refers();
        self.criterion = referral.criterion();
        self.rescale = images.rescaling().map(|rescaling| rescaling.factor);
        if let Some(found) = images.rescaling().filter(|found| found.was_found()) {
            self.notes.push(found.to_string());
        }
        let mut unlike = model.unlike_training(images.first())?.into_iter();
        let mut answers = model.predict(&images);
        for (path, why) in paths.into_iter().zip(unreadable) {
            self.paths.push(path);
            if let Some(why) = why {
                self.add_unreadable(&why);
                continue;
            }
            let answer =
                answers.next().transpose()?.ok_or_else(|| Error::new("an image without an answer"))?;
            let doubt = referral.doubt(&answer, unlike.next().unwrap_or_default());
            self.class.push(answer.class() as i64);
            self.runner_up.push(answer.runner_up() as i64);
            self.probabilities.extend(answer.probabilities());
            self.excluded.push(answer.excluded());
            self.unlike.push(answer.marks().map_or(f32::NAN, |marks| marks.unlike));
            self.poor.push(answer.marks().map_or(f32::NAN, |marks| marks.poor));
            self.reason.push(doubt.map(|doubt| doubt.to_string()));
            if let (Some(all), Some(sets)) = (&mut self.sets, &sets) {
                all.push(sets.of(&answer));
            }
        }
        Ok(())
    }

    fn add_unreadable(&mut self, why: &str) {
        self.class.push(-1);
        self.runner_up.push(-1);
        self.probabilities.extend(vec![f32::NAN; self.classes]);
        for column in [&mut self.excluded, &mut self.unlike, &mut self.poor] {
            column.push(f32::NAN);
        }
        self.reason.push(Some(format!("unreadable: {why}")));
        if let Some(sets) = &mut self.sets {
            sets.push(Vec::new());
        }
    }
}

/// Answers as Python reads them: one value an image in each attribute.
#[pyclass(frozen, get_all, module = "hema_blood._hema")]
pub(crate) struct Answers {
    paths: Vec<String>,
    class_: Py<PyArray1<i64>>,
    runner_up: Py<PyArray1<i64>>,
    probabilities: Py<PyArray2<f32>>,
    excluded: Py<PyArray1<f32>>,
    unlike: Py<PyArray1<f32>>,
    poor: Py<PyArray1<f32>>,
    refers: bool,
    reason: Vec<Option<String>>,
    sets: Option<Vec<Vec<usize>>>,
    rescale: Option<f64>,
    criterion: Option<String>,
    notes: Vec<String>,
}

impl Columns {
    /// The columns as arrays, whose memory NumPy takes over.
    pub(crate) fn into_answers(self, py: Python<'_>) -> PyResult<Answers> {
        let rows = self.paths.len();
        let probabilities = Array2::from_shape_vec((rows, self.classes), self.probabilities)
            .map_err(|e| pyo3::exceptions::PyValueError::new_err(e.to_string()))?;
        Ok(Answers {
            paths: self.paths,
            class_: self.class.into_pyarray(py).unbind(),
            runner_up: self.runner_up.into_pyarray(py).unbind(),
            probabilities: probabilities.into_pyarray(py).unbind(),
            excluded: self.excluded.into_pyarray(py).unbind(),
            unlike: self.unlike.into_pyarray(py).unbind(),
            poor: self.poor.into_pyarray(py).unbind(),
            refers: self.refers,
            reason: self.reason,
            sets: self.sets,
            rescale: self.rescale,
            criterion: self.criterion,
            notes: self.notes,
        })
    }
}
