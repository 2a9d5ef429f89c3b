//! Which half of the validation images an image is of.

use crate::audit::measurements::fingerprint::digest_pixels;
use crate::sample::Image;

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
