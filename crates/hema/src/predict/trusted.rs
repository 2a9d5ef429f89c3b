//! Answers with what a model knows of how far each can be trusted.

use std::fmt;

use hema_core::calibrate;
use hema_core::error::{Error, Result};
use hema_core::trust::{Answered, Look, Marks, Trust, divided};
use rayon::prelude::*;

use super::images::Images;
use super::predictor::{Edit, Output, Predictor, check_finite};

/// What a predictor makes of images.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Answers {
    /// Probabilities over all classes that the model knows: rows of one value a class, each summing to 1.
    pub rows: Vec<f32>,
    /// Marks of every image; none of a model that carries no trust, or not for these views.
    pub marks: Vec<Marks>,
}

/// Why nothing is known of how far the answers of a predictor can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untrusted {
    /// The model carries nothing that was fitted for it.
    Nothing,
    /// Several models answer together.
    Ensemble,
    /// Other views of each image are averaged over than when it was fitted.
    Views,
    /// The model chooses among some of its classes.
    Among,
    /// Classes are weighed by the images of the call.
    Prevalence,
    /// The model is shown another field of view of the images than they came with.
    Crop,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "the model carries no thresholds",
            Self::Ensemble => "several models answer together, which no thresholds were chosen for",
            Self::Views => "the thresholds were chosen for other views of the images",
            Self::Among => "the thresholds were chosen for all classes of the model",
            Self::Prevalence => "the thresholds were chosen for classes as common as in training",
            Self::Crop => "the thresholds were chosen for pictures as they came",
        })
    }
}

impl Predictor {
    /// What the model knows of how far its answers can be trusted, where that holds for how it is asked.
    ///
    /// # Errors
    /// Why it does not.
    pub fn trust(&self) -> Result<&Trust, Untrusted> {
        match &self.trust {
            _ if self.members.len() > 1 => Err(Untrusted::Ensemble),
            None => Err(Untrusted::Nothing),
            Some(trust) if trust.views() != self.tta.name => Err(Untrusted::Views),
            Some(_) if self.possible.contains(&false) => Err(Untrusted::Among),
            Some(_) if self.adapts => Err(Untrusted::Prevalence),
            Some(trust) => Ok(trust),
        }
    }

    /// Trust by which temperatures are made: they hold whichever classes can occur.
    fn measuring(&self) -> Option<&Trust> {
        self.trust.as_ref().filter(|trust| trust.views() == self.tta.name)
    }

    /// Probabilities of every image as [`predict_unassumed`](Self::predict_unassumed) gives them, with marks
    /// where the model carries trust.
    ///
    /// # Errors
    /// The errors of [`predict`](Self::predict).
    pub fn answers(
        &self,
        images: &Images,
        edit: Option<Edit>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Answers> {
        let classes = self.classes.len();
        let trust = self.measuring();
        let mut looks: Vec<Option<Look>> = vec![None; images.first().len()];
        let mut rows = vec![0.0; images.first().len() * classes];
        let weights: Vec<f32> = self.members.iter().flat_map(|member| member.weights.clone()).collect();
        let mut other_width = None;
        self.each(images, edit, trust.is_some(), progress, &mut |output| {
            let Output { component, image, row, looked_at } = output;
            for (sum, value) in rows[image * classes..][..classes].iter_mut().zip(row) {
                *sum += weights[component] * value;
            }
            if let (Some(trust), Some((statistics, features))) = (trust, looked_at) {
                if features.len() == trust.width() {
                    looks[image] = Some(trust.look(&statistics, features));
                } else {
                    other_width = Some((features.len(), trust.width()));
                }
            }
        })?;
        if let Some((found, expected)) = other_width {
            return Err(Error::new(format!(
                "a network of {found} features with thresholds for {expected} (expected as many)"
            ))
            .hint("`hema calibrate` fits them anew"));
        }
        check_finite(&rows)?;
        if self.temperature != 1.0 {
            rows.chunks_exact_mut(classes).for_each(|row| calibrate::apply(self.temperature, row));
        }
        let mut marks = Vec::new();
        if let Some(trust) = trust {
            for (row, look) in rows.chunks_exact_mut(classes).zip(looks.iter().flatten()) {
                let raw = logarithms(row);
                let of_image = trust.marks(look, &raw);
                row.copy_from_slice(&divided(&raw, of_image.temperature));
                marks.push(of_image);
            }
        }
        Ok(Answers { rows, marks })
    }

    /// What the model makes of labelled images before any trust is applied, to fit trust with. `severity`
    /// says how badly an edit damages them, 0 for not at all.
    ///
    /// # Errors
    /// The errors of [`predict`](Self::predict).
    pub(crate) fn observe(
        &self,
        images: &Images,
        edit: Option<Edit>,
        severity: &dyn Fn(usize) -> u8,
    ) -> Result<Vec<Answered>> {
        let (data, classes) = (images.first(), self.classes.len());
        let empty = |i: usize| Answered {
            statistics: Default::default(),
            features: Vec::new(),
            raw: vec![0.0; classes],
            label: data.label(i).unwrap_or_default(),
            severity: severity(i),
        };
        let mut answers: Vec<Answered> = (0..data.len()).map(empty).collect();
        let weights = &self.members[0].weights;
        self.each(images, edit, true, &mut |_| (), &mut |output| {
            let answer = &mut answers[output.image];
            for (sum, value) in answer.raw.iter_mut().zip(output.row) {
                *sum += weights[output.component] * value;
            }
            if let Some((statistics, features)) = output.looked_at {
                (answer.statistics, answer.features) = (statistics, features.to_vec());
            }
        })?;
        answers.par_iter_mut().for_each(|answer| answer.raw = logarithms(&answer.raw));
        Ok(answers)
    }
}

/// Logarithms of probabilities; what single precision rounds to 0 is not infinitely improbable.
fn logarithms(row: &[f32]) -> Vec<f32> {
    row.iter().map(|p| p.max(f32::MIN_POSITIVE).ln()).collect()
}
