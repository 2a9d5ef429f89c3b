//! Memory that begins at a cache line.
//!
//! The system's allocator puts a large buffer 16 bytes behind the beginning of a page, so that every vector
//! of 64 bytes, and every row of a tile, lies on two lines and costs two accesses to the cache. Products on
//! tiles take a fifth more time for it.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, with buffers as large as a few vectors or larger at the beginning of a cache line.
///
/// Maps and weights come from wherever a tensor library allocates them, so this is for a program to declare,
/// not for a buffer to ask for. Kernels compute the same without it.
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: hema_kernels::CacheLines = hema_kernels::CacheLines;
/// # fn main() {
/// assert_eq!(vec![0.0_f32; 1000].as_ptr() as usize % 64, 0);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheLines;

#[allow(clippy::cast_ptr_alignment)] // a line is aligned for a word
impl CacheLines {
    const LINE: usize = 64;
    /// Bytes from which on a buffer begins at a line: smaller ones would waste much of it.
    const FROM: usize = 1024;

    /// The layout to ask the system for, if the buffer is to be moved to a line.
    ///
    /// Asked for the alignment itself, the system's allocator cuts a larger piece in three, which takes
    /// longer than a short pass of a kernel, and it writes the zeros that it otherwise has in fresh pages.
    fn with_room(layout: Layout) -> Option<Layout> {
        if layout.size() < Self::FROM || layout.align() > Self::LINE {
            return None;
        }
        Layout::from_size_align(layout.size().checked_add(Self::LINE)?, align_of::<usize>()).ok()
    }

    /// The next line after the beginning of `memory`, with that beginning noted before it.
    ///
    /// # Safety
    /// `memory` is null or begins at a multiple of a word's size and has room for a line more than is asked
    /// for.
    unsafe fn moved(memory: *mut u8) -> *mut u8 {
        if memory.is_null() {
            return memory;
        }
        // SAFETY: at least a word, at most a line lies between the two, since both are multiples of a word's
        // size.
        unsafe {
            let line = memory.add(Self::LINE - memory as usize % Self::LINE);
            line.cast::<*mut u8>().sub(1).write(memory);
            line
        }
    }
}

// SAFETY: the system's allocator. Whether a buffer was moved depends on its layout alone, so `dealloc` knows,
// and finds where it began in the word before it. `realloc`, where the size may cross the threshold, is the
// trait's own: it allocates, copies and frees.
#[allow(clippy::cast_ptr_alignment)] // as above
unsafe impl GlobalAlloc for CacheLines {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's conditions; there is room for a line more, which is not nothing.
        unsafe {
            Self::with_room(layout).map_or_else(|| System.alloc(layout), |l| Self::moved(System.alloc(l)))
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above; the word that is written lies before the buffer.
        unsafe {
            Self::with_room(layout)
                .map_or_else(|| System.alloc_zeroed(layout), |l| Self::moved(System.alloc_zeroed(l)))
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's conditions; a buffer that was moved has its beginning noted in the word before
        // it.
        unsafe {
            match Self::with_room(layout) {
                Some(room) => System.dealloc(memory.cast::<*mut u8>().sub(1).read(), room),
                None => System.dealloc(memory, layout),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::{GlobalAlloc, Layout};

    use super::CacheLines;

    #[test]
    fn large_buffers_begin_at_a_line_and_keep_what_they_hold() {
        for (size, align) in [(1, 1), (1023, 8), (1024, 1), (1025, 4), (1 << 20, 16), (5000, 4096)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            // SAFETY: the size is not zero; reads and writes stay within it; memory is freed with the layout
            // of its last size.
            unsafe {
                let memory = CacheLines.alloc_zeroed(layout);
                let expected = if size < 1024 { align } else { align.max(64) };
                assert_eq!(memory as usize % expected, 0, "{size} {align}");
                assert!((0..size).all(|i| *memory.add(i) == 0));
                memory.write_bytes(7, size);
                // across the threshold, both ways
                let other = if size < 1024 { 4000 } else { 100 };
                let memory = CacheLines.realloc(memory, layout, other);
                assert!((0..size.min(other)).all(|i| *memory.add(i) == 7));
                CacheLines.dealloc(memory, Layout::from_size_align(other, align).unwrap());
            }
        }
    }
}
