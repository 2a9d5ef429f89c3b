//! Occluding augmentations: a part of the cell is hidden.
//!
//! The colour shown instead is the operator's [`Fill`](crate::image_op::Fill).

pub(crate) mod cutout;
pub(crate) mod grid_mask;
pub(crate) mod hide_and_seek;
pub(crate) mod random_erasing;

use crate::image_op::Fill;
use crate::image_op::table::Op;

/// The occluding augmentations, in the order of `hema list augmentations`.
pub(crate) const OCCLUDING: &[Op] = &[
    &cutout::Cutout(Fill::Colour([0; 3])),
    &random_erasing::RandomErasing,
    &grid_mask::GridMask(Fill::Colour([0; 3])),
    &hide_and_seek::HideAndSeek(Fill::Background),
];
