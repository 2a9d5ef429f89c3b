//! Lossy compression.

use super::at_strength;
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageFormat};

/// Writes the image as JPEG and reads it back: quality 7 at strength 1.
///
/// Chroma keeps its full resolution (4:4:4), where Pillow, which made the reference, halves it. An image with a side
/// above 65,535 pixels has no JPEG and stays as it is.
pub struct Jpeg;

/// The quality, from no corruption to severity 5.
const QUALITY: [f32; 6] = [100.0, 50.0, 30.0, 15.0, 10.0, 7.0];

impl ImageOp for Jpeg {
    fn name(&self) -> &'static str {
        "jpeg"
    }

    fn about(&self) -> &'static str {
        "compression: JPEG of quality 7 at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        // even quality 100 rounds, and strength 0 is the identity
        if strength > 0.0
            && let Some(pixels) = recompress(image, at_strength(QUALITY, strength).round() as u8)
        {
            image.pixels_mut().copy_from_slice(&pixels);
        }
    }
}

/// The pixels after a round trip through JPEG, or nothing where there is no JPEG of this size.
fn recompress(image: &Image, quality: u8) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    let (width, height) = (image.width() as u32, image.height() as u32);
    JpegEncoder::new_with_quality(&mut file, quality)
        .encode(image.pixels(), width, height, ExtendedColorType::Rgb8)
        .ok()?;
    let decoded = image::load_from_memory_with_format(&file, ImageFormat::Jpeg).ok()?;
    Some(decoded.into_rgb8().into_raw())
}
