//! A random part of the image, stretched to its size.

use rand::RngExt as _;

use crate::image_op::{Fill, ImageOp, signed_unit, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Cuts out a rectangle of at least `1 - 0.92 strength` of the area and with sides in a proportion changed by
/// up to `(4/3)^strength`, and stretches it to the image's size.
///
/// At strength 1 this is the random resized crop that `ImageNet` models are trained with (Szegedy et al.,
/// CVPR 2015).
pub(crate) struct ResizedCrop;

impl ImageOp for ResizedCrop {
    fn name(&self) -> &'static str {
        "resized-crop"
    }

    fn about(&self) -> &'static str {
        "a random part, stretched to the whole: 8 to 100 % of the area, proportion 3/4 to 4/3 at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let strength = strength.clamp(0.0, 1.0);
        let area = 1.0 - 0.92 * strength * rng.random::<f32>();
        let proportion = (4.0f32 / 3.0).powf(strength * signed_unit(rng));
        // shares of the width and of the height; where one would be more than all, the other gives way
        let across = (area * proportion).sqrt().min(1.0);
        let down = (area / proportion).sqrt().min(1.0);
        let free = [image.width() as f32 * (1.0 - across), image.height() as f32 * (1.0 - down)];
        let shift = free.map(|free| 0.5 * free * signed_unit(rng));
        // the crop lies inside: nothing beyond the border is seen but half a pixel of its mirror image
        warp::affine(image, [[across, 0.0], [0.0, down]], shift, Fill::Reflect);
    }
}
