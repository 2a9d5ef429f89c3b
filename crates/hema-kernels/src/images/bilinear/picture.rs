//! A picture, and where a position lies on it.

/// Steps to a pixel in the positions that [`bilinear`](super::bilinear()) takes.
pub const STEPS: i32 = 1 << STEP_BITS;
/// Bits of a step number behind the pixel's.
pub(super) const STEP_BITS: u32 = 7;

/// The pixels that lie beyond the border of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// The nearest pixel.
    Nearest,
    /// The mirror image, the pixel at the border repeated.
    Mirror,
}

/// Two or more whole rows of two or more pixels.
pub(super) struct Picture<'a> {
    pub(super) pixels: &'a [[u8; 4]],
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) border: Border,
}

impl Picture<'_> {
    /// Whether no index of a pixel, and no position along both a side and its mirror image, is too large for
    /// an `i32`.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn is_counted_in_32_bits(&self) -> bool {
        let most = i32::MAX as usize;
        self.pixels.len() <= most && self.width.max(self.height) <= most / (2 * STEPS as usize)
    }

    /// The position on the picture at which to read for one anywhere.
    pub(super) fn inside(&self, [x, y]: [i32; 2]) -> [i64; 2] {
        [(x, self.width), (y, self.height)].map(|(at, side)| {
            let (at, length, half) = (i64::from(at), side as i64 * i64::from(STEPS), i64::from(STEPS / 2));
            let at = match self.border {
                Border::Nearest => at,
                Border::Mirror => {
                    let along = (at + half).rem_euclid(2 * length);
                    along.min(2 * length - along) - half
                }
            };
            at.clamp(0, length - i64::from(STEPS))
        })
    }

    /// The first of the four pixels around a position inside, and the share of each in 16,384ths: left and
    /// right above, then below.
    pub(super) fn corner(&self, [x, y]: [i64; 2]) -> (usize, [i32; 4]) {
        // on the last column and row the pixel itself is the right or lower one
        let [(left, x), (top, y)] = [x, y].map(|at| {
            let first = (at - 1).max(0) >> STEP_BITS;
            (first as usize, (at - (first << STEP_BITS)) as i32)
        });
        let both = x * y;
        let weights = [(STEPS - x) * (STEPS - y), x * STEPS - both, y * STEPS - both, both];
        (top * self.width + left, weights)
    }
}
