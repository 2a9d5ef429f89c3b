//! Pictures inside a page: made small, and written as base64.

use std::borrow::Cow;

use base64::Engine as _;

use crate::error::Result;
use crate::preprocess::{Filter, resize};
use crate::sample::Image;

/// Longest side of a thumbnail in pixels: a gallery of two dozen stays below a megabyte.
const THUMBNAIL_SIDE: usize = 128;

/// A PNG of the image in base64, at most 128 pixels a side, for [`crate::record::Mistake::thumbnail`].
///
/// # Errors
/// When the PNG encoder fails.
pub fn thumbnail_png_base64(image: &Image) -> Result<String> {
    Ok(base64(&shrink(image, THUMBNAIL_SIDE)?.to_png()?))
}

/// The image, at most `longest_side` pixels a side.
pub(super) fn shrink(image: &Image, longest_side: usize) -> Result<Cow<'_, Image>> {
    let (width, height) = (image.width(), image.height());
    let longest = width.max(height);
    if longest <= longest_side {
        return Ok(Cow::Borrowed(image));
    }
    let shrink = |side: usize| (side * longest_side / longest).max(1);
    resize(image, shrink(width), shrink(height), Filter::Bilinear).map(Cow::Owned)
}

pub(super) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
