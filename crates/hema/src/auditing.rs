//! The door to auditing: the faults of a data set, perhaps found with the help of a model.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use hema_core::audit::{self, Audit, AuditRecord, ModelEvidence, Threshold};
use hema_core::data::{self, LoadOptions, OnBadImage, Source};
use hema_core::error::Result;
use hema_core::provenance::Provenance;
use hema_core::record::called;
use hema_core::seen::Seen;

use crate::audit_model::{self, Expert};
use crate::builtin;
use crate::command_line::command_line;
use crate::device;
use crate::model_file::Ensemble;
use crate::predict::Predictor;
use crate::split_choice::with_split;
use crate::watch::{Phase, Watch, from_any_thread, tell};

/// Folds that labels are judged in, where no other number is given.
const FOLDS: usize = 5;

/// An audit that is about to be made: see [`audit()`].
#[derive(Clone, Debug)]
#[must_use = "nothing is looked at until `run`"]
pub struct Auditing {
    data: PathBuf,
    split: Option<PathBuf>,
    thresholds: Vec<Threshold>,
    model: Option<PathBuf>,
    folds: Option<usize>,
    device: Option<Device>,
    memory: LoadOptions,
    white: Option<f64>,
}

/// A data set and everything that was found in it.
#[non_exhaustive]
pub struct Audited {
    /// The data set.
    pub source: Source,
    /// The findings and the measurements behind them.
    pub audit: Audit,
    /// The probabilities that labels were judged by, and the features of images, where a model was asked.
    pub model: Option<ModelEvidence>,
    /// The model that was asked, with the checksum of its contents.
    pub asked: Option<String>,
}

/// Looks for faults in a data set: copies, foreign images, conflicting labels, leaks between parts, spoilt
/// images.
///
/// ```no_run
/// let audited = hema::audit("cells/").run(&mut ())?;
/// for finding in &audited.audit.findings {
///     let path = finding.image.map_or("", |image| audited.source.entry(image).path);
///     println!("{path}: {}: {}", finding.check, finding.detail);
/// }
/// # Ok::<(), hema::Error>(())
/// ```
pub fn audit(data: impl Into<PathBuf>) -> Auditing {
    Auditing {
        data: data.into(),
        split: None,
        thresholds: Vec::new(),
        model: None,
        folds: None,
        device: None,
        memory: LoadOptions::default(),
        white: None,
    }
}

impl Auditing {
    /// Looks for leaks between the parts of this CSV file with the columns path and split; by default of the
    /// data's own.
    pub fn split(mut self, file: impl Into<PathBuf>) -> Self {
        self.split = Some(file.into());
        self
    }

    /// Reports the images that score below `value` in a check, one of [`hema_core::audit::CHECKS`]; 0 leaves
    /// the check out.
    pub fn threshold(mut self, check: impl Into<String>, value: f64) -> Self {
        self.thresholds.push(Threshold { check: check.into(), value });
        self
    }

    /// Asks this model, a single one, about outliers and doubtful labels; copies that are cropped or turned
    /// by odd angles are looked for as well. Labels are judged by its own predictions where it is known to
    /// have seen none of the images and knows all their classes, else as with [`folds`](Self::folds).
    pub fn model(mut self, path: impl Into<PathBuf>) -> Self {
        self.model = Some(path.into());
        self
    }

    /// Judges the labels of each fold by a classifier that is fitted to the other folds, 5 folds by default.
    /// Its features are the model's or, without one, those of a network with `ImageNet`'s weights. Cropped
    /// and turned copies are looked for as with [`model`](Self::model).
    pub fn folds(mut self, folds: usize) -> Self {
        self.folds = Some(folds);
        self
    }

    /// Computes on this device; by default on the processor.
    pub fn device(mut self, device: &Device) -> Self {
        self.device = Some(device.clone());
        self
    }

    /// Keeps at most this many bytes of decoded images in memory for the model, by default 4 GiB, or what
    /// [`set_memory`](crate::data::set_memory) says.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = self.memory.memory_budget(bytes);
        self
    }

    /// Takes this number for white in images of more than 8 bits; by default the images tell it.
    pub fn white(mut self, white: Option<f64>) -> Self {
        self.white = white;
        self
    }

    /// Opens the data set with every image in its part.
    ///
    /// # Errors
    /// Data in no known form, or a split that does not fit them.
    pub fn open(&self) -> Result<Source> {
        with_split(data::open_as(&self.data, self.white)?, self.split.as_deref())
    }

    /// Opens the data set and audits it.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open) and [`run_on`](Self::run_on).
    pub fn run(&self, watch: &mut dyn Watch) -> Result<Audited> {
        self.run_on(self.open()?, watch)
    }

    /// Audits a data set that is open. A model is asked only about the images that no other check drops: the
    /// dropped ones are no evidence of how a class looks.
    ///
    /// # Errors
    /// A threshold of an unknown check, a model that cannot be opened, or data that cannot be read any
    /// further.
    pub fn run_on(&self, source: Source, watch: &mut dyn Watch) -> Result<Audited> {
        // a check that is not there, or a model that cannot be opened, is found before the work
        for threshold in &self.thresholds {
            audit::find_check(&threshold.check)?;
        }
        tell(source.notices(), watch);
        let expert = self.open_model(&source)?;
        let measured = {
            let progress = from_any_thread(watch, Phase::Measuring, source.len());
            // a model takes minutes anyway
            let measure = if expert.is_some() { audit::measure_closely } else { audit::measure_all };
            measure(&source, &progress)?
        };
        tell(&source.picture_notices(), watch);
        let mut audit = {
            let progress = from_any_thread(watch, Phase::Comparing, source.len());
            audit::judge(&source, None, measured, None, &self.thresholds, &progress)?
        };
        let (mut model, mut asked) = (None, None);
        if let Some(expert) = expert {
            let evidence = self.ask(&expert, &source, &audit, watch)?;
            self.warn_of_training(&evidence, watch);
            audit = audit.with_model(&source, &evidence, &self.thresholds)?;
            (model, asked) = (Some(evidence), Some(expert.called));
        }
        Ok(Audited { source, audit, model, asked })
    }

    /// Warns of evidence from a model that was trained on the very images.
    fn warn_of_training(&self, evidence: &ModelEvidence, watch: &mut dyn Watch) {
        if let Some(model) = self.model.as_ref().filter(|_| evidence.trained_on > 0) {
            watch.warn(&format!(
                "{} was trained on {} of these images: its features repeat their labels, and it doubts fewer than are \
                 wrong; a model of other images, or --folds without --model, doubts more",
                model.display(),
                evidence.trained_on
            ));
        }
    }

    /// The model to ask, where one was asked for.
    fn open_model(&self, source: &Source) -> Result<Option<Expert>> {
        let device = match &self.device {
            Some(device) => device.clone(),
            None => device::open("cpu")?,
        };
        match &self.model {
            Some(path) => open_single(path, &device).map(Some),
            None if self.folds.is_some() => {
                let predictor = audit_model::pretrained(source.classes(), &device)?;
                let called = "ImageNet features".to_owned();
                Ok(Some(Expert { predictor, seen: Seen::default(), called }))
            }
            None => Ok(None),
        }
    }

    /// Asks a model about the images that stay. It mostly repeats the labels it has seen: unless it has seen
    /// none of them, labels are judged by heads that were fitted to other images.
    fn ask(
        &self,
        expert: &Expert,
        source: &Source,
        audit: &Audit,
        watch: &mut dyn Watch,
    ) -> Result<ModelEvidence> {
        let stay = positions_that_stay(audit, source);
        let options = self.memory.on_bad_image(OnBadImage::Skip);
        let progress = from_any_thread(watch, Phase::AskingModel, stay.len());
        let evidence = audit_model::ask(&expert.predictor, &expert.seen, source, &stay, &options, &progress)?;
        drop(progress);
        if source.classes().len() < 2 {
            return Ok(evidence);
        }
        let folds = self.folds.unwrap_or(FOLDS);
        let reason = match audit_model::own_predictions(&evidence, expert, source) {
            Ok(own) if self.folds.is_none() => {
                watch.note("labels are judged by the model itself, which has seen none of these images");
                return Ok(own);
            }
            Ok(_) => "--folds".to_owned(),
            Err(reason) => reason,
        };
        watch.note(&format!(
            "labels are judged by classifiers on the model's features, each fitted to other images ({folds} folds): {reason}"
        ));
        audit_model::out_of_fold(evidence, source, &audit.copies(), folds)
    }
}

/// Opens a single model: images are compared by its features.
fn open_single(path: &Path, device: &Device) -> Result<Expert> {
    let alone = Ensemble::of_single(path)?;
    let seen = alone.members[0].model.manifest.seen.clone();
    let checksums: Vec<u32> = alone.members.iter().filter_map(|member| member.checksum).collect();
    let called = called(&builtin::with_version(path).display().to_string(), &checksums);
    Ok(Expert { predictor: Predictor::of_ensemble(&alone, device)?, seen, called })
}

fn positions_that_stay(audit: &Audit, source: &Source) -> Vec<usize> {
    let kept = audit::kept(&audit.findings, source.len());
    (0..kept.len()).filter(|image| kept[*image]).collect()
}

impl Audited {
    /// Reads an earlier audit from its `findings.csv`, which a person may have edited. Nothing is measured.
    ///
    /// # Errors
    /// A file that is no list of findings, or one that does not fit the data.
    pub fn read(findings: &Path, source: Source) -> Result<Self> {
        Ok(Self { audit: Audit::read(findings, &source)?, source, model: None, asked: None })
    }

    /// Positions of the images that stay when every finding's action is taken.
    pub fn stay(&self) -> Vec<usize> {
        positions_that_stay(&self.audit, &self.source)
    }

    /// The record of the audit, for `audit.json`: counts per check and per class, and every finding.
    pub fn record(&self) -> AuditRecord<'_> {
        let mut record = AuditRecord::new(&self.source, &self.audit, Provenance::now(command_line(), "CPU"));
        record.model.clone_from(&self.asked);
        record
    }
}
