//! Augmentation: random changes of training images that leave the cell's class as it is.
//!
//! One operator is one file, in the folder of its family, and one row of [`AUGMENTATIONS`]; an [`Augment`] is the list of
//! operators a recipe asks for. A file has the change itself as a function of its parameter (`rotate(image, degrees,
//! fill)`), which policies call with their own scales, and the operator, which draws the parameter.

pub(crate) mod geometric;
pub mod mixing;
pub(crate) mod occluding;
pub(crate) mod photometric;
#[cfg(test)]
mod pillow;
pub mod policy;
mod steps;

pub use geometric::*;
pub use occluding::*;
pub use photometric::*;
pub use steps::{Augment, Step};

use crate::error::Result;
use crate::image_op::{self, Fill, ImageOp};
use crate::rng::Rng;
use rand::RngExt as _;

/// Every augmentation, in the order of `hema list augmentations`.
pub const AUGMENTATIONS: &[&dyn ImageOp] = &[
    // geometric
    &FlipHorizontal,
    &FlipVertical,
    &QuarterTurn,
    &Rotate(Fill::Reflect),
    &ShearX(Fill::Reflect),
    &ShearY(Fill::Reflect),
    &TranslateX(Fill::Reflect),
    &TranslateY(Fill::Reflect),
    &Zoom(Fill::Reflect),
    &Affine(Fill::Reflect),
    &ResizedCrop,
    &Perspective(Fill::Reflect),
    &Elastic(Fill::Reflect),
    // photometric
    &Brightness,
    &Brighten,
    &Contrast,
    &Gamma,
    &Saturation,
    &Hue,
    &Temperature,
    &Stain,
    &ColourDegenerate,
    &ChannelShift,
    &ChannelShuffle,
    &ChannelDrop,
    &Autocontrast,
    &Equalize,
    &Clahe,
    &Solarize,
    &SolarizeAdd,
    &Posterize,
    &Invert,
    &Sharpness,
    // occluding
    &Cutout(Fill::Colour([0; 3])),
    &RandomErasing,
    &GridMask(Fill::Colour([0; 3])),
    &HideAndSeek(Fill::Background),
];

/// The augmentation of that name.
///
/// # Errors
/// When there is none; the hint names the closest one.
pub fn find(name: &str) -> Result<&'static dyn ImageOp> {
    image_op::find(AUGMENTATIONS, "augmentation", name)
}

/// A factor drawn evenly around 1, at most `reach` away from it.
pub(crate) fn factor(reach: f32, rng: &mut Rng) -> f32 {
    1.0 + reach * signed_unit(rng)
}

/// A number drawn evenly from -1 to 1.
pub(crate) fn signed_unit(rng: &mut Rng) -> f32 {
    2.0 * rng.random::<f32>() - 1.0
}
