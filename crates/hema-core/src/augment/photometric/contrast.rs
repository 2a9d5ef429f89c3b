//! Contrast: distance from the image's mean grey times one random factor.

use crate::augment::factor;
use crate::image_op::{ImageOp, blend, map_values, mean_luma, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves all values away from or towards the mean grey by a factor from `1 - 0.8 strength` to `1 + 0.8 strength`.
///
/// The maximum is that of the colour jitter of `SimCLR` (Chen et al., ICML 2020).
pub struct Contrast;

/// Moves every value to `factor` times its distance from the mean grey, a whole number: 0 is grey, 1 the image itself
/// (Pillow's `ImageEnhance.Contrast`).
pub(crate) fn contrast(image: &mut Image, factor: f32) {
    let mean = f32::from(to_byte(mean_luma(image)));
    map_values(image, |value| f32::from(blend(mean, value, factor)));
}

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
