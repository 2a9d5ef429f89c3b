//! The focus turned, or the sample approached, during exposure: every point becomes a streak from the centre.

use crate::corrupt::severity::at_strength;
use crate::image_op::{Fill, ImageOp, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Averages the image with eleven to sixteen enlargements of itself, by up to 1.3 at strength 1
/// (`ImageNet-C`).
pub(crate) struct ZoomBlur;

/// Upper limit of the enlargements, from no corruption to severity 5.
const END: [f32; 6] = [1.0, 1.12, 1.16, 1.21, 1.26, 1.31];
/// The step from one enlargement to the next; the first is by 1.
const STEP: [f32; 6] = [0.01, 0.01, 0.01, 0.02, 0.02, 0.03];

impl ImageOp for ZoomBlur {
    fn name(&self) -> &'static str {
        "zoom-blur"
    }

    fn about(&self) -> &'static str {
        "focus turned during exposure: enlarged by 1 to 1.3 at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        let (end, step) = (at_strength(END, strength), at_strength(STEP, strength));
        // a quarter keeps rounding from adding one
        let count = ((end - 1.0) / step - 0.25).ceil().max(0.0) as u16;
        let mut layer = image.clone();
        let mut sums: Vec<u16> = image.pixels().iter().map(|value| u16::from(*value)).collect();
        for i in 0..count {
            layer.pixels_mut().copy_from_slice(image.pixels());
            enlarge(&mut layer, 1.0 + step * f32::from(i));
            sums.iter_mut().zip(layer.pixels()).for_each(|(sum, value)| *sum += u16::from(*value));
        }
        for (value, sum) in image.pixels_mut().iter_mut().zip(sums) {
            *value = (sum / (count + 1)) as u8;
        }
    }
}

/// Enlarges the middle of an image to its size, in whole pixels as the reference does: the enlarged part is a
/// little too large, and the excess is cut off at the right and below.
fn enlarge(image: &mut Image, scale: f32) {
    let centre = warp::centre(image);
    let place = |side: usize, centre: f32| {
        let inner = (side as f32 / scale - 1e-3).ceil();
        let outer = (inner * scale).round();
        let pixel = if outer > 1.0 { (inner - 1.0) / (outer - 1.0) } else { 1.0 };
        let first = ((side as f32 - inner) / 2.0).floor();
        (pixel, first + (pixel - 1.0) * centre)
    };
    let ((across, x), (down, y)) = (place(image.width(), centre[0]), place(image.height(), centre[1]));
    warp::affine(image, [[across, 0.0], [0.0, down]], [x, y], Fill::Reflect);
}
