//! Saturation: distance of each colour from its own grey times one random factor.

use crate::image_op::{ImageOp, LUMA, factor, mix_channels};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves each colour away from or towards its grey by a factor from `1 - 0.8 strength` to `1 + 0.8 strength`.
///
/// The maximum is that of the colour jitter of `SimCLR` (Chen et al., ICML 2020).
pub(crate) struct Saturation;

/// Moves every colour to `factor` times its distance from its own grey: 0 is grey, 1 the image itself
/// (Pillow's `ImageEnhance.Color`).
pub(crate) fn saturation(image: &mut Image, factor: f32) {
    let grey = LUMA.map(|weight| (1.0 - factor) * weight);
    let matrix = [0, 1, 2].map(|channel| {
        let mut row = [grey[0], grey[1], grey[2], 0.0];
        row[channel] += factor;
        row
    });
    mix_channels(image, matrix);
}

impl ImageOp for Saturation {
    fn name(&self) -> &'static str {
        "saturation"
    }

    fn about(&self) -> &'static str {
        "scale the distance of each colour from grey by a random factor, 0.2 to 1.8 at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        saturation(image, factor(0.8 * strength.clamp(0.0, 1.0), rng));
    }
}
