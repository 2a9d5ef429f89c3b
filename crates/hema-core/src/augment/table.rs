//! The table of all augmentations, joined from those of the families.

use super::geometric::GEOMETRIC;
use super::occluding::OCCLUDING;
use super::other_names::called_elsewhere;
use super::photometric::PHOTOMETRIC;
use crate::error::{Error, Result};
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
    table::find(AUGMENTATIONS, "augmentation", name).map_err(|error| match called_elsewhere(name) {
        Some(own) => Error::new(error.message()).hint(format!("did you mean `{own}`?")),
        None => error,
    })
}
