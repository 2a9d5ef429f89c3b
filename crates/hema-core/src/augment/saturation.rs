//! Saturation: distance of each colour from its own grey times one random factor.

use super::factor;
use crate::image_op::{ImageOp, luma, map_colours};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves each colour away from or towards its grey by a factor from `1 - 0.8 strength` to `1 + 0.8 strength`.
///
/// The maximum is that of the colour jitter of `SimCLR` (Chen et al., ICML 2020).
pub struct Saturation;

impl ImageOp for Saturation {
    fn name(&self) -> &'static str {
        "saturation"
    }

    fn about(&self) -> &'static str {
        "scale the distance of each colour from grey by a random factor, 0.2 to 1.8 at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let factor = factor(0.8 * strength.clamp(0.0, 1.0), rng);
        map_colours(image, |colour| {
            let grey = luma(colour);
            colour.map(|value| grey + factor * (value - grey))
        });
    }
}
