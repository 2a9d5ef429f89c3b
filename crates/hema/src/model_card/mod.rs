//! A model card: what a model is, what it was made from, how well it works and what nobody knows of it
//! (Mitchell et al., 2019, "Model Cards for Model Reporting").
//!
//! Every fact is from the model's file, the folder of its run and records of evaluations; none is written by
//! hand. The JSON is the facts themselves, the Markdown is drawn from them: the two never differ. Left out on
//! purpose: words about the model that no file holds.

mod escape;
mod facts;
mod head;
mod judged;
mod made;
mod markdown;
mod missing;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hema_core::error::{Error, Result};
use hema_core::file;
use hema_core::likeness::Likeness;
use hema_core::provenance::Provenance;
use hema_core::record::Evaluation;
use hema_core::seen::Seen;

use crate::builtin;
use crate::model_file::{self, BEST, Ensemble, Member, Place};
use crate::origins::known_origins;
use crate::run_folder;
use crate::weights::origins_together;

pub use facts::{CARD_FORMAT, Missing, ModelCard, ModelFile};
pub use judged::{Judged, JudgedClass, JudgedCorruption, JudgedSuite, OfTraining, Score};
pub use made::{Made, trained_in};

/// Name of the card inside a run directory, as Markdown.
pub const CARD: &str = "card.md";

/// Name of the card inside a run directory, as JSON.
pub const CARD_JSON: &str = "card.json";

impl ModelCard {
    /// Reads the card of the model that a path means, which may be the folder of a series of runs: its files,
    /// its run, and the records of evaluations at these paths, besides that of the run itself.
    ///
    /// # Errors
    /// A path that holds no model; one that holds no evaluation, or that of another model.
    pub fn read(path: &Path, evaluations: &[PathBuf], provenance: Provenance) -> Result<Self> {
        let paths = model_file::expand(&[path.to_owned()])?;
        let model = match &paths[..] {
            [only] => Ensemble::read(only)?,
            _ => Ensemble::of_files(&paths)?,
        };
        let mut card = Self::of(&model, path, provenance)?;
        for path in &paths {
            card.files.push(model_file(path)?);
        }
        if matches!(&paths[..], [only] if builtin::is_name(only)) {
            card = card.under(Some(builtin::LICENCE.to_owned()));
            for record in builtin::evaluations()? {
                let evaluation = serde_json::from_slice(&record)
                    .map_err(|e| Error::new(format!("an evaluation that rides along: {e}")).at(path))?;
                check_is_of(&evaluation, &model, &card).map_err(|e| e.at(path))?;
                card.add(&evaluation);
            }
        }
        for record in records(&paths, evaluations) {
            let evaluation = run_folder::read_record(&record)?;
            check_is_of(&evaluation, &model, &card).map_err(|e| e.at(&record))?;
            card.add(&evaluation);
        }
        Ok(card)
    }

    /// The card of a model by what its file holds, and the folder of its run where it lies in one; `path`
    /// names it. Evaluations are [added](Self::add).
    ///
    /// # Errors
    /// A network that cannot be built.
    pub fn of(model: &Ensemble, path: &Path, provenance: Provenance) -> Result<Self> {
        let members: Vec<Made> = model.members.iter().map(Made::of).collect::<Result<_>>()?;
        let manifests = || model.members.iter().map(|member| &member.model.manifest);
        let temperature = match &model.members[..] {
            [Member { model: only, .. }] => only.manifest.temperature * model.temperature,
            _ => model.temperature,
        };
        let seen = manifests().fold(Seen::default(), |all, manifest| all.and(&manifest.seen));
        let likeness = manifests().fold(Likeness::default(), |all, own| all.and(&own.likeness));
        let ranges = likeness.ranges().map(|(name, range)| (name.to_owned(), range));
        let mut card = Self {
            format: CARD_FORMAT,
            provenance,
            name: run_folder::title(model_file::run_of(path)),
            path: path.display().to_string(),
            files: Vec::new(),
            licence: None,
            parameters: members.iter().map(|member| member.parameters).sum(),
            classes: model.classes().to_vec(),
            views: model.tta.name.to_owned(),
            temperature,
            fitted_on: model.fitted_on(),
            synthetic: manifests().any(|manifest| manifest.synthetic),
            members,
            seen: (!seen.is_empty()).then(|| seen.counts()),
            training_images: ranges.collect(),
            origins: origins_together(manifests().map(known_origins)),
            evaluations: Vec::new(),
            missing: Vec::new(),
        };
        card.missing = missing::of(&card);
        Ok(card)
    }

    /// Adds what an evaluation of the model found; one that says nothing new takes the place of the other, as
    /// that of a run which was judged anew under suites.
    pub fn add(&mut self, evaluation: &Evaluation) {
        let judged = Judged::of(evaluation, &self.members);
        if !self.evaluations.iter().any(|known| known.says_all_of(&judged)) {
            self.evaluations.retain(|known| !judged.says_all_of(known));
            self.evaluations.push(judged);
        }
        self.missing = missing::of(self);
    }

    /// Puts the card under a licence, by its name on the Hugging Face hub, as `apache-2.0`.
    pub fn under(mut self, licence: Option<String>) -> Self {
        self.licence = licence;
        self.missing = missing::of(&self);
        self
    }

    /// The card as Markdown, which begins with the YAML that the Hugging Face hub reads.
    pub fn to_markdown(&self) -> String {
        head::draw(self) + &markdown::draw(self)
    }

    /// Writes the card into the folder of its run, as Markdown and as JSON. Returns the path of the first.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_into(&self, run: &Path) -> Result<PathBuf> {
        let page = run.join(CARD);
        file::write_atomic(&page, |w| w.write_all(self.to_markdown().as_bytes()))?;
        run_folder::write_json(&run.join(CARD_JSON), self)?;
        Ok(page)
    }
}

/// The file of a model.
fn model_file(path: &Path) -> Result<ModelFile> {
    let place = model_file::find(path)?;
    let (sha256, bytes) = file::sha256(&mut place.open()?).map_err(|e| Error::io(place.path(), &e))?;
    let name = place.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(ModelFile { name, bytes, sha256 })
}

/// The records to read: that of the run whose chosen model is the only one, then those that were given, each
/// once.
fn records(models: &[PathBuf], given: &[PathBuf]) -> Vec<PathBuf> {
    let is_best = |place: Place| place.path().file_name().is_some_and(|name| name == BEST);
    let own = match models {
        [only] if model_file::find(only).is_ok_and(is_best) => {
            Some(only.clone()).filter(|model| run_folder::record_of(model).is_file())
        }
        _ => None,
    };
    let mut known = BTreeSet::new();
    let place = |path: &PathBuf| run_folder::record_of(path).canonicalize().unwrap_or_else(|_| path.clone());
    own.into_iter().chain(given.iter().cloned()).filter(|path| known.insert(place(path))).collect()
}

/// Checks that an evaluation is one of this model: by the contents of its files or, of an older record, by
/// what it says of the network.
fn check_is_of(evaluation: &Evaluation, model: &Ensemble, card: &ModelCard) -> Result<()> {
    let own: Vec<u32> = model.members.iter().filter_map(|member| member.checksum).collect();
    let judged = &evaluation.model;
    let architectures: Vec<&str> = card.members.iter().map(|member| member.architecture.as_str()).collect();
    let is_same = if judged.checksums.is_empty() || own.is_empty() {
        judged.architecture == architectures.join(" + ")
            && judged.parameters == card.parameters
            && evaluation.data.classes == card.classes
    } else {
        judged.checksums == own
    };
    if is_same {
        return Ok(());
    }
    Err(Error::new(format!("is the evaluation of another model, `{}`", judged.path))
        .hint(format!("judge this one: {}", missing::evaluate(card))))
}
