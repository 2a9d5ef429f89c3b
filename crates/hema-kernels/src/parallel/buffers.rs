//! Buffers that tasks share: a check of their length, and a pointer to write disjoint parts through.

/// Panics unless `found == expected`.
#[track_caller]
pub(crate) fn check_len(name: &str, found: usize, expected: usize) {
    assert!(found == expected, "length of `{name}`: found {found}, expected {expected}");
}

/// A base pointer that tasks writing disjoint parts of one buffer may share.
pub(crate) struct SharedMut<E>(*mut E);

impl<E> Clone for SharedMut<E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for SharedMut<E> {}

// SAFETY: only an address; each use states why the parts written through it are disjoint.
unsafe impl<E> Send for SharedMut<E> {}
// SAFETY: as above.
unsafe impl<E> Sync for SharedMut<E> {}

impl<E> SharedMut<E> {
    pub(crate) fn new(first: *mut E) -> Self {
        Self(first)
    }

    pub(crate) fn get(self) -> *mut E {
        self.0
    }
}
