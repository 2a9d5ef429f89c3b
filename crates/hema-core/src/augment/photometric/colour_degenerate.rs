//! Colour degeneration: colours fade towards grey.

use super::saturation::saturation;
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Mixes every colour with its grey, which alone is left at strength 1 (`RandomColorDegeneration` of Keras).
pub(crate) struct ColourDegenerate;

impl ImageOp for ColourDegenerate {
    fn name(&self) -> &'static str {
        "colour-degenerate"
    }

    fn about(&self) -> &'static str {
        "fade colours towards grey: all the way at strength 1"
    }

    fn draws(&self) -> bool {
        false
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        saturation(image, 1.0 - strength.clamp(0.0, 1.0));
    }
}
