//! What is measured of an image while it is decoded; the image itself is not kept.

use super::colour::Colour;
use super::fingerprint::Fingerprint;
use super::quality::{Luma, Quality};
use crate::data::Picture;

/// Everything the checks need to know of one image.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Light, contrast, sharpness, compression.
    pub quality: Quality,
    /// Colours of background and stain.
    pub colour: Colour,
    /// What tells whether another image shows the same picture.
    pub(super) fingerprint: Fingerprint,
}

impl Measured {
    /// Measures an image.
    pub fn of(picture: &Picture) -> Self {
        let image = &picture.image;
        let luma = Luma::of(image);
        Self {
            width: image.width() as u32,
            height: image.height() as u32,
            quality: Quality::of(picture, &luma),
            colour: Colour::of(image, &luma),
            fingerprint: Fingerprint::of(picture),
        }
    }
}
