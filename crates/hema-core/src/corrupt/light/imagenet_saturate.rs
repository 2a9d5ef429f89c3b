//! Too little colour, then too much, as `ImageNet-C` makes it.

use super::saturate::saturate;
use crate::corrupt::severity::at_strength;
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Multiplies the saturation of HSV and adds to it: nearly grey at severity 2, gaudy at severity 5.
pub(crate) struct ImagenetSaturate;

/// The factor, from no corruption to severity 5.
const FACTOR: [f32; 6] = [1.0, 0.3, 0.1, 2.0, 5.0, 20.0];
/// Addition.
const ADDED: [f32; 6] = [0.0, 0.0, 0.0, 0.0, 0.1, 0.2];

impl ImageOp for ImagenetSaturate {
    fn name(&self) -> &'static str {
        "imagenet-saturate"
    }

    fn about(&self) -> &'static str {
        "too little colour, then too much: saturation (HSV) times 0.1 at severity 2, times 20 at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        saturate(image, at_strength(FACTOR, strength), at_strength(ADDED, strength));
    }
}
