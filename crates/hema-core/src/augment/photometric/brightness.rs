//! Brightness: every value times one random factor.

use crate::image_op::{ImageOp, brightness, factor};
use crate::rng::Rng;
use crate::sample::Image;

/// Multiplies all values by a factor from `1 - 0.8 strength` to `1 + 0.8 strength`.
///
/// The maximum is that of the colour jitter of `SimCLR` (Chen et al., ICML 2020).
pub(crate) struct Brightness;

impl ImageOp for Brightness {
    fn name(&self) -> &'static str {
        "brightness"
    }

    fn about(&self) -> &'static str {
        "multiply by a random factor, 0.2 to 1.8 at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        brightness(image, factor(0.8 * strength.clamp(0.0, 1.0), rng));
    }
}
