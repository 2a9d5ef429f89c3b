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
    /// Equal padding on all sides.
    pub fn all(p: usize) -> Self {
        Self { top: p, left: p, bottom: p, right: p }
    }

    /// TensorFlow's SAME padding: the output has `ceil(input / stride)` pixels and an odd pixel goes to the
    /// bottom and right.
    pub fn same(height: usize, width: usize, kernel: usize, stride: usize) -> Self {
        let total = |size: usize| ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
        let (h, w) = (total(height), total(width));
        Self { top: h / 2, left: w / 2, bottom: h - h / 2, right: w - w / 2 }
    }

    pub(super) fn sides(&self) -> [usize; 4] {
        [self.top, self.left, self.bottom, self.right]
    }
}

/// A square window on its way over a padded map.
pub(super) struct Window {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) pad: Pad,
}

impl Window {
    /// Rows of positions.
    pub(super) fn rows(&self) -> usize {
        (self.height + self.pad.top + self.pad.bottom - self.kernel) / self.stride + 1
    }

    /// Columns of positions.
    pub(super) fn columns(&self) -> usize {
        (self.width + self.pad.left + self.pad.right - self.kernel) / self.stride + 1
    }

    /// Whether the sizes are positive and the window is no larger than the padded map.
    pub(super) fn fits(&self) -> bool {
        let Self { height, width, kernel, stride, pad } = self;
        [*height, *width, *kernel, *stride].into_iter().all(|n| n > 0)
            && height + pad.top + pad.bottom >= *kernel
            && width + pad.left + pad.right >= *kernel
    }
}
