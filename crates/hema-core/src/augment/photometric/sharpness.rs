//! Sharpness: distance from the smoothed image times one random factor.

use crate::augment::factor;
use crate::image_op::{ImageOp, blend};
use crate::rng::Rng;
use crate::sample::Image;

/// Sharpens or smooths by a factor from `1 - 0.9 strength` to `1 + 0.9 strength`, the range of `RandAugment`.
pub struct Sharpness;

/// Moves every value to `factor` times its distance from the smoothed image: 0 is smooth, 1 the image itself (Pillow's
/// `ImageEnhance.Sharpness`; the outermost pixels stay).
pub(crate) fn sharpness(image: &mut Image, factor: f32) {
    let (width, height) = (image.width(), image.height());
    let row = width * 3;
    let source = image.pixels().to_vec();
    for y in 1..height.saturating_sub(1) {
        let line = |dy: usize| &source[(y + dy - 1) * row..][..row];
        let (above, here, below) = (line(0), line(1), line(2));
        let target = &mut image.pixels_mut()[y * row..][..row];
        for i in 3..row.saturating_sub(3) {
            let column = |line: &[u8]| u16::from(line[i - 3]) + u16::from(line[i]) + u16::from(line[i + 3]);
            let sum = column(above) + column(here) + column(below) + 4 * u16::from(here[i]);
            // Pillow rounds the smoothed image to bytes before it mixes
            let smooth = f32::from((2 * sum + 13) / 26);
            target[i] = blend(smooth, f32::from(here[i]), factor);
        }
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
