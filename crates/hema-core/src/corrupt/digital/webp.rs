//! Lossy compression as phones and web pages do it.

use image::ImageFormat;

use crate::corrupt::severity::at_strength;
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Writes the image as lossy WebP and reads it back: quality 2 at strength 1.
///
/// WebP smears where JPEG shows blocks. The qualities are ours: no benchmark names any.
pub(crate) struct Webp;

/// The quality, from no corruption to severity 5.
const QUALITY: [f32; 6] = [100.0, 50.0, 25.0, 12.0, 6.0, 2.0];

impl ImageOp for Webp {
    fn name(&self) -> &'static str {
        "webp"
    }

    fn about(&self) -> &'static str {
        "compression: WebP of quality 2 at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        // even quality 100 rounds, and strength 0 is the identity
        if strength > 0.0
            && let Some(pixels) = recompress(image, at_strength(QUALITY, strength))
        {
            image.pixels_mut().copy_from_slice(&pixels);
        }
    }
}

/// The pixels after the round trip, or nothing for a side above 16,383 pixels, of which there is no WebP.
fn recompress(image: &Image, quality: f32) -> Option<Vec<u8>> {
    let (width, height) = (u32::try_from(image.width()).ok()?, u32::try_from(image.height()).ok()?);
    let file = webp::Encoder::from_rgb(image.pixels(), width, height).encode_simple(false, quality).ok()?;
    let decoded = image::load_from_memory_with_format(&file, ImageFormat::WebP).ok()?;
    Some(decoded.into_rgb8().into_raw())
}
