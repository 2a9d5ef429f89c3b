//! Geometric resampling: where each pixel of the result is read from, bilinearly.
//!
//! Positions are whole numbers of 1/[`STEPS`] pixel, and so is all arithmetic behind them: every machine
//! makes the same image. Left out on purpose: better interpolation. An augmented cell is seen once, and
//! bilinear is what the field's pipelines use.

use hema_kernels::{Border, STEPS, bilinear};

use super::Fill;
use crate::sample::Image;

/// Reads each pixel of the result from `matrix * (x, y) + shift`, in pixels, measured from the centre of the
/// image.
pub(crate) fn affine(image: &mut Image, matrix: [[f32; 2]; 2], shift: [f32; 2], fill: Fill) {
    /// Bits behind the point of a step, so that the last pixel of a row is where it should be.
    const BITS: u32 = 24;
    let exact = |pixels: f32| (f64::from(pixels) * f64::from(STEPS) * f64::from(1u32 << BITS)).round() as i64;
    let centre = centre(image);
    let along = [matrix[0][0], matrix[1][0]].map(exact);
    warp(image, fill, |y, positions| {
        let (dx, dy) = (-centre[0], y - centre[1]);
        let from = |axis: usize| {
            let pixels = matrix[axis][0] * dx + matrix[axis][1] * dy + (shift[axis] + centre[axis]);
            // far enough to be outside of any image, near enough to be counted in steps
            pixels.clamp(-1e5, 1e5)
        };
        let [mut x, mut y] = [from(0), from(1)].map(|position| exact(position) + (1 << (BITS - 1)));
        for position in positions {
            *position = [x, y].map(|at| (at as u64 >> BITS) as i32);
            (x, y) = (x.wrapping_add(along[0]), y.wrapping_add(along[1]));
        }
    });
}

/// The point that geometric operators keep in place, in pixels.
pub(crate) fn centre(image: &Image) -> [f32; 2] {
    [image.width(), image.height()].map(|side| (side - 1) as f32 / 2.0)
}

/// A position in steps, the nearest; one further out than any image reaches, or no number, is brought back
/// there.
#[inline]
pub(crate) fn steps(pixels: f32) -> i32 {
    /// Numbers around it end in whole steps, so its sum with a position has the step in its last bits.
    /// (`round` is a call on plain x86-64, and a conversion that checks its range costs more than the
    /// interpolation.)
    const MIDDLE: f32 = 1.5 * (1u32 << 23) as f32 / STEPS as f32;
    const REACH: f32 = 20_000.0;
    let pixels = if pixels > -REACH { pixels } else { -REACH };
    let pixels = if pixels < REACH { pixels } else { REACH };
    (pixels + MIDDLE).to_bits().wrapping_sub(MIDDLE.to_bits()) as i32
}

/// Reads each pixel of the result from the position, in steps, that `row(y, positions)` writes for it: one
/// position `[x, y]` for each pixel of row `y`.
pub(crate) fn warp(image: &mut Image, fill: Fill, mut row: impl FnMut(f32, &mut [[i32; 2]])) {
    let width = image.width();
    let colour = fill.colour(image);
    let (source, stride) = match colour {
        Some(colour) => with_margin(image, colour),
        None => of_two_at_least(image),
    };
    let mut positions = vec![[0; 2]; width];
    for (y, pixels) in image.pixels_mut().chunks_exact_mut(width * 3).enumerate() {
        row(y as f32, &mut positions);
        let border = if colour.is_some() {
            for position in &mut positions {
                *position = position.map(|at| at.saturating_add(STEPS));
            }
            Border::Nearest
        } else {
            Border::Mirror
        };
        bilinear(&source, stride, border, &positions, pixels.as_chunks_mut().0);
    }
}

/// A pixel as the interpolation reads it.
fn wide([r, g, b]: [u8; 3]) -> [u8; 4] {
    [r, g, b, 0]
}

/// The image with one more pixel of a colour on every side, and the length of its rows.
fn with_margin(image: &Image, colour: [u8; 3]) -> (Vec<[u8; 4]>, usize) {
    let (colour, stride) = (wide(colour), image.width() + 2);
    let mut pixels = vec![colour; stride * (image.height() + 2)];
    let rows = image.pixels().as_chunks::<3>().0.chunks_exact(image.width());
    for (target, row) in pixels[stride..].chunks_exact_mut(stride).zip(rows) {
        target[1..].iter_mut().zip(row).for_each(|(target, pixel)| *target = wide(*pixel));
    }
    (pixels, stride)
}

/// The image, of two rows and columns at least, and the length of its rows: the mirror image of a single one
/// is the same again.
fn of_two_at_least(image: &Image) -> (Vec<[u8; 4]>, usize) {
    let mut pixels: Vec<[u8; 4]> = image.pixels().as_chunks().0.iter().copied().map(wide).collect();
    let mut width = image.width();
    if width == 1 {
        pixels = pixels.into_iter().flat_map(|pixel| [pixel; 2]).collect();
        width = 2;
    }
    if image.height() == 1 {
        pixels.extend_from_within(..);
    }
    (pixels, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILLS: [Fill; 3] = [Fill::Reflect, Fill::Background, Fill::Colour([9, 8, 7])];

    fn gradient() -> Image {
        Image::new(5, 3, (0..5 * 3 * 3).map(|i| (i * 5) as u8).collect()).unwrap()
    }

    #[test]
    fn the_unit_matrix_changes_nothing_and_its_negative_turns_by_half() {
        for fill in FILLS {
            let mut image = gradient();
            affine(&mut image, [[1.0, 0.0], [0.0, 1.0]], [0.0; 2], fill);
            assert_eq!(image, gradient());
            affine(&mut image, [[-1.0, 0.0], [0.0, -1.0]], [0.0; 2], fill);
            for (x, y) in [(0, 0), (4, 2), (1, 2)] {
                assert_eq!(image.rgb(x, y), gradient().rgb(4 - x, 2 - y));
            }
        }
    }

    #[test]
    fn beyond_the_border_lies_the_mirror_image_or_the_colour() {
        let shifted = |fill, pixels| {
            let mut image = gradient();
            affine(&mut image, [[1.0, 0.0], [0.0, 1.0]], [pixels, 0.0], fill);
            image
        };
        assert_eq!(shifted(Fill::Reflect, 2.0).rgb(3, 1), gradient().rgb(4, 1));
        assert_eq!(shifted(Fill::Reflect, -7.0).rgb(0, 0), gradient().rgb(3, 0));
        assert_eq!(shifted(Fill::Reflect, 10.0), gradient());
        assert_eq!(shifted(Fill::Colour([9, 8, 7]), 2.0).rgb(3, 1), [9, 8, 7]);
        for far in [1e9, -1e30, f32::INFINITY] {
            assert_eq!(shifted(Fill::Colour([9, 8, 7]), far), Image::filled(5, 3, [9, 8, 7]));
        }
    }

    #[test]
    fn positions_that_are_no_numbers_do_no_harm() {
        for fill in FILLS {
            let mut image = gradient();
            warp(&mut image, fill, |_, from| from.fill([steps(f32::NAN), steps(f32::INFINITY)]));
            affine(&mut image, [[f32::NAN, f32::INFINITY], [1e30, -1e30]], [f32::NEG_INFINITY; 2], fill);
            assert_eq!((image.width(), image.height()), (5, 3));
        }
    }
}
