//! Posterize: few tones are left.

use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Keeps the highest bits of every value: all eight at strength 0, one at strength 1.
pub(crate) struct Posterize;

/// Keeps the highest `bits` bits of every value, 0 to 8 (Pillow's `ImageOps.posterize`).
pub(crate) fn posterize(image: &mut Image, bits: u32) {
    let mask = !((1u32 << 8u32.saturating_sub(bits)) - 1) as u8;
    image.pixels_mut().iter_mut().for_each(|value| *value &= mask);
}

impl ImageOp for Posterize {
    fn name(&self) -> &'static str {
        "posterize"
    }

    fn about(&self) -> &'static str {
        "keep the highest bits of every value: one at strength 1"
    }

    fn draws(&self) -> bool {
        false
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        posterize(image, 8 - (7.0 * strength.clamp(0.0, 1.0)).round() as u32);
    }
}
