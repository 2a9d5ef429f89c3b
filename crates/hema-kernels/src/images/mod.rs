//! Passes over images.

mod pixels;
mod tables;

pub use pixels::{Border, COLOUR_BITS, ColourMatrix, STEPS, bilinear, mix_channels};
pub use tables::{Table, map_bytes, map_pixels, sharpen};
