//! Memory that decoding a picture takes at most, told by its header before any is taken: pixels, the planes
//! and coefficients that a decoder keeps beside them, and the copies that bring them to 8-bit RGB. Sizes are
//! those that are accepted at most, so that no product is too large.

use image::metadata::Orientation;
use image::{ColorType, ImageFormat};

use super::jpeg_scan;

/// Bytes of a coefficient of a JPEG file as the decoder keeps it, and of what checking the file keeps of it.
const COEFFICIENT: u64 = 3;
/// Bytes of the tables that a lossless WebP file needs for a block of pixels, pixels of the smallest block,
/// and bytes of tables that a byte of the file makes at most.
const WEBP_TABLES: u64 = 20 << 10;
const WEBP_BLOCK: u64 = 16;
const WEBP_TABLES_PER_BYTE: u64 = 256;
/// Bytes of a pixel in RGB, and of a number of more than 8 bits on the way to 8.
const RGB: u64 = 3;
const FLOAT: u64 = 4;

/// The bytes that a JPEG file of this length takes.
pub(super) fn of_jpeg(announced: &jpeg_scan::Announced, length: usize) -> u64 {
    let pixels = announced.size.0 * announced.size.1;
    let decoded = if announced.components == 1 { 1 } else { RGB };
    // the decoder takes a copy of the file, in a buffer that grows
    2 * length as u64 + pixels * (decoded + RGB) + announced.coefficients * COEFFICIENT
}

/// The bytes that a picture takes whose decoder has read its header. Those of JPEG files are known before.
pub(super) fn of_picture(
    format: ImageFormat,
    bytes: &[u8],
    (width, height): (u64, u64),
    colour: ColorType,
    orientation: Option<Orientation>,
) -> u64 {
    let pixels = width * height;
    let decoded = pixels * u64::from(colour.bytes_per_pixel());
    let beside = match format {
        ImageFormat::Jpeg => return 0,
        ImageFormat::Gif => 5 * gif_frame(bytes).unwrap_or(pixels),
        ImageFormat::WebP => webp(bytes, pixels),
        ImageFormat::Tiff => 2 * decoded,
        _ => 0,
    };
    decoded + beside + to_rgb(pixels, colour, is_turned(orientation))
}

/// The bytes that bringing decoded pixels to 8-bit RGB takes.
fn to_rgb(pixels: u64, colour: ColorType, turned: bool) -> u64 {
    let channels = u64::from(colour.channel_count());
    if u64::from(colour.bytes_per_pixel()) > channels {
        return pixels * (deep(channels) + RGB);
    }
    match colour {
        ColorType::Rgb8 if !turned => 0,
        ColorType::Rgb8 => pixels * RGB,
        _ => pixels * channels.max(RGB),
    }
}

/// Bytes of a pixel while numbers of more than 8 bits become 8, without and with alpha.
fn deep(channels: u64) -> u64 {
    FLOAT * channels + if channels.is_multiple_of(2) { FLOAT * (channels - 1) } else { 0 } + RGB
}

/// Whether another picture is made to turn the one decoded.
fn is_turned(orientation: Option<Orientation>) -> bool {
    !matches!(orientation, None | Some(Orientation::NoTransforms))
}

/// The bytes that a TIFF picture of more than 8 bits takes, of whose numbers so many copies are made.
pub(super) fn of_deep_tiff((width, height): (u64, u64), colour: tiff::ColorType, copies: u64) -> u64 {
    let channels = u64::from(colour.num_samples());
    let number = u64::from(colour.bit_depth()).div_ceil(8);
    width * height * (channels * (2 * number + copies * FLOAT) + deep(channels))
}

/// The bytes that a TIFF picture of a palette or in YCbCr takes.
pub(super) fn of_coloured_tiff((width, height): (u64, u64), colour: tiff::ColorType) -> u64 {
    let samples = u64::from(colour.num_samples());
    let number = u64::from(colour.bit_depth()).div_ceil(8);
    let position = 2;
    width * height * (2 * samples * number + position + 2 * RGB)
}

/// Pixels of the first frame of a GIF file, which may be larger than the picture.
fn gif_frame(bytes: &[u8]) -> Option<u64> {
    let frame = super::frames::first_gif_frame(bytes)?;
    let side = |at: usize| Some(u64::from(u16::from_le_bytes(*frame.get(at..)?.first_chunk()?)));
    Some(side(4)? * side(6)?)
}

/// The bytes that a WebP decoder takes beside the picture.
fn webp(bytes: &[u8], pixels: u64) -> u64 {
    let tables = (pixels.div_ceil(WEBP_BLOCK) * WEBP_TABLES).min(bytes.len() as u64 * WEBP_TABLES_PER_BYTE);
    match bytes.get(12..16) {
        // planes of brightness and of colours, filled up to whole blocks
        Some(b"VP8 ") => 2 * pixels,
        Some(b"VP8L") => 4 * pixels + tables,
        // a frame, its alpha channel and the canvas
        _ => 9 * pixels + tables,
    }
}
