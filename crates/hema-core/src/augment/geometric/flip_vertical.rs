//! Flip top and bottom. A smear has no upright, so an upturned cell is as likely as the cell.

use rand::RngExt as _;

use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Mirrors the image top to bottom; strength is the chance of it, so that 1 always does and 0 never.
pub(crate) struct FlipVertical;

impl ImageOp for FlipVertical {
    fn name(&self) -> &'static str {
        "flip-vertical"
    }

    fn about(&self) -> &'static str {
        "mirror top to bottom; strength is the chance of it"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        if rng.random::<f32>() >= strength {
            return;
        }
        let (row, height) = (image.width() * 3, image.height());
        let (upper, lower) = image.pixels_mut().split_at_mut(height / 2 * row);
        let below = lower.chunks_exact_mut(row).rev();
        for (above, below) in upper.chunks_exact_mut(row).zip(below) {
            above.swap_with_slice(below);
        }
    }
}
