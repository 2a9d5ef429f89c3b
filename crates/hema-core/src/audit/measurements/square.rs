//! The luma of the square in the middle of a picture, at a size at which a cell's grain still shows: two
//! pictures that were cropped or turned are laid over each other by it.

use super::shrink::{Window, shrink};
use crate::sample::Image;

/// Pixels on a side.
pub(crate) const SIDE: usize = 64;

/// Levels of luma, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Square(Vec<u8>);

impl Square {
    /// Bytes of a square.
    pub(crate) const BYTES: usize = SIDE * SIDE;

    /// The largest square in the middle of an image.
    pub(crate) fn of(image: &Image) -> Self {
        let levels = shrink(image, &Window::central_square(image), SIDE);
        Self(levels.into_iter().map(|level| level.round() as u8).collect())
    }

    /// The levels, row by row.
    pub(crate) fn levels(&self) -> &[u8] {
        &self.0
    }

    /// The levels, row by row.
    pub(crate) fn to_bytes(&self) -> [u8; Self::BYTES] {
        std::array::from_fn(|i| self.0[i])
    }

    /// Reads levels, row by row.
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        Self(bytes.to_vec())
    }
}
