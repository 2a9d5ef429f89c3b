//! Rotate about the centre by any angle.

use crate::image_op::{Fill, ImageOp, signed_unit, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Rotates by up to `180° strength` either way, bilinearly.
pub(crate) struct Rotate(pub(crate) Fill);

/// Rotates by an angle in degrees, clockwise.
pub(crate) fn rotate(image: &mut Image, degrees: f32, fill: Fill) {
    let (sin, cos) = degrees.to_radians().sin_cos();
    warp::affine(image, [[cos, sin], [-sin, cos]], [0.0; 2], fill);
}

impl ImageOp for Rotate {
    fn name(&self) -> &'static str {
        "rotate"
    }

    fn about(&self) -> &'static str {
        "rotate by a random angle, up to 180 degrees either way at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        rotate(image, -180.0 * strength.clamp(0.0, 1.0) * signed_unit(rng), self.0);
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}
