//! Interpolation at every level against exact arithmetic.

use super::{Border, STEPS, bilinear};
use crate::test_support::levels::at_every_level;
use crate::test_support::reference::noise;

#[test]
fn every_level_interpolates_as_exact_arithmetic_does() {
    for (width, height) in [(2, 2), (3, 2), (2, 5), (17, 9)] {
        let picture: Vec<[u8; 4]> = noise(width * height).map(u32::to_le_bytes).collect();
        let mut positions: Vec<[i32; 2]> =
            noise(400).map(|n| [(n % 4000) as i32 - 500, (n / 4000 % 3000) as i32 - 500]).collect();
        let far = [(width as i32 - 1) * STEPS, (height as i32 - 1) * STEPS];
        positions.extend([[0, 0], far, [far[0], 0], [i32::MIN, i32::MAX], [i32::MAX, i32::MIN]]);
        positions.extend((0..60).map(|i| [far[0] / 30 * i - far[0] / 2, far[1] / 20 * i - far[1]]));
        let mirrored = |at: i32, far: i32| {
            let (half, length) = (i64::from(STEPS / 2), i64::from(far + STEPS));
            let along = (i64::from(at) + half).rem_euclid(2 * length);
            (along.min(2 * length - along) - half) as i32
        };
        let exact = |border: Border, [x, y]: [i32; 2], channel: usize| {
            let inside = |at: i32, far: i32| {
                let at = if border == Border::Mirror { mirrored(at, far) } else { at };
                f64::from(at.clamp(0, far)) / f64::from(STEPS)
            };
            let (x, y) = (inside(x, far[0]), inside(y, far[1]));
            let value = |dx: usize, dy: usize| {
                let (column, row) = ((x as usize + dx).min(width - 1), (y as usize + dy).min(height - 1));
                f64::from(picture[row * width + column][channel])
            };
            let (tx, ty) = (x.fract(), y.fract());
            let upper = value(0, 0) * (1.0 - tx) + value(1, 0) * tx;
            let lower = value(0, 1) * (1.0 - tx) + value(1, 1) * tx;
            (upper * (1.0 - ty) + lower * ty + 0.5).floor() as u8
        };
        at_every_level(|level| {
            for border in [Border::Nearest, Border::Mirror] {
                let mut colours = vec![[0; 3]; positions.len()];
                bilinear(&picture, width, border, &positions, &mut colours);
                for (position, colour) in positions.iter().zip(&colours) {
                    let expected = [0, 1, 2].map(|channel| exact(border, *position, channel));
                    assert_eq!(*colour, expected, "{level:?}, {width}x{height} at {position:?}, {border:?}");
                }
            }
        });
    }
}

#[test]
#[should_panic(expected = "two or more whole rows")]
fn a_picture_that_is_no_rectangle_is_refused() {
    bilinear(&[[0; 4]; 7], 3, Border::Nearest, &[], &mut []);
}
