//! Passes over images.

mod bilinear;
mod colour;
mod tables;

pub use bilinear::{Border, STEPS, bilinear};
pub use colour::{COLOUR_BITS, ColourMatrix, mix_channels};
pub use tables::{Table, map_bytes, map_pixels, sharpen};
