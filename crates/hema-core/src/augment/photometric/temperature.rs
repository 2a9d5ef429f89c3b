//! Colour temperature: the lamp burns warmer or colder.

use crate::image_op::{ImageOp, map_channels, signed_unit};
use crate::rng::Rng;
use crate::sample::Image;

/// Multiplies red by a factor from `0.7^strength` to `1.43^strength` and blue by its inverse.
pub(crate) struct Temperature;

/// Multiplies red by a factor above 0 and divides blue by it: one above 1 is warmer.
pub(crate) fn temperature(image: &mut Image, factor: f32) {
    let factors = [factor, 1.0, 1.0 / factor];
    map_channels(image, |channel, value| value * factors[channel]);
}

impl ImageOp for Temperature {
    fn name(&self) -> &'static str {
        "temperature"
    }

    fn about(&self) -> &'static str {
        "warmer or colder light: red times 0.7 to 1.43, blue divided by it, at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        temperature(image, 0.7f32.powf(strength.clamp(0.0, 1.0) * signed_unit(rng)));
    }
}
