//! Dead and hot sensor elements, and errors of transmission: salt and pepper.

use rand::Rng as _;

use crate::corrupt::severity::at_strength;
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Makes a share of all values black or white, as likely the one as the other: 0.27 at strength 1
/// (`ImageNet-C`).
///
/// The three channels of a pixel are hit independently, as in the reference.
pub(crate) struct ImpulseNoise;

/// The share of the values, from no corruption to severity 5.
const SHARE: [f32; 6] = [0.0, 0.03, 0.06, 0.09, 0.17, 0.27];

impl ImageOp for ImpulseNoise {
    fn name(&self) -> &'static str {
        "impulse-noise"
    }

    fn about(&self) -> &'static str {
        "dead and hot sensor elements: 0.27 of all values black or white at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        // 15 bits decide whether a value is hit, one more how; four values share a draw
        let hit = (at_strength(SHARE, strength) * 32768.0).round() as u64;
        for values in image.pixels_mut().chunks_mut(4) {
            let mut bits = rng.next_u64();
            for value in values {
                if bits & 0x7fff < hit {
                    *value = if bits & 0x8000 == 0 { 0 } else { 255 };
                }
                bits >>= 16;
            }
        }
    }
}
