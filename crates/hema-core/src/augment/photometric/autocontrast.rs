//! Autocontrast: every channel is stretched over the whole range.

use crate::image_op::{ImageOp, map_channels, ranges};
use crate::rng::Rng;
use crate::sample::Image;

/// Mixes the image with its stretched version, which alone is left at strength 1.
pub(crate) struct Autocontrast;

/// Stretches every channel so that its darkest value becomes 0 and its lightest 255 (Pillow's
/// `ImageOps.autocontrast`); `share` of the way.
pub(crate) fn autocontrast(image: &mut Image, share: f32) {
    let ranges = ranges(image);
    map_channels(image, |channel, value| {
        let (low, high) = ranges[channel];
        if low >= high {
            return value;
        }
        // in double precision and cut off, as Pillow computes it
        let scale = 255.0 / f64::from(high - low);
        let stretched = (f64::from(value) * scale - f64::from(low) * scale) as i32;
        value + share * (stretched.clamp(0, 255) as f32 - value)
    });
}

impl ImageOp for Autocontrast {
    fn name(&self) -> &'static str {
        "autocontrast"
    }

    fn about(&self) -> &'static str {
        "stretch every channel over the whole range: fully at strength 1"
    }

    fn draws(&self) -> bool {
        false
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        autocontrast(image, strength.clamp(0.0, 1.0));
    }
}
