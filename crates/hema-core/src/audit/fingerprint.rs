//! What identifies an image: by which an exact copy is known for certain, and a near one with high probability.

use sha2::{Digest as _, Sha256};

use super::thumbnail::Thumbnail;
use crate::data::Picture;
use crate::sample::Image;

/// The first 128 bits of a SHA-256: two different contents never share one in practice, not even on purpose.
pub(super) type Digest = [u8; 16];

/// What identifies an image, in 300 bytes.
#[derive(Clone, Debug)]
pub(super) struct Fingerprint {
    /// Of the decoded pixels and the sides.
    pub(super) pixels: Digest,
    /// Of the picture file, where there is one.
    pub(super) file: Option<Digest>,
    /// The picture, small: what a near copy is told by.
    pub(super) thumbnail: Thumbnail,
}

impl Fingerprint {
    /// Of a picture: one pass over its pixels for the digest and one for the thumbnail.
    pub(super) fn of(picture: &Picture) -> Self {
        Self {
            pixels: digest_pixels(&picture.image),
            file: picture.file.as_ref().map(|file| digest(Sha256::new().chain_update(file))),
            thumbnail: Thumbnail::of(&picture.image),
        }
    }
}

fn digest_pixels(image: &Image) -> Digest {
    let sides = Sha256::new()
        .chain_update((image.width() as u64).to_le_bytes())
        .chain_update((image.height() as u64).to_le_bytes());
    digest(sides.chain_update(image.pixels()))
}

fn digest(hash: Sha256) -> Digest {
    let mut digest = Digest::default();
    digest.copy_from_slice(&hash.finalize()[..size_of::<Digest>()]);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_in_another_shape_are_another_picture() {
        let of = |width, height, last: u8| {
            let mut pixels = vec![7; width * height * 3];
            *pixels.last_mut().unwrap() = last;
            digest_pixels(&Image::new(width, height, pixels).unwrap())
        };
        assert_eq!(of(6, 2, 7), of(6, 2, 7));
        assert_ne!(of(6, 2, 7), of(2, 6, 7));
        assert_ne!(of(6, 2, 7), of(6, 2, 8));
    }

    #[test]
    fn a_fingerprint_takes_three_hundred_bytes() {
        assert!(size_of::<Fingerprint>() <= 304, "{}", size_of::<Fingerprint>());
    }
}
