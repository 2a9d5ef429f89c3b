//! Sets of classes that hold the right one with a probability that was asked for.

use std::collections::BTreeMap;

use hema::error::{Error, Result};
use hema::trust::{Basis, Conformal, SetsBy, undivided};
use hema::{Classifier, Prediction};

use super::referral::without_thresholds;
use super::rows::Row;
use crate::output::percent;

/// Between the classes of a set in a cell of the table.
const BETWEEN: &str = "|";

/// The sets of one call.
pub(super) struct Sets {
    conformal: Conformal,
    /// Cells that they rest on.
    images: usize,
}

impl Sets {
    /// Sets of a level, by the cells that certify the model.
    ///
    /// # Errors
    /// A model that certifies nothing; so few cells that every set would hold all classes.
    pub(super) fn new(model: &Classifier, by: &'static SetsBy, level: f64) -> Result<Self> {
        let trust = model.trust().map_err(|reason| without_thresholds(reason, "--sets"))?;
        let conformal = Conformal::fit(&trust.certifying, by, level)?;
        let images = match conformal.basis() {
            [Basis::Classes] => trust.certifying.clean().count(),
            _ => trust.certifying.images.len(),
        };
        if conformal.is_void() {
            return Err(Error::new(format!(
                "--sets {level}: {images} certifying cells are too few to leave any class out"
            ))
            .hint("ask for a lower level, or certify the model with more cells by `hema certify --out`"));
        }
        Ok(Self { conformal, images })
    }

    /// The classes of an answer's set, the most probable first.
    pub(super) fn of(&self, answer: &Prediction) -> Vec<usize> {
        let (temperature, poor) = answer.marks().map_or((1.0, 0.0), |marks| (marks.temperature, marks.poor));
        self.conformal.set(&undivided(answer.probabilities(), temperature), poor)
    }

    /// Names of the classes of an answer's set.
    pub(super) fn names<'a>(&self, answer: &Prediction, classes: &'a [String]) -> Vec<&'a str> {
        self.of(answer).into_iter().map(|class| &*classes[class]).collect()
    }

    /// The set as a cell of the table.
    pub(super) fn text(&self, answer: &Prediction, classes: &[String]) -> String {
        self.names(answer, classes).join(BETWEEN)
    }

    /// How large the sets are, and what they rest on.
    pub(super) fn in_words(&self, rows: &[Row], classes: &[String]) -> String {
        let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
        for answer in rows.iter().filter_map(|row| row.answer.as_ref()) {
            *sizes.entry(self.of(answer).len()).or_default() += 1;
        }
        let sizes: Vec<String> = sizes
            .iter()
            .map(|(size, count)| format!("{count} of {size} class{}", if *size == 1 { "" } else { "es" }))
            .collect();
        let always: Vec<&str> = self.conformal.always_in().iter().map(|class| &*classes[*class]).collect();
        let always = match &always[..] {
            [] => String::new(),
            always => format!("; with too few cells of their own, in every set: {}", always.join(", ")),
        };
        format!(
            "sets by {}, which hold the right class of {} of cells like the {} certifying ones{}: {}{always}",
            self.conformal.by().name,
            percent(self.conformal.level()),
            self.images,
            self.quality(),
            sizes.join(", ")
        )
    }

    /// What sets rest on where that is not all as it should be.
    fn quality(&self) -> &'static str {
        let rests_on = |basis: Basis| self.conformal.basis().contains(&basis);
        match () {
            () if rests_on(Basis::Classes) => " of every class",
            () if rests_on(Basis::All) => " together",
            () if rests_on(Basis::WorstStratum) => {
                " of about the same picture quality, of the worst where there are too few"
            }
            () => " of about the same picture quality",
        }
    }
}
