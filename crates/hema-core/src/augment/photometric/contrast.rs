//! Contrast: distance from the image's mean grey times one random factor.

use crate::image_op::{ImageOp, contrast, factor};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves all values away from or towards the mean grey by a factor from `1 - 0.8 strength` to `1 + 0.8
/// strength`.
///
/// The maximum is that of the colour jitter of `SimCLR` (Chen et al., ICML 2020).
pub(crate) struct Contrast;

impl ImageOp for Contrast {
    fn name(&self) -> &'static str {
        "contrast"
    }

    fn about(&self) -> &'static str {
        "scale the distance from the mean grey by a random factor, 0.2 to 1.8 at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        contrast(image, factor(0.8 * strength.clamp(0.0, 1.0), rng));
    }
}
