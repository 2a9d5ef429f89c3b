//! Gamma: a curve that lifts or lowers the middle tones and leaves black and white where they are.

use crate::image_op::{ImageOp, map_values, signed_unit};
use crate::rng::Rng;
use crate::sample::Image;

/// Raises every value, as a share of 255, to a power from `2^-strength` to `2^strength`.
pub(crate) struct Gamma;

/// Raises every value, as a share of 255, to a power above 0; one below 1 brightens.
pub(crate) fn gamma(image: &mut Image, power: f32) {
    map_values(image, |value| 255.0 * (value / 255.0).powf(power));
}

impl ImageOp for Gamma {
    fn name(&self) -> &'static str {
        "gamma"
    }

    fn about(&self) -> &'static str {
        "raise values to a random power, 0.5 to 2 at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        gamma(image, (strength.clamp(0.0, 1.0) * signed_unit(rng)).exp2());
    }
}
