//! The lens out of focus in the amounts of `ImageNet-C`.

use super::defocus_blur::defocus;
use crate::corrupt::severity::at_strength;
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Averages over a disc: radius 10 pixels of 224 at strength 1.
pub(crate) struct ImagenetDefocusBlur;

/// The disc's radius in pixels of 224, from no corruption to severity 5.
const RADIUS: [f32; 6] = [0.0, 3.0, 4.0, 6.0, 8.0, 10.0];
/// The deviation of the Gaussian that smooths its rim, in pixels of 224.
const SMOOTH: [f32; 6] = [0.0, 0.1, 0.5, 0.5, 0.5, 0.5];

impl ImageOp for ImagenetDefocusBlur {
    fn name(&self) -> &'static str {
        "imagenet-defocus-blur"
    }

    fn about(&self) -> &'static str {
        "out of focus: a disc of radius 10 at severity 5, in pixels of 224"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        defocus(image, at_strength(RADIUS, strength), at_strength(SMOOTH, strength));
    }
}
