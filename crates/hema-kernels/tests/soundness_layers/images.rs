//! Passes over images: there are no shapes but a picture's width, and few lengths.

use hema_kernels::{Border, COLOUR_BITS, STEPS, bilinear, map_bytes, map_pixels, mix_channels, sharpen};

use crate::refused;

#[test]
fn interpolation_refuses_pictures_that_are_no_rectangles() {
    let picture = [[7_u8; 4]; 12];
    for border in [Border::Nearest, Border::Mirror] {
        // every position lies somewhere, however far away
        let far = [i32::MIN, i32::MIN + 1, -STEPS, -1, 0, 1, 3 * STEPS, i32::MAX - 1, i32::MAX];
        let positions: Vec<[i32; 2]> = far.into_iter().flat_map(|x| far.map(|y| [x, y])).collect();
        let mut colours = vec![[0; 3]; positions.len()];
        for width in [2, 3, 4, 6] {
            colours.fill([0; 3]);
            bilinear(&picture, width, border, &positions, &mut colours);
            assert!(colours.iter().all(|colour| *colour == [7; 3]));
        }
        for width in [0, 1, 5, 7, 12, 13, usize::MAX, usize::MAX / 2, usize::MAX / 2 + 1] {
            refused("width", || bilinear(&picture, width, border, &positions, &mut colours.clone()));
            refused("no picture", || bilinear(&[], width, border, &positions, &mut colours.clone()));
            refused("no picture and no positions", || bilinear(&[], width, border, &[], &mut []));
        }
        for count in [0, 1, positions.len() - 1] {
            refused("colours", || bilinear(&picture, 4, border, &positions, &mut colours.clone()[..count]));
            refused("positions", || bilinear(&picture, 4, border, &positions[..count], &mut colours.clone()));
        }
    }
}

#[test]
fn sharpening_refuses_rows_of_different_lengths() {
    for length in [0, 1, 2, 5, 6, 7, 22, 23, 100] {
        let row = vec![9; length];
        let mut target = vec![9; length];
        sharpen([&row, &row, &row], 1.5, &mut target);
        assert!(target.iter().all(|value| *value == 9));
        for wrong in [length + 1, 2 * length + 6, length.saturating_sub(1), length / 2] {
            if wrong == length {
                continue;
            }
            let other = vec![9; wrong];
            for rows in [[&other, &row, &row], [&row, &other, &row], [&row, &row, &other]] {
                refused("row", || sharpen(rows.map(Vec::as_slice), 1.5, &mut target.clone()));
            }
            refused("target", || sharpen([&row, &row, &row], 1.5, &mut other.clone()));
        }
    }
}

#[test]
fn colours_take_any_length_and_refuse_factors_that_do_not_fit() {
    let one = 1 << COLOUR_BITS;
    let tables = [[1; 256], [2; 256], [3; 256]];
    for length in [0, 1, 7, 8, 9, 31, 63, 64, 65, 200] {
        let mut pixels = vec![[200, 100, 50]; length];
        mix_channels(&mut pixels, &[[0, one, 0, 0], [0, 0, one, 0], [one, 0, 0, 0]]);
        assert_eq!(pixels, vec![[100, 50, 200]; length]);
        map_pixels(&mut pixels, &tables);
        assert_eq!(pixels, vec![[1, 2, 3]; length]);
        let mut bytes = vec![255; length];
        map_bytes(&mut bytes, &tables[2]);
        assert_eq!(bytes, vec![3; length]);
    }
    for factor in [64 * one, -64 * one, i32::MAX, i32::MIN] {
        for i in 0..3 {
            let mut matrix = [[0; 4]; 3];
            matrix[i][i] = factor;
            refused("factor", || mix_channels(&mut [[0; 3]; 9], &matrix));
        }
    }
    for offset in [65_536 * one, -65_536 * one, i32::MAX, i32::MIN] {
        refused("offset", || mix_channels(&mut [[0; 3]; 9], &[[0; 4], [0; 4], [0, 0, 0, offset]]));
    }
}
