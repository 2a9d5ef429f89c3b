//! Rotate about the centre by any angle.

use super::signed_unit;
use crate::image_op::{ImageOp, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Rotates by up to `180° strength` either way, bilinearly; the mirror image of the border fills the corners.
pub struct Rotate;

impl ImageOp for Rotate {
    fn name(&self) -> &'static str {
        "rotate"
    }

    fn about(&self) -> &'static str {
        "rotate by a random angle, up to 180 degrees either way at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let angle = 180.0 * strength.clamp(0.0, 1.0) * signed_unit(rng);
        let (sin, cos) = angle.to_radians().sin_cos();
        warp::affine(image, [[cos, -sin], [sin, cos]]);
    }
}
