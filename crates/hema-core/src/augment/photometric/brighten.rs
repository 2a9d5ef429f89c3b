//! Brightening: one random amount of light is added everywhere.

use rand::RngExt as _;

use crate::image_op::{ImageOp, map_values};
use crate::rng::Rng;
use crate::sample::Image;

/// Adds `0.3 strength` to `0.7 strength` of the full range to all values.
///
/// The range is that of `Keras`' `RandomBrightness` with the factor (0.3, 0.7), which the founding report's
/// eighth system used: it only brightens, and by a lot.
pub(crate) struct Brighten;

impl ImageOp for Brighten {
    fn name(&self) -> &'static str {
        "brighten"
    }

    fn about(&self) -> &'static str {
        "add a random amount of light, 0.3 to 0.7 of the full range at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let added = 255.0 * strength.clamp(0.0, 1.0) * rng.random_range(0.3..0.7f32);
        map_values(image, |value| value + added);
    }
}
