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
    ///
    /// # Panics
    /// If the map is empty or the stride 0.
    pub fn same(height: usize, width: usize, kernel: usize, stride: usize) -> Self {
        assert!(
            height > 0 && width > 0 && stride > 0,
            "same padding: found a map of {height} x {width} and stride {stride}, expected positive sizes"
        );
        // the last step begins less than one stride before the end
        let total = |size: usize| kernel.saturating_sub((size - 1) % stride + 1);
        let (h, w) = (total(height), total(width));
        Self { top: h / 2, left: w / 2, bottom: h - h / 2, right: w - w / 2 }
    }

    pub(super) fn sides(&self) -> [usize; 4] {
        [self.top, self.left, self.bottom, self.right]
    }
}

/// A square window on its way over a padded map.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) pad: Pad,
}

impl Window {
    /// Rows of positions.
    ///
    /// # Panics
    /// If it does not fit.
    #[track_caller]
    pub(super) fn rows(&self) -> usize {
        self.positions(self.height, [self.pad.top, self.pad.bottom]).unwrap_or_else(|| self.refuse())
    }

    /// Columns of positions.
    ///
    /// # Panics
    /// If it does not fit.
    #[track_caller]
    pub(super) fn columns(&self) -> usize {
        self.positions(self.width, [self.pad.left, self.pad.right]).unwrap_or_else(|| self.refuse())
    }

    /// Whether the sizes are positive and the window is no larger than the padded map.
    pub(super) fn fits(&self) -> bool {
        self.positions(self.height, [self.pad.top, self.pad.bottom]).is_some()
            && self.positions(self.width, [self.pad.left, self.pad.right]).is_some()
    }

    /// Positions along a side of so many pixels, whose padded length must be a distance between addresses.
    fn positions(&self, size: usize, pad: [usize; 2]) -> Option<usize> {
        let padded = isize::try_from(size.checked_add(pad[0])?.checked_add(pad[1])?).ok()? as usize;
        let is_possible =
            size > 0 && self.kernel > 0 && self.stride > 0 && isize::try_from(self.stride).is_ok();
        Some(padded.checked_sub(self.kernel).filter(|_| is_possible)? / self.stride + 1)
    }

    #[track_caller]
    fn refuse(&self) -> ! {
        panic!("found {self:?}, expected positive sizes and a padded map no smaller than the window")
    }
}
