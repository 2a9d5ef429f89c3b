//! Augmentation: random changes of training images that leave the cell's class as it is.
//!
//! One operator is one file, in the folder of its family, and one row of the family's table;
//! [`AUGMENTATIONS`] is all of them. An [`Augment`] is the list of operators a recipe asks for. A file has
//! the change itself as a function of its parameter (`rotate(image, degrees, fill)`), which policies call
//! with their own scales, and the operator, which draws the parameter.

pub(crate) mod geometric;
pub(crate) mod occluding;
pub(crate) mod photometric;

mod other_names;
mod table;

pub mod mixing;
pub mod policy;

mod steps;

#[cfg(test)]
mod tests;

pub use other_names::called_elsewhere;
pub use steps::{Augment, Step};
pub use table::{AUGMENTATIONS, find};
