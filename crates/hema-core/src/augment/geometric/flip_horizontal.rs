//! Flip left and right. A smear has no handedness, so a mirrored cell is as likely as the cell.

use rand::RngExt as _;

use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Mirrors the image left to right; strength is the chance of it, so that 1 always does and 0 never.
pub(crate) struct FlipHorizontal;

/// Mirrors an image left to right.
pub(crate) fn flip_horizontal(image: &mut Image) {
    let width = image.width();
    for row in image.pixels_mut().chunks_exact_mut(width * 3) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels.reverse();
    }
}

impl ImageOp for FlipHorizontal {
    fn name(&self) -> &'static str {
        "flip-horizontal"
    }

    fn about(&self) -> &'static str {
        "mirror left to right; strength is the chance of it"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        if rng.random::<f32>() >= strength {
            return;
        }
        flip_horizontal(image);
    }
}
