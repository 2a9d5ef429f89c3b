//! The table of all augmentations, joined from those of the families.

use super::geometric::GEOMETRIC;
use super::occluding::OCCLUDING;
use super::photometric::PHOTOMETRIC;
use crate::error::Result;
use crate::image_op::ImageOp;
use crate::image_op::table::{self, Op};

/// The families, each with its own table.
const FAMILIES: &[&[Op]] = &[GEOMETRIC, PHOTOMETRIC, OCCLUDING];

/// Every augmentation, in the order of `hema list augmentations`.
pub const AUGMENTATIONS: &[&dyn ImageOp] = &table::join::<{ table::count(FAMILIES) }>(FAMILIES);

/// The augmentation of that name.
///
/// # Errors
/// When there is none; the hint names the closest one.
pub fn find(name: &str) -> Result<&'static dyn ImageOp> {
    table::find(AUGMENTATIONS, "augmentation", name)
}
