//! Random erasing: one rectangle of noise.

use rand::{Rng as _, RngExt as _};

use crate::image_op::{ImageOp, cover, signed_unit};
use crate::rng::Rng;
use crate::sample::Image;

/// Replaces a rectangle inside the image by noise: 2 to 33 % of the area at strength 1, in proportion less
/// below, with sides between 1 to 3 and 3 to 1 (Zhong et al., AAAI 2020).
pub(crate) struct RandomErasing;

impl ImageOp for RandomErasing {
    fn name(&self) -> &'static str {
        "random-erasing"
    }

    fn about(&self) -> &'static str {
        "replace a rectangle by noise: 2 to 33 % of the area at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let (width, height) = (image.width(), image.height());
        let area = strength.clamp(0.0, 1.0) * rng.random_range(0.02..0.33f32) * (width * height) as f32;
        let proportion = 3.0f32.powf(signed_unit(rng));
        let across = ((area * proportion).sqrt().round() as usize).min(width);
        let down = ((area / proportion).sqrt().round() as usize).min(height);
        let (left, top) = (rng.random_range(0..=width - across), rng.random_range(0..=height - down));
        cover(image, left..left + across, top..top + down, || {
            let [r, g, b, _] = rng.next_u32().to_le_bytes();
            [r, g, b]
        });
    }
}
