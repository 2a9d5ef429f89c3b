//! A trained model.

#![allow(clippy::needless_pass_by_value, reason = "what Python hands over is made for the call")]

use std::path::PathBuf;

use hema::data::OnBadImage;
use hema::nn::Precision;
use hema::referral::Asked;
use hema::rescale::Rescale;
use hema::trust::{Wanted, find_sets_by};
use hema::{Error, Result, device};
use numpy::PyReadonlyArray3;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::columns::{Answers, Columns, Wish};
use crate::failure::raised;
use crate::images::{Given, Pixels};
use crate::waiting::wait;

/// A model that is opened once and asked as often as wanted, by any thread.
#[pyclass(frozen, module = "hema_blood._hema")]
pub(crate) struct Classifier {
    /// Behind a pointer: parts of it lie at cache lines, which the interpreter's allocator does not know of.
    model: Box<hema::Classifier>,
    threads: Option<usize>,
    skips: bool,
}

/// How a model is opened, by the names of the package's `load`.
#[derive(FromPyObject)]
struct Options {
    #[pyo3(item)]
    device: String,
    #[pyo3(item)]
    tta: Option<String>,
    #[pyo3(item)]
    among: Vec<String>,
    #[pyo3(item)]
    adapt_prevalence: bool,
    #[pyo3(item)]
    precision: String,
    #[pyo3(item)]
    on_bad_image: String,
    #[pyo3(item)]
    white: Option<f64>,
    #[pyo3(item)]
    rescale: Option<String>,
    #[pyo3(item)]
    threads: Option<usize>,
    #[pyo3(item)]
    memory: Option<u64>,
}

/// What is asked of a call, by the names of the package's `classify`.
#[derive(FromPyObject)]
struct Question {
    #[pyo3(item)]
    sure: Option<f64>,
    #[pyo3(item)]
    max_refer: Option<f64>,
    #[pyo3(item)]
    max_risk: Option<f64>,
    #[pyo3(item)]
    confidence: f64,
    #[pyo3(item)]
    sets: Option<f64>,
    #[pyo3(item)]
    sets_by: String,
}

#[pymethods]
impl Classifier {
    #[new]
    fn new(py: Python<'_>, models: Vec<PathBuf>, options: Options) -> PyResult<Self> {
        let threads = options.threads;
        let skips = on_bad_image(&options.on_bad_image).map_err(|e| raised(py, &e))? == OnBadImage::Skip;
        let model = wait(py, threads, |_| options.open(&models))?;
        Ok(Self { model: Box::new(model), threads, skips })
    }

    /// Names of the classes, in the order of the probabilities.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.model.classes().to_vec()
    }

    /// Its path and the checksums of its members, as results name it.
    #[getter]
    fn called(&self) -> String {
        self.model.summary().called()
    }

    /// Checksum of each member's file.
    #[getter]
    fn checksums(&self) -> Vec<u32> {
        self.model.summary().checksums
    }

    /// Whether it chooses among some of its classes only.
    #[getter]
    fn limits(&self) -> bool {
        self.model.predictor().possible().len() < self.model.classes().len()
    }

    /// Classifies whatever holds images at paths.
    fn classify_data(&self, py: Python<'_>, inputs: Vec<PathBuf>, question: Question) -> PyResult<Answers> {
        self.ask(py, question, |model, skips| Given::data(model, &inputs, skips))
    }

    /// Classifies picture files in memory.
    fn classify_files(
        &self,
        py: Python<'_>,
        files: Vec<PyBackedBytes>,
        question: Question,
    ) -> PyResult<Answers> {
        self.ask(py, question, |_, _| Ok(Given::Files(&files)))
    }

    /// Classifies arrays of bytes of the shape [height, width, 3].
    fn classify_pixels(
        &self,
        py: Python<'_>,
        arrays: Vec<PyReadonlyArray3<'_, u8>>,
        question: Question,
    ) -> PyResult<Answers> {
        let pixels: Vec<Pixels> = arrays.iter().map(Pixels::of).collect();
        self.ask(py, question, |_, _| Ok(Given::Pixels(&pixels)))
    }
}

impl Classifier {
    fn ask<'a>(
        &self,
        py: Python<'_>,
        question: Question,
        given: impl FnOnce(&hema::Classifier, bool) -> Result<Given<'a>> + Send,
    ) -> PyResult<Answers> {
        let Self { model, threads, skips } = self;
        let columns = wait(py, *threads, |stop| {
            let wish = question.wish(*skips)?;
            Columns::of(model, &given(model, *skips)?, wish, stop)
        })?;
        columns.into_answers(py)
    }
}

impl Options {
    fn open(&self, models: &[PathBuf]) -> Result<hema::Classifier> {
        let device = device::open(&self.device)?;
        let precision = match &*self.precision {
            "fp32" => Precision::Fp32,
            "bf16" => Precision::Bf16,
            "auto" => Precision::fastest(&device),
            other => {
                return Err(Error::new(format!("the precision `{other}` (expected fp32, bf16 or auto)")));
            }
        };
        let mut options = hema::Classifier::options()
            .device(&device)
            .among(self.among.iter().cloned())
            .adapt_prevalence(self.adapt_prevalence)
            .precision(precision)
            .on_bad_image(on_bad_image(&self.on_bad_image)?)
            .white(self.white);
        if let Some(views) = &self.tta {
            options = options.tta(views);
        }
        if let Some(rescale) = &self.rescale {
            options = options.rescale(rescale.parse::<Rescale>()?);
        }
        if let Some(bytes) = self.memory {
            options = options.memory(bytes);
        }
        options.open_all(models)
    }
}

impl Question {
    fn wish(&self, skips: bool) -> Result<Wish> {
        let referral = match (self.sure, self.max_refer, self.max_risk) {
            (None, None, None) => Asked::Usual,
            (Some(sure), None, None) if sure > 0.0 && sure <= 1.0 => Asked::Sure(sure),
            (Some(sure), None, None) => {
                return Err(Error::new(format!(
                    "sure={sure} (expected a probability above 0 and at most 1)"
                )));
            }
            (None, Some(share), None) if (0.0..=1.0).contains(&share) => Asked::MaxRefer(share),
            (None, Some(share), None) => {
                return Err(Error::new(format!("max_refer={share} (expected a share of 0 to 1)")));
            }
            (None, None, Some(risk)) => Asked::Promise(Wanted::new(risk, self.confidence)?),
            _ => {
                let words = "sure, max_refer and max_risk together (expected one of them at most)";
                return Err(Error::new(words));
            }
        };
        let sets = self.sets.map(|level| find_sets_by(&self.sets_by).map(|by| (level, by))).transpose()?;
        Ok(Wish { referral, sets, skips })
    }
}

fn on_bad_image(name: &str) -> Result<OnBadImage> {
    match name {
        "fail" => Ok(OnBadImage::Fail),
        "skip" => Ok(OnBadImage::Skip),
        other => Err(Error::new(format!("on_bad_image={other} (expected `fail` or `skip`)"))),
    }
}
