//! Which half of the validation images an image is of.

use crate::audit::measurements::fingerprint::digest_pixels;
use crate::data::Dataset;
use crate::error::Result;
use crate::sample::Image;

/// Fewest unchanged images of each half of the validation images that trust is fitted with: of fewer, the
/// last hundredth of a score is one image.
pub const FEWEST: usize = 150;

/// The half of the validation images that an image is of, by a digest of its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Chooses and fits.
    Fitting,
    /// Only certifies.
    Certifying,
}

impl Half {
    /// The half of an image, as the model is shown it. The same pixels are always in the same half.
    pub fn of(image: &Image) -> Self {
        match digest_pixels(image)[0] & 1 {
            0 => Self::Fitting,
            _ => Self::Certifying,
        }
    }
}

/// Positions of the validation images in either half.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Halves {
    /// Images that something is chosen or fitted by.
    pub fitting: Vec<usize>,
    /// Images that only certify.
    pub certifying: Vec<usize>,
}

impl Halves {
    /// The halves of images as the model is shown them.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn of(images: &Dataset) -> Result<Self> {
        let mut halves = Self::default();
        for i in 0..images.len() {
            match Half::of(&images.image(i)?) {
                Half::Fitting => halves.fitting.push(i),
                Half::Certifying => halves.certifying.push(i),
            }
        }
        Ok(halves)
    }

    /// Whether both have as many images as trust is fitted with.
    pub fn suffice(&self) -> bool {
        self.fitting.len() >= FEWEST && self.certifying.len() >= FEWEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn images_are_in_either_half_about_as_often_and_always_in_the_same() {
        let images = synthetic::images(&[25; 8], 24, 3);
        let fitting = images.iter().filter(|(_, image, _)| Half::of(image) == Half::Fitting).count();
        assert!((70..130).contains(&fitting), "{fitting} of 200");
        let (_, image, _) = &images[0];
        assert_eq!(Half::of(image), Half::of(&image.clone()));
    }
}
