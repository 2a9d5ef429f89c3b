//! Buffers that outlive a training step: fresh memory costs a page fault per 4 KiB, which for maps of ten
//! megabytes is as much as the pass that fills them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use half::bf16;

use super::extents;

/// Buffers of one type, by length.
pub(crate) type Shelf<E> = Mutex<BTreeMap<usize, Stack<E>>>;

/// Buffers of one length.
#[derive(Debug)]
pub(crate) struct Stack<E> {
    free: Vec<Vec<E>>,
    /// How many were taken and not given back.
    out: usize,
}

impl<E> Default for Stack<E> {
    fn default() -> Self {
        Self { free: Vec::new(), out: 0 }
    }
}

/// A type that buffers are kept of.
pub(crate) trait Shelved: Copy + Default {
    /// The buffers of this type.
    fn shelf(workspace: &Workspace) -> &Shelf<Self>;
}

impl Shelved for f32 {
    fn shelf(workspace: &Workspace) -> &Shelf<Self> {
        &workspace.wide
    }
}

impl Shelved for bf16 {
    fn shelf(workspace: &Workspace) -> &Shelf<Self> {
        &workspace.narrow
    }
}

/// A store of buffers by type and length, to share among all blocks of a network.
#[derive(Debug, Default)]
pub struct Workspace {
    wide: Shelf<f32>,
    narrow: Shelf<bf16>,
}

#[allow(private_bounds)] // sealed: there are shelves for two types
impl Workspace {
    /// A buffer of `len` values, whatever they are: one given back before, or a new one.
    ///
    /// # Panics
    /// If no buffer has so many.
    #[track_caller]
    pub fn take<E: Shelved>(&self, len: usize) -> Vec<E> {
        extents::values("buffer", [len]);
        let mut shelf = E::shelf(self).lock().unwrap_or_else(PoisonError::into_inner);
        let stack = shelf.entry(len).or_default();
        stack.out += 1;
        stack.free.pop().unwrap_or_else(|| vec![E::default(); len])
    }

    /// Gives a buffer back for a later [`Workspace::take`]. Where none of its length is missing it is freed:
    /// buffers from elsewhere would pile up.
    pub fn give<E: Shelved>(&self, buffer: Vec<E>) {
        let mut shelf = E::shelf(self).lock().unwrap_or_else(PoisonError::into_inner);
        let stack = shelf.entry(buffer.len()).or_default();
        if stack.out > 0 {
            stack.out -= 1;
            stack.free.push(buffer);
        }
    }

    /// Puts `buffer` in the place of the one `held`, which it gives back.
    pub(crate) fn swap<E: Shelved>(&self, held: &mut Option<Vec<E>>, buffer: Vec<E>) {
        if let Some(done) = held.replace(buffer) {
            self.give(done);
        }
    }
}

/// The crate's own store, for buffers that live within one call.
pub(crate) fn scratch() -> &'static Workspace {
    static SCRATCH: Workspace =
        Workspace { wide: Mutex::new(BTreeMap::new()), narrow: Mutex::new(BTreeMap::new()) };
    &SCRATCH
}

#[cfg(test)]
mod tests {
    use super::Workspace;

    #[test]
    fn buffers_come_back_by_length() {
        let workspace = Workspace::default();
        let buffer = workspace.take::<f32>(3);
        let address = buffer.as_ptr();
        workspace.give(buffer);
        assert_eq!(workspace.take::<f32>(4).len(), 4);
        let again = workspace.take::<f32>(3);
        assert_eq!(again.as_ptr(), address);
        assert_eq!(workspace.take::<f32>(3).len(), 3);
    }

    #[test]
    fn buffers_from_elsewhere_do_not_pile_up() {
        let workspace = Workspace::default();
        let ours = workspace.take::<f32>(3);
        let theirs = vec![1.0f32; 3];
        let address = theirs.as_ptr();
        workspace.give(theirs);
        workspace.give(ours);
        let again = workspace.take::<f32>(3);
        assert_eq!(again.as_ptr(), address);
        assert_eq!(workspace.take::<f32>(3), [0.0; 3]);
    }
}
