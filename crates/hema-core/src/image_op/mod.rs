//! One trait for everything that takes an image and returns it changed: augmentations and corruptions alike.
//!
//! Beside the trait stand the few routines its implementations share: pointwise maps in `pixels`, convolution
//! in `kernel`, floats and their Gaussian blur in `raster`, geometric resampling in `warp`. All work on 8-bit
//! RGB of any size.
//!
//! Left out on purpose: operators that mix several images or touch labels (`MixUp`, `CutMix`), which belong
//! to the training loop, and operators that change the size of an image, which belong to preprocessing.

mod draw;
mod matrix;
mod pixels;

mod border;
pub(crate) mod raster;

pub(crate) mod kernel;

mod fill;

mod operator;
pub(crate) mod warp;

pub(crate) mod table;

pub use fill::Fill;
pub use operator::ImageOp;

pub(crate) use border::Border;
pub(crate) use draw::{factor, normal, signed_unit};
pub(crate) use matrix::inverse;
pub(crate) use pixels::{
    LUMA, brightness, contrast, cover, cut, histograms, luma, map_channels, map_colours, map_values,
    mean_luma, mix_channels, ranges, to_byte,
};
