//! Memory that begins at a cache line.
//!
//! The system's allocator puts a large buffer 16 bytes behind the beginning of a page, so that every vector of 64 bytes, and
//! every row of a tile, lies on two lines and costs two accesses to the cache. Products on tiles take a fifth more time for it.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, but whatever is as large as a few vectors begins at a cache line.
///
/// Maps and weights come from wherever a tensor library allocates them, so this is for a program to declare, not for a buffer to
/// ask for. Kernels compute the same without it.
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

impl CacheLines {
    const LINE: usize = 64;
    /// Bytes from which on a buffer begins at a line: smaller ones would waste much of it.
    const FROM: usize = 1024;

    fn layout(layout: Layout) -> Layout {
        if layout.size() < Self::FROM {
            return layout;
        }
        // only the largest sizes there are cannot be rounded up; no system has memory for them
        layout.align_to(Self::LINE).unwrap_or(layout)
    }
}

// SAFETY: the system's allocator, asked for an alignment that is at least what the caller wants and depends on the layout alone, so that
// memory is given back with the layout it was taken with. `realloc`, where the size may cross the threshold, is the trait's own: it
// allocates, copies and frees.
unsafe impl GlobalAlloc for CacheLines {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's conditions; the size is the caller's.
        unsafe { System.alloc(Self::layout(layout)) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's conditions; `alloc` asked for the same layout.
        unsafe { System.dealloc(memory, Self::layout(layout)) }
    }
}

#[cfg(test)]
mod tests {
    use super::CacheLines;
    use std::alloc::{GlobalAlloc, Layout};

    #[test]
    fn large_buffers_begin_at_a_line_and_keep_what_they_hold() {
        for (size, align) in [(1, 1), (1023, 8), (1024, 1), (1025, 4), (1 << 20, 16), (5000, 4096)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            // SAFETY: the size is not zero; reads and writes stay within it; memory is freed with the layout of its last size.
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
