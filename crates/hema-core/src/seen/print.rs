//! The print of an image: what is kept of it so that it is known again.

use crate::audit::copies::groups::{CLOSE, LOOSE};
use crate::audit::copies::hash::{Spectrum, Transform};
use crate::audit::measurements::fingerprint::digest_pixels;
use crate::audit::measurements::thumbnail::Thumbnail;
use crate::sample::Image;

/// Fewest bits that are set in the hashes of a picture worth comparing: one that is symmetric, or a faint one
/// on an even ground, has next to none.
const FEWEST_SET: u32 = 16;

/// A digest and two perceptual hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Print {
    /// Half of the digest of the sides and pixels.
    pub(super) digest: u64,
    /// The hashes of the picture laid upright; zero where there is too little to compare.
    pub(super) hashes: [u64; 2],
}

impl Print {
    /// Bytes of [`Print::to_bytes`].
    pub(super) const BYTES: usize = 24;

    /// The print of an image.
    pub(super) fn of(image: &Image, transform: &Transform) -> Self {
        let thumbnail = Thumbnail::of(image);
        let upright = || Spectrum::of(&thumbnail, transform).hashes_twice(0.0).next();
        let hashes = if thumbnail.is_flat() { None } else { upright() };
        Self { digest: digest(image), hashes: hashes.filter(is_telling).unwrap_or_default() }
    }

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let [low, high] = self.hashes;
        for (bytes, number) in bytes.as_chunks_mut().0.iter_mut().zip([self.digest, low, high]) {
            *bytes = number.to_le_bytes();
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let number = |i: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[8 * i + byte]));
        Self { digest: number(0), hashes: [number(1), number(2)] }
    }
}

/// The digest by which the very same pixels are known.
pub(super) fn digest(image: &Image) -> u64 {
    let whole = digest_pixels(image);
    u64::from_le_bytes(std::array::from_fn(|byte| whole[byte]))
}

/// The hashes of every way in which a copy of this image could lie upright; none where there is too little to
/// compare.
pub(super) fn hashes_to_look_for(image: &Image, transform: &Transform) -> Vec<[u64; 2]> {
    let thumbnail = Thumbnail::of(image);
    if thumbnail.is_flat() {
        return Vec::new();
    }
    let tolerance = if thumbnail.has_highlights() { LOOSE } else { CLOSE };
    Spectrum::of(&thumbnail, transform).hashes_twice(tolerance).filter(is_telling).collect()
}

fn is_telling(hashes: &[u64; 2]) -> bool {
    hashes.iter().map(|hash| hash.count_ones()).sum::<u32>() >= FEWEST_SET
}
