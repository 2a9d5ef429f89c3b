//! Too much light, as `ImageNet-C` makes it.

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, cut, map_colours};
use crate::rng::Rng;
use crate::sample::Image;

/// Adds to the value of HSV and keeps hue and saturation: half of full scale at strength 1.
pub(crate) struct ImagenetBrightness;

/// Addition to the value in parts of full scale, from no corruption to severity 5.
const ADDED: [f32; 6] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5];

impl ImageOp for ImagenetBrightness {
    fn name(&self) -> &'static str {
        "imagenet-brightness"
    }

    fn about(&self) -> &'static str {
        "too much light: value (HSV) 0.5 higher at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        let added = 255.0 * at_strength(ADDED, strength);
        map_colours(image, cut, |colour| {
            let value = colour[0].max(colour[1]).max(colour[2]);
            let brighter = (value + added).min(255.0);
            // black has no hue and becomes grey
            colour.map(|channel| if value > 0.0 { channel * (brighter / value) } else { brighter })
        });
    }
}
