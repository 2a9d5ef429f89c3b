//! The picture pulled about in small waves.

use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::raster::Raster;
use crate::image_op::{Fill, ImageOp, normal, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves every point by a random field, smooth over a hundredth of the side: 2.5 pixels of 224 along each
/// axis at strength 1, as a standard deviation (`ImageNet-C`).
pub(crate) struct ElasticTransform;

/// The standard deviation of the displacement along an axis in pixels of 224, from no corruption to severity
/// 5.
///
/// That of even noise within 1.12 pixels, blurred by a Gaussian of 2.24 and multiplied by 12.5, 16.25, 21.25,
/// 25 and 30.
const DEVIATION: [f32; 6] = [0.0, 1.018, 1.323, 1.731, 2.036, 2.443];
/// The Gaussian's deviation in pixels of 224.
const SMOOTH: f32 = 2.24;

impl ImageOp for ElasticTransform {
    fn name(&self) -> &'static str {
        "elastic-transform"
    }

    fn about(&self) -> &'static str {
        "pulled about in small waves: standard deviation 2.4 pixels of 224 at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let pixel = pixel_at_224(image);
        let smooth = SMOOTH * pixel;
        // a Gaussian leaves this share of white noise's deviation; one narrower than a pixel leaves all of it
        let left = (1.0 / (2.0 * std::f32::consts::PI.sqrt() * smooth)).min(1.0);
        let deviation = at_strength(DEVIATION, strength) * pixel / left;
        let mut field = || {
            let mut field = Raster::made(image.width(), image.height(), || deviation * normal(rng));
            field.gaussian(smooth, 3.0);
            field.values
        };
        let (dx, dy) = (field(), field());
        let width = image.width();
        warp::warp(image, Fill::Reflect, |y, positions| {
            let row = y as usize * width;
            let moves = dx[row..].iter().zip(&dy[row..]);
            for ((x, position), (dx, dy)) in positions.iter_mut().enumerate().zip(moves) {
                *position = [warp::steps(x as f32 + dx), warp::steps(y + dy)];
            }
        });
    }
}
