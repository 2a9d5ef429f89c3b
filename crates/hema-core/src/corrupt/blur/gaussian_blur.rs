//! A soft lens.

use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::raster::Raster;
use crate::image_op::{ImageOp, cut};
use crate::rng::Rng;
use crate::sample::Image;

/// Blurs by a Gaussian: standard deviation 6 pixels of 224 at strength 1 (`ImageNet-C`).
pub(crate) struct GaussianBlur;

/// The standard deviation in pixels of 224, from no corruption to severity 5.
const DEVIATION: [f32; 6] = [0.0, 1.0, 2.0, 3.0, 4.0, 6.0];

impl ImageOp for GaussianBlur {
    fn name(&self) -> &'static str {
        "gaussian-blur"
    }

    fn about(&self) -> &'static str {
        "a soft lens: a Gaussian of standard deviation 6 at severity 5, in pixels of 224"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        gaussian_blur(image, at_strength(DEVIATION, strength));
    }
}

/// Blurs by a Gaussian, its standard deviation in pixels of 224.
pub(super) fn gaussian_blur(image: &mut Image, deviation: f32) {
    let mut raster = Raster::of(image);
    raster.gaussian(deviation * pixel_at_224(image), 4.0);
    raster.write(image, cut);
}
