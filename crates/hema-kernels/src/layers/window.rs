//! Windows that filters and pools move over a map.

/// Zero padding of each side of a map, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Pad {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Pad {
    /// The same padding on all sides.
    pub fn all(p: usize) -> Self {
        Self { top: p, left: p, bottom: p, right: p }
    }

    /// TensorFlow's SAME padding: the output has `ceil(input / stride)` pixels and an odd pixel goes to the bottom and right.
    pub fn same(height: usize, width: usize, kernel: usize, stride: usize) -> Self {
        let total = |size: usize| ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
        let (h, w) = (total(height), total(width));
        Self { top: h / 2, left: w / 2, bottom: h - h / 2, right: w - w / 2 }
    }
}
