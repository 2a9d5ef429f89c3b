//! One image, as every stage of the pipeline sees it: 8-bit RGB, rows first, three interleaved channels.

use image::ImageEncoder as _;

use crate::error::{Error, Result};

/// An 8-bit RGB image: `height * width * 3` bytes, row by row, channels interleaved.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Image {
    /// Wraps pixel bytes.
    ///
    /// # Errors
    /// When the byte count is not `width * height * 3` or a side is zero.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self> {
        if width == 0 || height == 0 || pixels.len() != width * height * 3 {
            return Err(Error::new(format!(
                "{} bytes do not make a {width}x{height} RGB image (expected {})",
                pixels.len(),
                width * height * 3
            )));
        }
        Ok(Self { width, height, pixels })
    }

    /// An image of one colour. Sides of zero become one pixel.
    pub fn filled(width: usize, height: usize, rgb: [u8; 3]) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        Self { width, height, pixels: rgb.repeat(width * height) }
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes, `[height][width][rgb]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The bytes, for operators that work in place.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// The bytes, without the image.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// The image as a PNG file.
    ///
    /// # Errors
    /// When the encoder fails, as it does for sides beyond its format's limits.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let mut png = Vec::new();
        image::codecs::png::PngEncoder::new(&mut png)
            .write_image(&self.pixels, self.width as u32, self.height as u32, image::ExtendedColorType::Rgb8)
            .map_err(|e| Error::new(format!("{self:?} cannot be encoded as PNG: {e}")))?;
        Ok(png)
    }

    /// The image as a JPEG file of a quality from 1 to 100, with colour at full resolution.
    ///
    /// # Errors
    /// When the encoder fails, as it does for sides beyond its format's limits.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>> {
        let mut jpeg = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, quality)
            .write_image(&self.pixels, self.width as u32, self.height as u32, image::ExtendedColorType::Rgb8)
            .map_err(|e| Error::new(format!("{self:?} cannot be encoded as JPEG: {e}")))?;
        Ok(jpeg)
    }

    /// The colour at column `x`, row `y`; both must lie inside.
    pub fn rgb(&self, x: usize, y: usize) -> [u8; 3] {
        let i = (y * self.width + x) * 3;
        [self.pixels[i], self.pixels[i + 1], self.pixels[i + 2]]
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image({}x{})", self.width, self.height)
    }
}
