//! The lens out of focus: every point becomes a disc.

use super::{at_strength, pixel_at_224};
use crate::image_op::ImageOp;
use crate::image_op::kernel::Kernel;
use crate::rng::Rng;
use crate::sample::Image;

/// Convolves with a disc: radius 6 pixels of 224 at strength 1.
///
/// The disc's edge is smoothed by coverage over one pixel, where the reference smooths it by a faint Gaussian, so
/// that radii between whole pixels, which other image sizes need, differ as they should.
pub struct DefocusBlur;

/// The disc's radius in pixels of 224, from no corruption to severity 5.
const RADIUS: [f32; 6] = [0.0, 2.0, 3.0, 4.0, 5.0, 6.0];

impl ImageOp for DefocusBlur {
    fn name(&self) -> &'static str {
        "defocus-blur"
    }

    fn about(&self) -> &'static str {
        "out of focus: a disc of radius 6 at severity 5, in pixels of 224"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        let radius = at_strength(RADIUS, strength) * pixel_at_224(image);
        let reach = (radius + 0.5).ceil() as usize;
        let disc = Kernel::from_fn(reach, |dx, dy| (radius + 0.5 - dx.hypot(dy)).clamp(0.0, 1.0));
        disc.convolve(image);
    }
}
