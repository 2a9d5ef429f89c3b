//! From the bytes of a picture file to 8-bit RGB.
//!
//! Grey becomes three equal channels, more bits become 8 (see `deep`), EXIF orientation is applied. An alpha
//! channel is dropped, not composited: as `convert("RGB")` does in Pillow, which prepared the training images
//! of most models. Left out on purpose: colour profiles, which cell images rarely carry and training
//! pipelines ignore.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::deep::{Deep, Range, White};
use super::deep_tiff::DeepTiff;
use super::frames::has_further_frames;
use super::memory::Reservation;
use super::{jpeg_scan, needs, png_scan, tiff, tiff_scan};
use crate::error::{Error, ErrorKind, Result};
use crate::sample::Image;

/// Longest side accepted, in pixels.
pub(super) const MAX_SIDE: u64 = 16_384;
/// Largest area accepted, in pixels (256 megapixels: the longest side squared).
pub(super) const MAX_AREA: u64 = 1 << 28;
/// Most memory that a decoder may take for what is no pixel, in bytes: text, colour profiles, tables.
const MAX_METADATA: u64 = 16 << 20;

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

/// Whether a file with this name may have more than 8 bits.
pub(super) fn may_be_deep(name: &str) -> bool {
    matches!(format_of_name(name), Some(ImageFormat::Png | ImageFormat::Tiff | ImageFormat::Pnm))
}

/// Decodes a JPEG, PNG, BMP, TIFF, WebP, GIF or PNM file: of several frames or pages the first. Of more than
/// 8 bits, the largest number of the type is white, and 1 where numbers are floating-point.
///
/// # Errors
/// Empty, unknown, damaged or truncated files, of the kind [`ErrorKind::Unreadable`]; pictures over
/// 16,384 pixels a side and those that take more than [`set_memory`](super::set_memory) allows, before memory
/// is taken for them.
pub fn decode(bytes: &[u8]) -> Result<Image> {
    decode_to(bytes, White::OfType, &mut Reservation::new()).map(|decoded| decoded.image)
}

/// Decodes a file as [`decode`] does, with `white` for white where it has more than 8 bits.
///
/// # Errors
/// The errors of [`decode`]; numbers above `white`.
pub fn decode_as(bytes: &[u8], white: f64) -> Result<Image> {
    decode_to(bytes, White::At(white), &mut Reservation::new()).map(|decoded| decoded.image)
}

/// Decodes a file whose data set has this white, and says what of it the image does not show. The memory that
/// this takes is added to `room`.
pub(super) fn decode_to(bytes: &[u8], white: White, room: &mut Reservation) -> Result<Decoded> {
    decode_known(bytes, white, room).map_err(|e| e.with_kind(ErrorKind::Unreadable))
}

/// First bytes of a PNG file, with the depth.
pub(super) const PNG_START: usize = 25;

/// Whether a file that begins so is a PNG of at most 8 bits.
pub(super) fn is_shallow_png(start: &[u8]) -> bool {
    start.starts_with(b"\x89PNG") && start.get(PNG_START - 1).is_some_and(|bits| *bits <= 8)
}

/// The numbers that a file of more than 8 bits uses; `None` for any other, and for one that cannot be read.
pub(super) fn range(bytes: &[u8], room: &mut Reservation) -> Option<Range> {
    match read(bytes, recognise(bytes).ok()?, room).ok()?.0 {
        Raw::Shallow(_) => None,
        Raw::Deep(deep) => deep.range().ok(),
    }
}

/// A picture as it was decoded.
enum Raw {
    Shallow(DynamicImage),
    Deep(Deep),
}

fn decode_known(bytes: &[u8], white: White, room: &mut Reservation) -> Result<Decoded> {
    let format = recognise(bytes)?;
    let (raw, orientation) = read(bytes, format, room)?;
    let (mut picture, alpha) = match raw {
        Raw::Shallow(picture) => {
            let alpha = is_transparent(&picture);
            (picture, alpha)
        }
        Raw::Deep(deep) => (DynamicImage::from(deep.to_rgb8(white)?), deep.is_transparent()),
    };
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    let unused = Unused { alpha, frames: has_further_frames(bytes, format) };
    let rgb = picture.into_rgb8();
    let image = Image::new(rgb.width() as usize, rgb.height() as usize, rgb.into_raw())?;
    Ok(Decoded { image, unused })
}

/// Decodes a file of a known format, and tells how the camera was held.
fn read(bytes: &[u8], format: ImageFormat, room: &mut Reservation) -> Result<(Raw, Option<Orientation>)> {
    if format == ImageFormat::Tiff {
        if let Some(coloured) = read_coloured_tiff(bytes, room)? {
            return Ok(coloured);
        }
        if let Some(deep) = read_deep_tiff(bytes, room)? {
            return Ok(deep);
        }
    }
    if format == ImageFormat::Jpeg {
        // the scans are gone through before the decoder is asked for the size
        if let Some(announced) = jpeg_scan::announced(bytes) {
            check_size(announced.size)?;
            reserve(room, announced.size, needs::of_jpeg(&announced, bytes.len()))?;
        }
        jpeg_scan::check(bytes)?;
    }
    let damaged = |e: image::ImageError| Error::new(format!("is not a readable {} image: {e}", name(format)));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits(0));
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    // a picture with a broken EXIF block is still a picture
    let orientation = decoder.orientation().ok();
    let size = wide(decoder.dimensions());
    check_size(size)?;
    let needed = needs::of_picture(format, bytes, size, decoder.color_type(), orientation);
    reserve(room, size, needed)?;
    decoder.set_limits(limits(needed)).map_err(damaged)?;
    match format {
        ImageFormat::Png => png_scan::check(bytes)?,
        ImageFormat::Tiff => tiff_scan::check(bytes)?,
        _ => {}
    }
    let picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    Ok((Deep::of(&picture).map_or(Raw::Shallow(picture), Raw::Deep), orientation))
}

/// The limits of a decoder whose picture takes this much memory.
fn limits(needed: u64) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(needed + MAX_METADATA);
    limits
}

/// Decodes a TIFF file of more than 8 bits; `None` for any other.
fn read_deep_tiff(bytes: &[u8], room: &mut Reservation) -> Result<Option<(Raw, Option<Orientation>)>> {
    let damaged = |e: ::tiff::TiffError| Error::new(format!("is not a readable TIFF image: {e}"));
    let Some(mut file) = DeepTiff::open(bytes).map_err(damaged)? else { return Ok(None) };
    let size = wide(file.dimensions().map_err(damaged)?);
    check_size(size)?;
    let copies = file.copies().map_err(damaged)?;
    let needed = needs::of_deep_tiff(size, file.color_type(), copies);
    reserve(room, size, needed)?;
    tiff_scan::check(bytes)?;
    let orientation = file.orientation();
    Ok(Some((Raw::Deep(file.read(needed + MAX_METADATA).map_err(damaged)?), orientation)))
}

/// A TIFF picture of a palette or in YCbCr, and its orientation; `None` for any other.
fn read_coloured_tiff(bytes: &[u8], room: &mut Reservation) -> Result<Option<(Raw, Option<Orientation>)>> {
    let damaged = |e: ::tiff::TiffError| Error::new(format!("is not a readable TIFF image: {e}"));
    let Some(coloured) = tiff::Coloured::open(bytes) else { return Ok(None) };
    let mut coloured = coloured.map_err(damaged)?;
    let size = wide(coloured.dimensions().map_err(damaged)?);
    check_size(size)?;
    let needed = needs::of_coloured_tiff(size, coloured.color_type().map_err(damaged)?);
    reserve(room, size, needed)?;
    tiff_scan::check(bytes)?;
    let orientation = coloured.orientation().and_then(Orientation::from_exif);
    let picture = coloured.read(needed + MAX_METADATA).map_err(damaged)?;
    Ok(Some((Raw::Shallow(DynamicImage::from(picture)), orientation)))
}

/// Width and height, to reckon with.
fn wide((width, height): (u32, u32)) -> (u64, u64) {
    (u64::from(width), u64::from(height))
}

/// Reserves the memory that a picture of this size needs.
fn reserve(room: &mut Reservation, (width, height): (u64, u64), needed: u64) -> Result<()> {
    room.add(needed, format_args!("is {width}x{height} pixels"))
}

/// Whether some pixel is not opaque.
fn is_transparent(picture: &DynamicImage) -> bool {
    match picture {
        DynamicImage::ImageLumaA8(image) => image.pixels().any(|pixel| pixel[1] < u8::MAX),
        DynamicImage::ImageRgba8(image) => image.pixels().any(|pixel| pixel[3] < u8::MAX),
        _ => false,
    }
}

/// Refuses pictures too large to be a blood cell or a smear frame.
pub(super) fn check_size((width, height): (u64, u64)) -> Result<()> {
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
