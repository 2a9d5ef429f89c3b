//! The ground floor: loops over all threads, and the memory they work on. Knows nothing of kernels.

mod buffers;
mod cache_lines;
pub(crate) mod extents;
mod step_pool;
mod workspace;

pub(crate) use buffers::{SharedMut, check_len};
pub use cache_lines::CacheLines;
pub(crate) use step_pool::{for_each, map, map_with, par_chunks};
pub use step_pool::{step, step_here};
pub use workspace::Workspace;
pub(crate) use workspace::{Shelved, scratch};
