//! Autocontrast: every channel is stretched over the whole range.

use crate::image_op::{ImageOp, histograms, map_channels};
use crate::rng::Rng;
use crate::sample::Image;

/// Mixes the image with its stretched version, which alone is left at strength 1.
pub struct Autocontrast;

/// Stretches every channel so that its darkest value becomes 0 and its lightest 255 (Pillow's `ImageOps.autocontrast`);
/// `share` of the way.
pub(crate) fn autocontrast(image: &mut Image, share: f32) {
    let ranges = histograms(image).map(|histogram| {
        let occurs = |count: &u32| *count > 0;
        Some((histogram.iter().position(occurs)?, histogram.iter().rposition(occurs)?))
    });
    map_channels(image, |channel, value| match ranges[channel] {
        Some((low, high)) if low < high => {
            // in double precision and cut off, as Pillow computes it
            let scale = 255.0 / (high - low) as f64;
            let stretched = (f64::from(value) * scale - low as f64 * scale) as i32;
            value + share * (stretched.clamp(0, 255) as f32 - value)
        }
        _ => value,
    });
}

impl ImageOp for Autocontrast {
    fn name(&self) -> &'static str {
        "autocontrast"
    }

    fn about(&self) -> &'static str {
        "stretch every channel over the whole range: fully at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        autocontrast(image, strength.clamp(0.0, 1.0));
    }
}
