//! The fill: pixels that are shown beyond the border of an image.

use std::fmt;
use std::str::FromStr;

use super::pixels::luma;
use crate::error::{Error, Result};
use crate::sample::Image;

/// The pixels that an operator shows where the image has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// The mirror image at the border. A smear has no edge, so this is its most natural continuation.
    #[default]
    Reflect,
    /// The image's own background: the median colour of the lighter half of its border.
    Background,
    /// One colour.
    Colour([u8; 3]),
}

impl Fill {
    /// The colour that stands beyond the border; `None` for the mirror image.
    pub(crate) fn colour(self, image: &Image) -> Option<[u8; 3]> {
        match self {
            Self::Reflect => None,
            Self::Background => Some(background(image)),
            Self::Colour(colour) => Some(colour),
        }
    }

    /// The colour that covers a part of the image itself; for [`Fill::Reflect`], which has none, the
    /// background.
    pub(crate) fn cover(self, image: &Image) -> [u8; 3] {
        self.colour(image).unwrap_or_else(|| background(image))
    }
}

/// The median colour of the lighter half of the border pixels: on a smear, the colour between the cells.
fn background(image: &Image) -> [u8; 3] {
    let (width, height) = (image.width(), image.height());
    let across = (0..width).flat_map(|x| [(x, 0), (x, height - 1)]);
    let down = (0..height).flat_map(|y| [(0, y), (width - 1, y)]);
    let mut border: Vec<[u8; 3]> = across.chain(down).map(|(x, y)| image.rgb(x, y)).collect();
    border.sort_by(|a, b| luma(a.map(f32::from)).total_cmp(&luma(b.map(f32::from))));
    // the median of the upper half is the upper quartile
    border[border.len() * 3 / 4]
}

impl FromStr for Fill {
    type Err = Error;

    /// `reflect`, `background`, or a colour as `#rrggbb`.
    fn from_str(text: &str) -> Result<Self> {
        let colour = || {
            let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
            let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
            Some(Self::Colour([r, g, b]))
        };
        match text {
            "reflect" => Ok(Self::Reflect),
            "background" => Ok(Self::Background),
            _ => colour().ok_or_else(|| {
                Error::new(format!(
                    "fill is `{text}` (expected reflect, background or a colour like #808080)"
                ))
            }),
        }
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reflect => f.pad("reflect"),
            Self::Background => f.pad("background"),
            Self::Colour([r, g, b]) => f.pad(&format!("#{r:02x}{g:02x}{b:02x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_are_written_as_they_are_read() {
        for fill in [Fill::Reflect, Fill::Background, Fill::Colour([0, 128, 255])] {
            assert_eq!(fill.to_string().parse::<Fill>().unwrap(), fill);
        }
        for bad in ["", "black", "#12345", "#12345x", "#1234567"] {
            assert!(bad.parse::<Fill>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_background_is_what_lies_between_the_cells() {
        let mut image = Image::filled(8, 8, [230, 220, 210]);
        for value in &mut image.pixels_mut()[..3 * 8] {
            *value = 90; // a neighbouring cell along the upper border
        }
        assert_eq!(Fill::Background.colour(&image), Some([230, 220, 210]));
        assert_eq!(Fill::Reflect.colour(&image), None);
    }
}
