//! What is measured of an image while it is decoded; the image itself is not kept.

use crate::data::Picture;

/// Everything the checks need to know of one image.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl Measured {
    /// Measures an image.
    pub fn of(picture: &Picture) -> Self {
        Self { width: picture.image.width() as u32, height: picture.image.height() as u32 }
    }
}
