//! What the images of a source turned out to be once they were decoded, whoever decoded them: one bit an
//! image and kind, and no memory before the first.

use std::sync::Mutex;

use super::decode::Unused;
use crate::error::Result;

/// The remarks on the images of a source.
#[derive(Default)]
pub(super) struct Remarks(Mutex<[Marked; Remark::COUNT]>);

/// What can be said of a decoded image.
#[derive(Clone, Copy)]
pub(super) enum Remark {
    /// It has an alpha channel that is not opaque.
    Alpha,
    /// Its file has further frames or pages.
    Frames,
    /// It cannot be read.
    Unreadable,
}

impl Remark {
    const COUNT: usize = 3;
}

/// A set of images.
#[derive(Clone, Default)]
pub(super) struct Marked(Vec<u64>);

impl Remarks {
    /// Remarks on image `i`, which was decoded, or cannot be.
    pub(super) fn decoded<T>(&self, i: usize, decoded: &Result<(T, Unused)>) {
        let Unused { alpha, frames } =
            decoded.as_ref().map_or_else(|_| Unused::default(), |(_, unused)| *unused);
        let remarks =
            [(alpha, Remark::Alpha), (frames, Remark::Frames), (decoded.is_err(), Remark::Unreadable)];
        for (_, remark) in remarks.into_iter().filter(|(applies, _)| *applies) {
            if let Ok(mut all) = self.0.lock() {
                all[remark as usize].insert(i);
            }
        }
    }

    /// The images of which something is said.
    pub(super) fn of(&self, remark: Remark) -> Marked {
        self.0.lock().map_or_else(|_| Marked::default(), |all| all[remark as usize].clone())
    }
}

impl Marked {
    fn insert(&mut self, i: usize) {
        if self.0.len() <= i / 64 {
            self.0.resize(i / 64 + 1, 0);
        }
        self.0[i / 64] |= 1 << (i % 64);
    }

    /// Number of images.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|bits| u64::from(bits.count_ones())).sum()
    }

    /// The images, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        let has = |i: &usize| self.0[i / 64] >> (i % 64) & 1 == 1;
        (0..self.0.len() * 64).filter(has)
    }
}
