//! Cutout: one square is hidden.

use rand::RngExt as _;

use crate::image_op::{Fill, ImageOp, cover};
use crate::rng::Rng;
use crate::sample::Image;

/// Hides a square around a random pixel, with sides of that share of the shorter side; a part of it may lie
/// outside.
pub(crate) fn cutout(image: &mut Image, share: f32, fill: Fill, rng: &mut Rng) {
    let (width, height) = (image.width(), image.height());
    let side = (share * width.min(height) as f32).round() as usize;
    let (x, y) = (rng.random_range(0..width), rng.random_range(0..height));
    let span =
        |middle: usize, limit: usize| middle.saturating_sub(side / 2)..(middle + side.div_ceil(2)).min(limit);
    let colour = fill.cover(image);
    cover(image, span(x, width), span(y, height), || colour);
}

/// Hides a square with sides of `0.5 strength` of the shorter side around a random pixel; a part of it may
/// lie outside (`DeVries` and Taylor, arXiv 1708.04552).
pub(crate) struct Cutout(pub(crate) Fill);

impl ImageOp for Cutout {
    fn name(&self) -> &'static str {
        "cutout"
    }

    fn about(&self) -> &'static str {
        "hide a square around a random point: half a side wide at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        cutout(image, 0.5 * strength.clamp(0.0, 1.0), self.0, rng);
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}
