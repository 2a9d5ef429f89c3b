//! The pictures that a page shows of a data set, read in one pass and made small.

use std::collections::HashMap;

use super::html::escape;
use super::pictures::{base64, shrink};
use crate::data::Source;
use crate::error::Result;
use crate::sample::Image;

/// Longest side in pixels. With the quality below, four to six kilobytes of page each.
const SIDE: usize = 112;

/// JPEG quality: differences between copies remain visible.
const QUALITY: u8 = 88;

/// Full-size images in memory at a time.
const IN_FLIGHT: usize = 32;

/// Small pictures by the index of their entry, as JPEG in base64; `None` where the image cannot be read.
pub(super) struct Thumbnails(HashMap<usize, Option<String>>);

impl Thumbnails {
    /// Reads the entries at `images`, in any order and with repetitions.
    pub(super) fn read(source: &Source, images: &[usize]) -> Result<Self> {
        let mut pictures = HashMap::new();
        source.visit(
            &source.reading_order(Some(images))?,
            IN_FLIGHT,
            |_, picture| picture.and_then(|picture| jpeg_base64(&picture.image)).ok(),
            |image, jpeg| {
                pictures.insert(image, jpeg);
                Ok(())
            },
        )?;
        Ok(Self(pictures))
    }

    /// The picture, or what stands in its place; `alt` is text.
    pub(super) fn draw(&self, image: usize, alt: &str) -> String {
        match self.0.get(&image) {
            Some(Some(jpeg)) => {
                format!("<img src=\"data:image/jpeg;base64,{jpeg}\" alt=\"{}\">", escape(alt))
            }
            _ => "<div class=\"missing\">cannot be read</div>".into(),
        }
    }
}

/// The image made small, as JPEG in base64.
pub(super) fn jpeg_base64(image: &Image) -> Result<String> {
    Ok(base64(&shrink(image, SIDE)?.to_jpeg(QUALITY)?))
}
