//! Sharpness: distance from the smoothed image times one random factor.

use crate::image_op::{ImageOp, factor};
use crate::rng::Rng;
use crate::sample::Image;

/// Sharpens or smooths by a factor from `1 - 0.9 strength` to `1 + 0.9 strength`, the range of `RandAugment`.
pub(crate) struct Sharpness;

/// Moves every value to `factor` times its distance from the smoothed image: 0 is smooth, 1 the image itself
/// (Pillow's `ImageEnhance.Sharpness`; the outermost pixels stay).
pub(crate) fn sharpness(image: &mut Image, factor: f32) {
    let (width, height) = (image.width(), image.height());
    let row = width * 3;
    let source = image.pixels().to_vec();
    for y in 1..height.saturating_sub(1) {
        let line = |dy: usize| &source[(y + dy - 1) * row..][..row];
        hema_kernels::sharpen([0, 1, 2].map(line), factor, &mut image.pixels_mut()[y * row..][..row]);
    }
}

impl ImageOp for Sharpness {
    fn name(&self) -> &'static str {
        "sharpness"
    }

    fn about(&self) -> &'static str {
        "scale the distance from the smoothed image by a random factor, 0.1 to 1.9 at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        sharpness(image, factor(0.9 * strength.clamp(0.0, 1.0), rng));
    }
}
