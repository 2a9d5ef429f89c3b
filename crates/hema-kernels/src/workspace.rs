//! Buffers that outlive a training step: fresh memory costs a page fault per 4 KiB, which for maps of ten megabytes is as much
//! as the pass that fills them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A store of buffers by length, to share among all blocks of a network.
#[derive(Debug, Default)]
pub struct Workspace {
    free: Mutex<BTreeMap<usize, Vec<Vec<f32>>>>,
}

impl Workspace {
    /// A buffer of `len` values, whatever they are: one given back before, or a new one.
    pub fn take(&self, len: usize) -> Vec<f32> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| vec![0.0; len])
    }

    /// Gives a buffer back for a later [`Workspace::take`].
    pub fn give(&self, buffer: Vec<f32>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry(buffer.len()).or_default().push(buffer);
    }
}

impl Workspace {
    /// Puts `buffer` in the place of the one `held`, which it gives back.
    pub(crate) fn swap(&self, held: &mut Option<Vec<f32>>, buffer: Vec<f32>) {
        if let Some(done) = held.replace(buffer) {
            self.give(done);
        }
    }
}

/// The crate's own store, for buffers that live within one call.
pub(crate) fn scratch() -> &'static Workspace {
    static SCRATCH: Workspace = Workspace { free: Mutex::new(BTreeMap::new()) };
    &SCRATCH
}

#[cfg(test)]
mod tests {
    use super::Workspace;

    #[test]
    fn buffers_come_back_by_length() {
        let workspace = Workspace::default();
        let buffer = workspace.take(3);
        let address = buffer.as_ptr();
        workspace.give(buffer);
        assert_eq!(workspace.take(4).len(), 4);
        let again = workspace.take(3);
        assert_eq!(again.as_ptr(), address);
        assert_eq!(workspace.take(3).len(), 3);
    }
}
