//! The values that a convolution sees beyond the border of an image.

/// The values that a convolution sees beyond the border.
#[derive(Clone, Copy)]
pub(crate) enum Border {
    /// The border pixel again and again.
    Edge,
    /// The mirror image about the border pixel, which is seen once (OpenCV's `BORDER_REFLECT_101`).
    Mirror,
}

impl Border {
    /// The inside index that is seen at `index`.
    #[inline]
    pub(crate) fn inside(self, index: isize, length: usize) -> usize {
        let last = length as isize - 1;
        let seen = match self {
            Self::Edge => index.clamp(0, last),
            Self::Mirror => {
                let folded = index.rem_euclid((2 * last).max(1));
                folded.min(2 * last - folded)
            }
        };
        seen as usize
    }
}
