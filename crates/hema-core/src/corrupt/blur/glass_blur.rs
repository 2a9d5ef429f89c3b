//! Seen through frosted glass: neighbouring pixels change places.

use rand::Rng as _;

use super::gaussian_blur::gaussian_blur;
use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Blurs, takes each pixel from near by, twice or thrice over, and blurs again: from up to 4 pixels of 224 at
/// strength 1 (`ImageNet-C`).
///
/// Pixels are copied, not swapped, as the published code does where it means to swap.
pub(crate) struct GlassBlur;

/// The Gaussian's standard deviation in pixels of 224, from no corruption to severity 5.
const DEVIATION: [f32; 6] = [0.0, 0.7, 0.9, 1.0, 1.1, 1.5];
/// How far away a pixel is taken from at most, in pixels of 224.
const REACH: [f32; 6] = [0.0, 1.0, 2.0, 2.0, 3.0, 4.0];
/// How often.
const TIMES: [f32; 6] = [0.0, 2.0, 1.0, 3.0, 2.0, 2.0];

impl ImageOp for GlassBlur {
    fn name(&self) -> &'static str {
        "glass-blur"
    }

    fn about(&self) -> &'static str {
        "frosted glass: pixels from up to 4 away at severity 5, in pixels of 224"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let times = at_strength(TIMES, strength).ceil() as usize;
        if times == 0 {
            return;
        }
        let reach = (at_strength(REACH, strength) * pixel_at_224(image)).round().max(1.0) as usize;
        gaussian_blur(image, at_strength(DEVIATION, strength));
        (0..times).for_each(|_| shuffle(image, reach, rng));
        gaussian_blur(image, at_strength(DEVIATION, strength));
    }
}

/// Takes each pixel from up to `reach` before it and less than `reach` behind it along both axes, from the
/// last to the first, so that a pixel can be one that was replaced already.
fn shuffle(image: &mut Image, reach: usize, rng: &mut Rng) {
    let (width, height) = (image.width(), image.height());
    let pixels = image.pixels_mut().as_chunks_mut::<3>().0;
    let inner = |side: usize| (reach + 1..(side + 1).saturating_sub(reach)).rev();
    // 0 to 2 reach - 1 from the upper bits of a number of 16
    let below = |bits: u32| (bits as usize * 2 * reach) >> 16;
    for y in inner(height) {
        for x in inner(width) {
            let bits = rng.next_u32();
            let (from_x, from_y) = (x + below(bits & 0xffff) - reach, y + below(bits >> 16) - reach);
            pixels[y * width + x] = pixels[from_y * width + from_x];
        }
    }
}
