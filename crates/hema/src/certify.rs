//! Certifies a model on labelled cells of a user's own: what can be promised there, and a copy of the model
//! that promises it, see [`hema_core::trust::promise`].

use std::path::Path;

use hema_core::data::Dataset;
use hema_core::error::{Error, Result};
use hema_core::seen::Seen;
use hema_core::trust::{Certified, Certifying, Limits, undivided};

use crate::classifier::Classifier;
use crate::evaluate::labels;
use crate::model_file::Bundle;
use crate::predict::Images;

/// What a model says of labelled images that it has not seen, as a table that promises are computed from.
///
/// # Errors
/// An image without a label; whatever prediction returns.
pub fn certifying(model: &Classifier, images: &Images) -> Result<Certifying> {
    let labels = labels(images.first())?;
    let certified = |(answer, label): (Result<crate::Prediction>, usize)| {
        let answer = answer?;
        // of a model that carries no trust all images are alike
        let (temperature, unlike, poor) =
            answer.marks().map_or((1.0, 0.0, 0.0), |marks| (marks.temperature, marks.unlike, marks.poor));
        let raw = undivided(answer.probabilities(), temperature);
        Ok(Certified { label, raw, temperature, unlike, poor, severity: 0 })
    };
    let images = model.predict(images).zip(labels).map(certified).collect::<Result<_>>()?;
    Ok(Certifying { classes: model.classes().len(), images })
}

/// Marks beyond which the model refers a cell whatever its probability, where it refers at most this share of
/// cells like training's; none of a model that carries no thresholds for how it is asked.
pub fn limits(model: &Classifier, share: f64) -> Limits {
    model.trust().map_or(Limits::NONE, |trust| Limits::of(&trust.thresholds(share)))
}

/// Writes a copy of a model whose promises are computed from a table of other cells. They are known again as
/// cells that the model was chosen by.
///
/// # Errors
/// A file that is no single model, or one that carries no thresholds; a file that cannot be written.
pub fn write(model: &Path, table: Certifying, images: &Dataset, out: &Path) -> Result<()> {
    let mut bundle = Bundle::read(model)?;
    let Some(trust) = &mut bundle.manifest.trust else {
        return Err(Error::new("carries no thresholds, which go along with what it promises")
            .at(model)
            .hint("`hema calibrate` fits them to a model"));
    };
    trust.certifying = table;
    let used = Seen::new(&images.subset(&[]), images)?;
    bundle.manifest.seen = bundle.manifest.seen.and(&used);
    bundle.write(out)
}
