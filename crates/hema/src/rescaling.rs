//! The factor by which the field of view of images is to be rescaled, found by how sure a model is of them.

use hema_core::error::Result;
use hema_core::rescale::{FACTORS, FEWEST_IMAGES, Rescaling, sample};

use crate::predict::{Geometry, Images, Predictor};

/// Finds the factor for so many images. `show` gives those at some positions as the members see them in a
/// geometry; `progress` hears how many images are done, of how many.
///
/// # Errors
/// The errors of `show` and of prediction.
pub(crate) fn find(
    predictor: &Predictor,
    images: usize,
    show: &dyn Fn(&[usize], Geometry) -> Result<Images>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Rescaling> {
    let positions = sample(images);
    if positions.len() < FEWEST_IMAGES {
        return Ok(Rescaling::too_few(positions.len(), images));
    }
    let total = FACTORS.len() * positions.len();
    let mut entropies = Vec::with_capacity(FACTORS.len());
    for (number, factor) in FACTORS.iter().enumerate() {
        progress(number * positions.len(), total);
        let shown = show(&positions, Geometry { rescale: Some(*factor), size: None })?;
        let mut rows = predictor.predict_unassumed(&shown, None, &mut |_| ())?;
        predictor.restrict(&mut rows);
        entropies.push(rows.chunks_exact(predictor.classes().len()).map(entropy).collect());
    }
    progress(total, total);
    Ok(Rescaling::found(&entropies, images))
}

/// Entropy of a row of probabilities, in nats.
fn entropy(row: &[f32]) -> f64 {
    -row.iter().map(|p| f64::from(*p)).filter(|p| *p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}
