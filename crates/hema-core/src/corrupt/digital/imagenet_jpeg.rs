//! Lossy compression in the amounts of `ImageNet-C`.

use super::jpeg::jpeg;
use crate::corrupt::severity::at_strength;
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Writes the image as JPEG and reads it back: quality 7 at strength 1, 25 at severity 1.
pub(crate) struct ImagenetJpeg;

/// The quality, from no corruption to severity 5.
const QUALITY: [f32; 6] = [100.0, 25.0, 18.0, 15.0, 10.0, 7.0];

impl ImageOp for ImagenetJpeg {
    fn name(&self) -> &'static str {
        "imagenet-jpeg"
    }

    fn about(&self) -> &'static str {
        "compression: JPEG of quality 25 at severity 1, 7 at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        // even quality 100 rounds, and strength 0 is the identity
        if strength > 0.0 {
            jpeg(image, at_strength(QUALITY, strength).round() as u8);
        }
    }
}
