//! Passes over images of bytes, for augmentations and corruptions; nothing here knows networks.
//!
//! All arithmetic is on integers or rounded alike, so every level makes the same image, bit for bit. Left out
//! on purpose: anything that is quick enough in plain Rust.

mod bilinear;
mod colour;
mod tables;

pub use bilinear::{Border, STEPS, bilinear};
pub use colour::{COLOUR_BITS, ColourMatrix, mix_channels};
pub use tables::{Table, map_bytes, map_pixels, sharpen};
