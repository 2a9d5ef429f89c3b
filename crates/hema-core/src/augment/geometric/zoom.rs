//! Nearer or further away: another magnification.

use crate::image_op::{Fill, ImageOp, signed_unit, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Enlarges or shrinks by up to a factor of `2^strength`, all sizes between as likely on the logarithmic
/// scale.
pub(crate) struct Zoom(pub(crate) Fill);

/// Enlarges the image about its centre by a factor above 0; one below 1 shrinks it.
pub(crate) fn zoom(image: &mut Image, factor: f32, fill: Fill) {
    warp::affine(image, [[1.0 / factor, 0.0], [0.0, 1.0 / factor]], [0.0; 2], fill);
}

impl ImageOp for Zoom {
    fn name(&self) -> &'static str {
        "zoom"
    }

    fn about(&self) -> &'static str {
        "enlarge or shrink by a random factor, 0.5 to 2 at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        zoom(image, (strength.clamp(0.0, 1.0) * signed_unit(rng)).exp2(), self.0);
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}
