//! Colours between the pixels of a picture, in whole numbers: every level makes the same image, bit for bit.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod picture;
#[cfg(test)]
mod tests;

use picture::Picture;
pub use picture::{Border, STEPS};

use crate::parallel::check_len;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Level, level};

/// Colours between the pixels of a picture of `width` columns, whose pixels are `[red, green, blue, any]`
/// bytes.
///
/// A position `[x, y]` counts [`STEPS`] from the centre of the first pixel. The result is exact but for one
/// rounding to the nearest byte, halves up.
///
/// # Panics
/// If there are not as many positions as colours, or the picture is not made of two or more rows of two or
/// more pixels.
pub fn bilinear(
    picture: &[[u8; 4]],
    width: usize,
    border: Border,
    positions: &[[i32; 2]],
    colours: &mut [[u8; 3]],
) {
    check_len("positions", positions.len(), colours.len());
    assert!(
        width >= 2 && picture.len() / width >= 2 && picture.len().is_multiple_of(width),
        "picture: found {} pixels in rows of {width}, expected two or more whole rows of two or more",
        picture.len()
    );
    let picture = Picture { pixels: picture, width, height: picture.len() / width, border };
    #[cfg(target_arch = "x86_64")]
    if level() >= Level::Avx2 && picture.is_counted_in_32_bits() {
        let (groups, rest) = positions.as_chunks();
        let (group_colours, rest_colours) = colours.as_chunks_mut();
        // SAFETY: the level is one that the processor has, and the picture's pixels and steps can be counted
        // in 32 bits.
        unsafe { avx2::bilinear(&picture, groups, group_colours) };
        bilinear_here(&picture, rest, rest_colours);
        return;
    }
    bilinear_here(&picture, positions, colours);
}

/// See [`bilinear`].
fn bilinear_here(picture: &Picture, positions: &[[i32; 2]], colours: &mut [[u8; 3]]) {
    for (colour, position) in colours.iter_mut().zip(positions) {
        let (first, weights) = picture.corner(picture.inside(*position));
        let corners =
            [first, first + 1, first + picture.width, first + picture.width + 1].map(|i| picture.pixels[i]);
        *colour = std::array::from_fn(|c| {
            let sum: i32 = (0..4).map(|i| i32::from(corners[i][c]) * weights[i]).sum();
            ((sum + (1 << 13)) >> 14) as u8
        });
    }
}
