//! The fingerprint of an image: an exact copy is known by it for certain, and a near one with high
//! probability.

use sha2::{Digest as _, Sha256};

use super::thumbnail::Thumbnail;
use crate::data::Picture;
use crate::sample::Image;

/// The first 128 bits of a SHA-256: two different contents never share one in practice, not even on purpose.
pub(crate) type Digest = [u8; 16];

/// The digests and the thumbnail by which an image is known again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fingerprint {
    /// Digest of the decoded pixels and the sides.
    pub(crate) pixels: Digest,
    /// Digest of the picture file, where there is one.
    pub(crate) file: Option<Digest>,
    /// The picture, small: near copies are told by it.
    pub(crate) thumbnail: Thumbnail,
}

impl Fingerprint {
    /// Bytes of [`Fingerprint::to_bytes`].
    pub(crate) const BYTES: usize = 2 * size_of::<Digest>() + 1 + Thumbnail::BYTES;

    /// The fingerprint of a picture: one pass over its pixels for the digest and one for the thumbnail.
    pub(crate) fn of(picture: &Picture) -> Self {
        Self {
            pixels: digest_pixels(&picture.image),
            file: picture.file.as_ref().map(|file| digest(Sha256::new().chain_update(file))),
            thumbnail: Thumbnail::of(&picture.image),
        }
    }

    /// All of it, without loss.
    pub(crate) fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (pixels, rest) = bytes.split_at_mut(size_of::<Digest>());
        let (file, rest) = rest.split_at_mut(size_of::<Digest>());
        let (has_file, thumbnail) = rest.split_at_mut(1);
        pixels.copy_from_slice(&self.pixels);
        file.copy_from_slice(&self.file.unwrap_or_default());
        has_file[0] = u8::from(self.file.is_some());
        thumbnail.copy_from_slice(&self.thumbnail.to_bytes());
        bytes
    }

    /// Half of the digest of the pixels, from [`Fingerprint::to_bytes`].
    pub(crate) fn half_digest(bytes: &[u8; Self::BYTES]) -> u64 {
        u64::from_le_bytes(head_of(bytes).0)
    }

    /// Reads the bytes of [`Fingerprint::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let (pixels, rest) = head_of(bytes);
        let (file, rest) = head_of(rest);
        let ([has_file], rest) = head_of(rest);
        let thumbnail = Thumbnail::from_bytes(&head_of(rest).0);
        Self { pixels, file: (has_file == 1).then_some(file), thumbnail }
    }
}

/// The first bytes and the others.
fn head_of<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    let (head, rest) = bytes.split_at(N);
    (std::array::from_fn(|i| head[i]), rest)
}

/// The digest of an image's sides and pixels.
pub(crate) fn digest_pixels(image: &Image) -> Digest {
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
    fn a_fingerprint_survives_as_bytes() {
        let image = crate::synthetic::images(&[1; 8], 50, 3).remove(0).1;
        for file in [None, Some(vec![1, 2, 3])] {
            let fingerprint = Fingerprint::of(&Picture { image: image.clone(), file });
            assert_eq!(Fingerprint::from_bytes(&fingerprint.to_bytes()), fingerprint);
        }
    }
}
