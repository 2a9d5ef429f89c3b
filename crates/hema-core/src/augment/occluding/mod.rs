//! What hides a part of the cell.
//!
//! What is shown instead is the operator's [`Fill`](crate::image_op::Fill).

pub(crate) mod cutout;
pub(crate) mod grid_mask;
mod hide_and_seek;
mod random_erasing;

pub use cutout::Cutout;
pub use grid_mask::GridMask;
pub use hide_and_seek::HideAndSeek;
pub use random_erasing::RandomErasing;
