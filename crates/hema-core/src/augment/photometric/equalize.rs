//! Equalize: all tones become about as frequent.

use crate::image_op::{ImageOp, histograms, map_channels};
use crate::rng::Rng;
use crate::sample::Image;

/// Mixes the image with its equalised version, which alone is left at strength 1.
pub(crate) struct Equalize;

/// Gives every channel a flat histogram (Pillow's `ImageOps.equalize`); `share` of the way.
pub(crate) fn equalize(image: &mut Image, share: f32) {
    let tables = histograms(image).map(|histogram| flattening(&histogram));
    map_channels(image, |channel, value| {
        let table = &tables[channel];
        table.as_ref().map_or(value, |table| value + share * (table[value as usize] - value))
    });
}

/// The new value of each value; none where the histogram has too few to spread.
fn flattening(histogram: &[u32; 256]) -> Option<[f32; 256]> {
    let total: u32 = histogram.iter().sum();
    let last = *histogram.iter().rfind(|count| **count > 0)?;
    let step = (total - last) / 255;
    if step == 0 {
        return None;
    }
    let mut below = step / 2;
    Some(histogram.map(|count| {
        let value = (below / step).min(255) as f32;
        below += count;
        value
    }))
}

impl ImageOp for Equalize {
    fn name(&self) -> &'static str {
        "equalize"
    }

    fn about(&self) -> &'static str {
        "make all tones about as frequent: fully at strength 1"
    }

    fn draws(&self) -> bool {
        false
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        equalize(image, strength.clamp(0.0, 1.0));
    }
}
