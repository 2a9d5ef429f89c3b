//! Geometric resampling: where each pixel of the result is read from.
//!
//! Left out on purpose: filling with a constant colour. A smear has no edge, so the mirror image of its border is
//! the more natural continuation, and a black corner would be a clue that no real image gives.

use super::{mirror, to_byte};
use crate::sample::Image;

/// Reads each pixel of the result from `matrix * (x, y)`, both measured from the centre of the image.
///
/// Bilinear, and mirrored at the border.
pub(crate) fn affine(image: &mut Image, matrix: [[f32; 2]; 2]) {
    /// Positions are whole numbers of 1/65536 pixel: `floor` of a float is a call on plain x86-64.
    const ONE: f32 = 65536.0;
    let (width, height) = (image.width(), image.height());
    let source = image.pixels().to_vec();
    let pixel = |x: usize, y: usize| &source[(y * width + x) * 3..][..3];
    let (centre_x, centre_y) = ((width - 1) as f32 / 2.0, (height - 1) as f32 / 2.0);
    let step = [(matrix[0][0] * ONE) as i64, (matrix[1][0] * ONE) as i64];

    for (y, row) in image.pixels_mut().chunks_exact_mut(width * 3).enumerate() {
        let dy = y as f32 - centre_y;
        let mut from_x = ((matrix[0][1] * dy - matrix[0][0] * centre_x + centre_x) * ONE) as i64;
        let mut from_y = ((matrix[1][1] * dy - matrix[1][0] * centre_x + centre_y) * ONE) as i64;
        for target in row.chunks_exact_mut(3) {
            let (left, top) = ((from_x >> 16) as isize, (from_y >> 16) as isize);
            let (tx, ty) = ((from_x & 0xffff) as f32 / ONE, (from_y & 0xffff) as f32 / ONE);
            let (x0, x1) = neighbours(left, width);
            let (y0, y1) = neighbours(top, height);
            let (a, b, c, d) = (pixel(x0, y0), pixel(x1, y0), pixel(x0, y1), pixel(x1, y1));
            for (channel, value) in target.iter_mut().enumerate() {
                let mix = |p: &[u8], q: &[u8]| {
                    let (p, q) = (f32::from(p[channel]), f32::from(q[channel]));
                    p + tx * (q - p)
                };
                let (upper, lower) = (mix(a, b), mix(c, d));
                *value = to_byte(upper + ty * (lower - upper));
            }
            from_x += step[0];
            from_y += step[1];
        }
    }
}

/// The two pixels between which a position lies, folded back inside where it is outside.
#[inline]
fn neighbours(first: isize, length: usize) -> (usize, usize) {
    if first >= 0 && first + 1 < length as isize {
        (first as usize, first as usize + 1)
    } else {
        (mirror(first, length), mirror(first + 1, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_matrix_changes_nothing_and_its_negative_turns_by_half() {
        let pixels: Vec<u8> = (0..5 * 3 * 3).map(|i| (i * 5) as u8).collect();
        let original = Image::new(5, 3, pixels).unwrap();
        let mut image = original.clone();
        affine(&mut image, [[1.0, 0.0], [0.0, 1.0]]);
        assert_eq!(image, original);
        affine(&mut image, [[-1.0, 0.0], [0.0, -1.0]]);
        for (x, y) in [(0, 0), (4, 2), (1, 2)] {
            assert_eq!(image.rgb(x, y), original.rgb(4 - x, 2 - y));
        }
    }
}
