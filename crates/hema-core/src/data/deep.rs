//! Images whose numbers take more than 8 bits, and the one rule that makes 8 of them: 0 is black, and which
//! number is white is told by the numbers that the images of a data set use.
//!
//! Left out on purpose: another black than 0, and curves.

use image::{DynamicImage, RgbImage};

use crate::error::{Error, Result};

/// Whites of whole numbers: of 8, 10, 12, 14, 16 bits, and of all 32.
const WHITES: [f64; 6] = [255.0, 1023.0, 4095.0, 16_383.0, 65_535.0, 4_294_967_295.0];
/// The largest number of 16 bits, with and without a sign. Beyond, numbers ought to use most of 32 bits.
const SIXTEEN_BITS: f64 = 65_535.0;
/// Floating-point numbers up to here run from 0 to 1, and from here to [`SURELY_BYTES`] nobody can tell.
const UNIT: f64 = 1.0;
/// Floating-point numbers beyond this run from 0 to 255.
const SURELY_BYTES: f64 = 2.0;

/// What is tried where a range of numbers fits no rule.
pub(super) const HINT: &str = "save the images as they are, before any normalisation, or say which number is \
                               white: `--white 4095`, in training `--set data.white=4095`";

/// A family of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    Whole,
    Float,
}

/// The numbers that images use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) numbers: Numbers,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Range {
    /// Both together; floating-point when one of them is.
    pub(super) fn union(self, other: Self) -> Self {
        let numbers = if self.numbers == other.numbers { self.numbers } else { Numbers::Float };
        Self { numbers, low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// Both together, where both are known.
    pub(super) fn union_of(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.union(other)),
            (one, other) => one.or(other),
        }
    }

    /// The number that is white.
    ///
    /// # Errors
    /// Numbers that fit no rule.
    pub(super) fn white(self) -> Result<f64> {
        let Self { numbers, low, high } = self;
        let (found, expected) = match numbers {
            Numbers::Whole if low < 0.0 => (None, "0 or more"),
            Numbers::Float if low < 0.0 => (None, "0 to 1 or 0 to 255"),
            Numbers::Float if high <= UNIT => (Some(UNIT), ""),
            Numbers::Float if high > SURELY_BYTES && high <= WHITES[0] => (Some(WHITES[0]), ""),
            Numbers::Float => (None, "0 to 1 or 0 to 255"),
            Numbers::Whole if high > SIXTEEN_BITS && high < WHITES[5] / 2.0 => {
                (None, "at most 16 bits, or all of 32")
            }
            Numbers::Whole => (WHITES.into_iter().find(|white| high <= *white), "at most 32 bits"),
        };
        let message = || format!("holds values from {low} to {high} (expected {expected})");
        found.ok_or_else(|| Error::new(message()).hint(HINT))
    }
}

/// What is known of the white of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum White {
    /// The largest number of its type: nothing is known of other images.
    OfType,
    /// Images of its data set that were looked at had 8 bits.
    Unknown,
    /// This number.
    At(f64),
}

impl White {
    /// The factor that brings numbers of these to the range from 0 to 255.
    ///
    /// # Errors
    /// Numbers outside the range from black to white.
    pub(super) fn scale(self, range: Range, largest: f64) -> Result<f64> {
        let Range { numbers, low, high } = range;
        let white = match self {
            Self::At(white) => white,
            Self::OfType => largest,
            // numbers that make use of their type can mean nothing else
            Self::Unknown if numbers == Numbers::Float || high > largest / 4.0 => largest,
            Self::Unknown => {
                let message =
                    format!("holds values up to {high} of {largest}, but the images looked at have 8 bits");
                return Err(Error::new(message).hint(format!(
                    "say which number is white: `--white {largest}`, in training `--set data.white={largest}`"
                )));
            }
        };
        if low >= 0.0 && high <= white {
            return Ok(255.0 / white);
        }
        let message = format!("holds values from {low} to {high} (expected 0 to {white}, see `data.white`)");
        Err(Error::new(message).hint(HINT))
    }
}

/// A decoded image of numbers of more than 8 bits.
pub(super) struct Deep {
    width: u32,
    height: u32,
    /// 1 or 3, without alpha.
    channels: usize,
    values: Vec<f32>,
    numbers: Numbers,
    /// The largest number of the type, 1 for floating-point ones.
    largest: f64,
    /// Whether 0 is white.
    inverted: bool,
    /// The largest number that the file speaks of.
    named: Option<f64>,
    /// Whether it had an alpha channel that is not opaque.
    transparent: bool,
}

impl Deep {
    /// An image of `values`, pixel by pixel, of this many channels, the last of which is alpha when they are
    /// 2 or 4.
    pub(super) fn new(
        (width, height): (u32, u32),
        channels: usize,
        mut values: Vec<f32>,
        (numbers, largest): (Numbers, f64),
    ) -> Self {
        let colours = if channels < 3 { 1 } else { 3 };
        let is_clear = |pixel: &[f32]| pixel.last().is_some_and(|alpha| f64::from(*alpha) < largest);
        let transparent = colours < channels && values.chunks_exact(channels).any(is_clear);
        if colours < channels {
            values = values.chunks_exact(channels).flat_map(|pixel| &pixel[..colours]).copied().collect();
        }
        Self {
            width,
            height,
            channels: colours,
            values,
            numbers,
            largest,
            inverted: false,
            named: None,
            transparent,
        }
    }

    /// The image with 0 for white.
    pub(super) fn inverted(self) -> Self {
        Self { inverted: true, ..self }
    }

    /// The image with the largest number that its file speaks of.
    pub(super) fn named(self, named: Option<f64>) -> Self {
        Self { named, ..self }
    }

    /// A decoded picture, if it is one of 16 or 32 bits.
    pub(super) fn of(picture: &DynamicImage) -> Option<Self> {
        let size = (picture.width(), picture.height());
        let whole = |channels, values: &[u16]| {
            let values = values.iter().map(|value| f32::from(*value)).collect();
            Some(Self::new(size, channels, values, (Numbers::Whole, SIXTEEN_BITS)))
        };
        let float = |channels, values: &[f32]| {
            Some(Self::new(size, channels, values.to_vec(), (Numbers::Float, UNIT)))
        };
        match picture {
            DynamicImage::ImageLuma16(image) => whole(1, image.as_raw()),
            DynamicImage::ImageLumaA16(image) => whole(2, image.as_raw()),
            DynamicImage::ImageRgb16(image) => whole(3, image.as_raw()),
            DynamicImage::ImageRgba16(image) => whole(4, image.as_raw()),
            DynamicImage::ImageRgb32F(image) => float(3, image.as_raw()),
            DynamicImage::ImageRgba32F(image) => float(4, image.as_raw()),
            _ => None,
        }
    }

    /// Whether it had an alpha channel that is not opaque.
    pub(super) fn is_transparent(&self) -> bool {
        self.transparent
    }

    /// The numbers that it uses, or that its file speaks of.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub(super) fn range(&self) -> Result<Range> {
        let Range { numbers, low, high } = self.used()?;
        // a file that speaks of less than it holds speaks of something else
        Ok(Range { numbers, low, high: self.named.unwrap_or(high).max(high) })
    }

    fn used(&self) -> Result<Range> {
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for value in &self.values {
            if !value.is_finite() {
                return Err(Error::new(format!("holds {value} (expected numbers)")));
            }
            (low, high) = (low.min(*value), high.max(*value));
        }
        let mut high = f64::from(high);
        if self.numbers == Numbers::Whole {
            // where 32 bits of floating point rounded it up
            high = high.min(self.largest);
        }
        Ok(Range { numbers: self.numbers, low: f64::from(low), high })
    }

    /// The image in 8 bits.
    ///
    /// # Errors
    /// Numbers outside the range from black to white.
    pub(super) fn to_rgb8(&self, white: White) -> Result<RgbImage> {
        let scale = white.scale(self.used()?, self.largest)?;
        let byte = |value: &f32| {
            let byte = (f64::from(*value) * scale).round() as u8;
            if self.inverted { u8::MAX - byte } else { byte }
        };
        let pixels: Vec<u8> = match self.channels {
            1 => self.values.iter().flat_map(|value| [byte(value); 3]).collect(),
            _ => self.values.iter().map(byte).collect(),
        };
        RgbImage::from_raw(self.width, self.height, pixels)
            .ok_or_else(|| Error::new("holds fewer values than its size tells"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn white(numbers: Numbers, low: f64, high: f64) -> Option<f64> {
        Range { numbers, low, high }.white().ok()
    }

    #[test]
    fn white_is_the_smallest_that_the_numbers_fit_under() {
        for (high, expected) in [
            (0.0, 255.0),
            (255.0, 255.0),
            (256.0, 1023.0),
            (3_980.0, 4095.0),
            (4_096.0, 16_383.0),
            (20_000.0, 65_535.0),
            (4e9, 4_294_967_295.0),
        ] {
            assert_eq!(white(Numbers::Whole, 0.0, high), Some(expected), "{high}");
        }
        for (high, expected) in [(0.0, 1.0), (1.0, 1.0), (2.5, 255.0), (255.0, 255.0)] {
            assert_eq!(white(Numbers::Float, 0.0, high), Some(expected), "{high}");
        }
    }

    #[test]
    fn numbers_that_fit_no_rule_have_no_white() {
        for (numbers, low, high) in [
            (Numbers::Float, -0.1, 1.0),
            (Numbers::Float, 0.0, 1.2),
            (Numbers::Float, 0.0, 255.5),
            (Numbers::Float, 0.0, 1e6),
            (Numbers::Whole, -1.0, 200.0),
            (Numbers::Whole, 0.0, 70_000.0),
            (Numbers::Whole, 0.0, 1e12),
        ] {
            assert_eq!(white(numbers, low, high), None, "{low} to {high}");
        }
    }
}
