//! From the bytes of a picture file to 8-bit RGB.
//!
//! Grey becomes three equal channels, 16 bits become 8, EXIF orientation is applied. An alpha channel is
//! dropped, not composited: as `convert("RGB")` does in Pillow, which prepared the training images of most
//! models. Left out on purpose: colour profiles, which cell images rarely carry and training pipelines
//! ignore.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::frames::has_further_frames;
use super::tiff;
use crate::error::{Error, ErrorKind, Result};
use crate::sample::Image;

/// Longest side accepted, in pixels.
pub(super) const MAX_SIDE: u64 = 16_384;
/// Largest area accepted, in pixels (256 megapixels: the longest side squared).
pub(super) const MAX_AREA: u64 = 1 << 28;
/// Most memory a decoder may take: the largest area at 16-bit RGBA.
const MAX_ALLOCATION: u64 = MAX_AREA * 8;

/// Every format that is read, by its name.
const FORMATS: [(ImageFormat, &str); 7] = [
    (ImageFormat::Jpeg, "JPEG"),
    (ImageFormat::Png, "PNG"),
    (ImageFormat::Bmp, "BMP"),
    (ImageFormat::Tiff, "TIFF"),
    (ImageFormat::WebP, "WebP"),
    (ImageFormat::Gif, "GIF"),
    (ImageFormat::Pnm, "PNM"),
];

/// Endings of the names of picture files; the first of a format is the one written.
const EXTENSIONS: [(&str, ImageFormat); 17] = [
    ("jpg", ImageFormat::Jpeg),
    ("jpeg", ImageFormat::Jpeg),
    ("jpe", ImageFormat::Jpeg),
    ("jfif", ImageFormat::Jpeg),
    ("png", ImageFormat::Png),
    ("apng", ImageFormat::Png),
    ("bmp", ImageFormat::Bmp),
    ("dib", ImageFormat::Bmp),
    ("tif", ImageFormat::Tiff),
    ("tiff", ImageFormat::Tiff),
    ("webp", ImageFormat::WebP),
    ("gif", ImageFormat::Gif),
    ("pnm", ImageFormat::Pnm),
    ("pbm", ImageFormat::Pnm),
    ("pgm", ImageFormat::Pnm),
    ("ppm", ImageFormat::Pnm),
    ("pam", ImageFormat::Pnm),
];

/// A picture file as it was decoded.
pub(super) struct Decoded {
    pub(super) image: Image,
    pub(super) unused: Unused,
}

/// What a picture file holds beside the image that is made of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unused {
    /// An alpha channel that is not opaque everywhere.
    pub(super) alpha: bool,
    /// More frames of an animation, or more pages.
    pub(super) frames: bool,
}

/// The name of the format that a file begins like, if it is one that is read.
pub(super) fn format_name(start: &[u8]) -> Option<&'static str> {
    format_of(start).map(name)
}

/// Whether bytes begin like a picture file of a known format.
pub(super) fn is_picture(start: &[u8]) -> bool {
    format_of(start).is_some()
}

/// The format that a file begins like, if it is one that is read.
fn format_of(start: &[u8]) -> Option<ImageFormat> {
    if tiff::is_tiff(start) {
        return Some(ImageFormat::Tiff);
    }
    let format = image::guess_format(start).ok()?;
    let is_known = FORMATS.iter().any(|(known, _)| *known == format);
    // a letter and a digit begin many a text: a picture goes on with a space or a comment
    let is_text =
        format == ImageFormat::Pnm && !start.get(2).is_some_and(|c| c.is_ascii_whitespace() || *c == b'#');
    (is_known && !is_text).then_some(format)
}

/// Whether a file name ends like a picture's.
pub(super) fn has_picture_name(name: &str) -> bool {
    format_of_name(name).is_some()
}

/// Whether a file name's ending is one of the format that `extension` stands for.
pub(super) fn is_named(name: &str, extension: &str) -> bool {
    let wanted = EXTENSIONS.iter().find(|(end, _)| *end == extension).map(|(_, format)| *format);
    wanted.is_some() && format_of_name(name) == wanted
}

/// The ending that the name of a picture file with these bytes should have.
pub(super) fn extension(bytes: &[u8]) -> &'static str {
    let format = format_of(bytes);
    EXTENSIONS.iter().find(|(_, known)| Some(*known) == format).map_or("png", |(end, _)| end)
}

fn format_of_name(name: &str) -> Option<ImageFormat> {
    let (_, end) = name.rsplit_once('.')?;
    EXTENSIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(end)).map(|(_, format)| *format)
}

/// Decodes a JPEG, PNG, BMP, TIFF, WebP, GIF or PNM file: of several frames or pages the first.
///
/// # Errors
/// Empty, unknown, damaged or truncated files, of the kind [`ErrorKind::Unreadable`]; pictures over
/// 16,384 pixels a side, before memory is taken for them.
pub fn decode(bytes: &[u8]) -> Result<Image> {
    decode_whole(bytes).map(|decoded| decoded.image)
}

/// Decodes a picture file, and says what of it the image does not show.
pub(super) fn decode_whole(bytes: &[u8]) -> Result<Decoded> {
    decode_known(bytes).map_err(|e| e.with_kind(ErrorKind::Unreadable))
}

fn decode_known(bytes: &[u8]) -> Result<Decoded> {
    let format = recognise(bytes)?;
    if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
        return Err(Error::new("is a truncated JPEG image (it ends before its end-of-image marker)"));
    }
    let (mut picture, orientation) = match coloured_tiff(bytes, format)? {
        Some(picture) => picture,
        None => decode_as(bytes, format)?,
    };
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    let unused = Unused { alpha: is_transparent(&picture), frames: has_further_frames(bytes, format) };
    let rgb = picture.into_rgb8();
    let image = Image::new(rgb.width() as usize, rgb.height() as usize, rgb.into_raw())?;
    Ok(Decoded { image, unused })
}

/// A picture of a format, and its orientation.
fn decode_as(bytes: &[u8], format: ImageFormat) -> Result<(DynamicImage, Option<Orientation>)> {
    let damaged = |e: image::ImageError| Error::new(format!("is not a readable {} image: {e}", name(format)));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_ALLOCATION);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    check_size(u64::from(width), u64::from(height))?;
    // a picture with a broken EXIF block is still a picture
    let orientation = decoder.orientation().ok();
    Ok((DynamicImage::from_decoder(decoder).map_err(damaged)?, orientation))
}

/// A TIFF picture of a palette or in YCbCr, and its orientation; `None` for any other.
fn coloured_tiff(bytes: &[u8], format: ImageFormat) -> Result<Option<(DynamicImage, Option<Orientation>)>> {
    if format != ImageFormat::Tiff {
        return Ok(None);
    }
    let damaged = |e: ::tiff::TiffError| Error::new(format!("is not a readable TIFF image: {e}"));
    let Some(coloured) = tiff::Coloured::open(bytes, MAX_ALLOCATION) else { return Ok(None) };
    let mut coloured = coloured.map_err(damaged)?;
    let (width, height) = coloured.dimensions().map_err(damaged)?;
    check_size(u64::from(width), u64::from(height))?;
    let orientation = coloured.orientation().and_then(Orientation::from_exif);
    Ok(Some((DynamicImage::from(coloured.read().map_err(damaged)?), orientation)))
}

/// Whether some pixel is not opaque.
fn is_transparent(picture: &DynamicImage) -> bool {
    match picture {
        DynamicImage::ImageLumaA8(image) => image.pixels().any(|pixel| pixel[1] < u8::MAX),
        DynamicImage::ImageRgba8(image) => image.pixels().any(|pixel| pixel[3] < u8::MAX),
        DynamicImage::ImageLumaA16(image) => image.pixels().any(|pixel| pixel[1] < u16::MAX),
        DynamicImage::ImageRgba16(image) => image.pixels().any(|pixel| pixel[3] < u16::MAX),
        DynamicImage::ImageRgba32F(image) => image.pixels().any(|pixel| pixel[3] < 1.0),
        _ => false,
    }
}

/// Refuses pictures too large to be a blood cell or a smear frame.
pub(super) fn check_size(width: u64, height: u64) -> Result<()> {
    if width <= MAX_SIDE && height <= MAX_SIDE && width * height <= MAX_AREA {
        return Ok(());
    }
    Err(Error::new(format!("is {width}x{height} pixels (at most {MAX_SIDE} a side are read)")))
}

fn recognise(bytes: &[u8]) -> Result<ImageFormat> {
    if bytes.is_empty() {
        return Err(Error::new("is empty (expected an image)"));
    }
    format_of(bytes).ok_or_else(|| {
        Error::new("is not an image in a known format (expected JPEG, PNG, BMP, TIFF, WebP, GIF or PNM)")
    })
}

fn name(format: ImageFormat) -> &'static str {
    FORMATS.iter().find(|(known, _)| *known == format).map_or("unknown", |(_, name)| name)
}

/// Whether a JPEG file reaches its end-of-image marker. The decoder fills the missing part with grey and
/// reports success, so truncation has to be seen here. Markers inside metadata blocks (thumbnails) do not
/// count.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    const END_OF_IMAGE: u8 = 0xd9;
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        // to the next marker: within coded data, 0xff is followed by 0 or a restart marker
        let Some(start) =
            rest.windows(2).position(|w| w[0] == 0xff && !matches!(w[1], 0 | 0xff | 0xd0..=0xd7))
        else {
            return false;
        };
        if rest[start + 1] == END_OF_IMAGE {
            return true;
        }
        let block = &rest[start + 2..];
        let [high, low, ..] = block else { return false };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(after) = block.get(length..) else { return false };
        rest = after;
    }
}
