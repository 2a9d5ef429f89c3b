//! Lossy compression.

use image::ImageFormat;
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

use crate::corrupt::severity::at_strength;
use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Writes the image as JPEG and reads it back: quality 7 at strength 1.
pub(crate) struct Jpeg;

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
        if strength > 0.0 {
            jpeg(image, at_strength(QUALITY, strength).round() as u8);
        }
    }
}

/// A round trip through JPEG with half the resolution for chroma (4:2:0) and the standard tables, Pillow's
/// defaults.
///
/// An image with a side above 65,535 pixels has no JPEG and stays as it is.
pub(crate) fn jpeg(image: &mut Image, quality: u8) {
    if let Some(pixels) = recompress(image, quality) {
        image.pixels_mut().copy_from_slice(&pixels);
    }
}

/// The pixels after the round trip, or nothing where there is no JPEG of this size.
fn recompress(image: &Image, quality: u8) -> Option<Vec<u8>> {
    let (width, height) = (u16::try_from(image.width()).ok()?, u16::try_from(image.height()).ok()?);
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode(image.pixels(), width, height, ColorType::Rgb).ok()?;
    let decoded = image::load_from_memory_with_format(&file, ImageFormat::Jpeg).ok()?;
    Some(decoded.into_rgb8().into_raw())
}
