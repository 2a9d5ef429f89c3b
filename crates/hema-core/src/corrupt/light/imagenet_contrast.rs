//! A flat image, as `ImageNet-C` makes it.

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, cut, histograms, map_channels};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves the values of each channel towards its mean: 0.05 of the distance is left at strength 1.
pub(crate) struct ImagenetContrast;

/// Share of the distance from the mean that is left, from no corruption to severity 5.
const FACTOR: [f32; 6] = [1.0, 0.4, 0.3, 0.2, 0.1, 0.05];

impl ImageOp for ImagenetContrast {
    fn name(&self) -> &'static str {
        "imagenet-contrast"
    }

    fn about(&self) -> &'static str {
        "a flat image: distance from the channel's mean times 0.05 at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        let factor = at_strength(FACTOR, strength);
        let pixels = (image.width() * image.height()) as f64;
        let means = histograms(image).map(|histogram| {
            let sum: f64 =
                histogram.iter().zip(0u16..).map(|(count, value)| f64::from(*count) * f64::from(value)).sum();
            (sum / pixels) as f32
        });
        map_channels(image, |channel, value| {
            f32::from(cut(means[channel] + factor * (value - means[channel])))
        });
    }
}
