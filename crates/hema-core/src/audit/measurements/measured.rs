//! The numbers that an image is measured in while it is decoded; the image itself is not kept.

use super::colour::Colour;
use super::quality::{Luma, Quality};
use crate::data::Picture;

/// The numbers of one image that checks judge by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    /// Width in pixels.
    pub(crate) width: u32,
    /// Height in pixels.
    pub(crate) height: u32,
    /// Light, contrast, sharpness, compression.
    pub(crate) quality: Quality,
    /// Colours of background and stain.
    pub(crate) colour: Colour,
}

/// Numbers that an image is measured in.
const NUMBERS: usize = 15;

impl Measured {
    /// Bytes of [`Measured::to_bytes`].
    pub(crate) const BYTES: usize = NUMBERS * size_of::<f64>();

    /// Measures an image.
    pub(crate) fn of(picture: &Picture) -> Self {
        let image = &picture.image;
        let luma = Luma::of(image);
        Self {
            width: image.width() as u32,
            height: image.height() as u32,
            quality: Quality::of(picture, &luma),
            colour: Colour::of(image, &luma),
        }
    }

    /// All numbers, without loss; one that is missing is not a number.
    pub(crate) fn to_bytes(&self) -> [u8; Self::BYTES] {
        let Self { width, height, quality, colour } = self;
        let Quality { darkest, brightest, clipped, entropy, sharpness, blockiness, jpeg_setting } = *quality;
        let sizes = [f64::from(*width), f64::from(*height)];
        let light = [f64::from(darkest), f64::from(brightest), clipped, entropy];
        let detail = [sharpness, blockiness, jpeg_setting].map(|number| number.unwrap_or(f64::NAN));
        let numbers = [&sizes[..], &light, &detail, &colour.background, &colour.stain].concat();
        let mut bytes = [0; Self::BYTES];
        for (bytes, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
            *bytes = number.to_le_bytes();
        }
        bytes
    }

    /// Reads the bytes of [`Measured::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut numbers = [0.0; NUMBERS];
        for (number, bytes) in numbers.iter_mut().zip(bytes.as_chunks().0) {
            *number = f64::from_le_bytes(*bytes);
        }
        let [width, height, darkest, brightest, clipped, entropy, sharpness, blockiness, jpeg, colours @ ..] =
            numbers;
        let [r, g, b, red, green, blue] = colours;
        let some = |number: f64| Some(number).filter(|number| !number.is_nan());
        Self {
            width: width as u32,
            height: height as u32,
            quality: Quality {
                darkest: darkest as u8,
                brightest: brightest as u8,
                clipped,
                entropy,
                sharpness: some(sharpness),
                blockiness: some(blockiness),
                jpeg_setting: some(jpeg),
            },
            colour: Colour { background: [r, g, b], stain: [red, green, blue] },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn a_measurement_survives_as_bytes() {
        for side in [9, 96] {
            let image = synthetic::images(&[1; 8], side, 3).remove(0).1;
            let jpeg_setting = Some(37.5).filter(|_| side == 96);
            let mut measured = Measured::of(&Picture { image, file: None });
            measured.quality.jpeg_setting = jpeg_setting;
            assert_eq!(measured.quality.blockiness.is_some(), side == 96);
            assert_eq!(Measured::from_bytes(&measured.to_bytes()), measured);
        }
    }
}
