//! Solarize-add: the dark parts are lifted, the light ones left.

use crate::image_op::{ImageOp, map_values};
use crate::rng::Rng;
use crate::sample::Image;

/// Adds `110 strength` to the values below 128.
pub(crate) struct SolarizeAdd;

/// Adds to the values below a threshold (the `SolarizeAdd` of `RandAugment`, Cubuk et al., CVPR Workshops
/// 2020).
pub(crate) fn solarize_add(image: &mut Image, addition: f32, threshold: f32) {
    map_values(image, |value| if value < threshold { value + addition } else { value });
}

impl ImageOp for SolarizeAdd {
    fn name(&self) -> &'static str {
        "solarize-add"
    }

    fn about(&self) -> &'static str {
        "add to the values below 128: 110 at strength 1"
    }

    fn draws(&self) -> bool {
        false
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        solarize_add(image, 110.0 * strength.clamp(0.0, 1.0), 128.0);
    }
}
