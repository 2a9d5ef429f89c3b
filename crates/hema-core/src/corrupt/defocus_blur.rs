//! The lens out of focus: every point becomes a disc.

use super::{at_strength, pixel_at_224};
use crate::image_op::ImageOp;
use crate::image_op::kernel::Kernel;
use crate::rng::Rng;
use crate::sample::Image;

/// Averages over a disc: radius 6 pixels of 224 at strength 1.
///
/// The average is that of the bilinearly interpolated image, so a radius may be any number, which image sizes other
/// than 224 need. The reference rounds the disc to whole pixels and smooths it by a faint Gaussian.
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
        // samples stand at most half a pixel apart, and even a small disc is round
        let samples = (2.0 * radius).ceil().max(8.0) as i32;
        let mut disc = Kernel::new(radius.ceil() as usize);
        for row in -samples..=samples {
            for column in -samples..=samples {
                if row * row + column * column <= samples * samples {
                    let spacing = radius / samples as f32;
                    disc.add(column as f32 * spacing, row as f32 * spacing, 1.0);
                }
            }
        }
        disc.convolve(image);
    }
}
