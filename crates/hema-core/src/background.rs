//! Removal of the background: bright pixels are taken for background and become black.
//!
//! The founding report's seventh system has it in front of its network. It finds cells by a fixed threshold,
//! so that light and stain decide how much is left of an image: it is here to be measured, not to be
//! recommended.
//!
//! Left out on purpose: thresholds that adapt to the image.

use serde::{Deserialize, Serialize};

use crate::sample::Image;

/// The treatment of an image's background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Background {
    /// Leaves the background as it is.
    #[default]
    Keep,
    /// Makes the background black: pixels brighter than 155 of 255 that no darker ones enclose.
    Remove,
}

impl Background {
    /// Whether the background stays.
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
    pub(crate) fn is_kept(&self) -> bool {
        *self == Self::Keep
    }
}

/// Brightest grey that counts as cell.
pub const DARK: i32 = 155;
/// Half the side of the ellipse that closes gaps in a cell, 15 pixels wide and high.
pub const REACH: isize = 7;
/// Shares of red, green and blue in a grey, of `1 << GREY_BITS`: luma of Rec. 601, as in `OpenCV`.
pub const GREY: [i32; 3] = [9798, 19235, 3735];
/// Bits of a fraction of a grey, which is rounded half up.
pub const GREY_BITS: u32 = 15;

/// Makes the background black: pixels brighter than the threshold, after gaps in darker regions were closed
/// by an ellipse of 15 x 15 pixels. As `OpenCV`'s `threshold`, `morphologyEx` and `bitwise_and`.
pub(crate) fn remove(image: &mut Image) {
    let (width, height) = (image.width(), image.height());
    let cell: Vec<bool> =
        image.pixels().as_chunks::<3>().0.iter().map(|pixel| grey(*pixel) <= DARK).collect();
    let grown = grow(&cell, width, height);
    // pixels beyond the border neither grow nor shrink anything
    let outside: Vec<bool> = grown.iter().map(|inside| !inside).collect();
    let kept = grow(&outside, width, height);
    for (pixel, removed) in image.pixels_mut().as_chunks_mut::<3>().0.iter_mut().zip(kept) {
        if removed {
            *pixel = [0; 3];
        }
    }
}

/// Luma of Rec. 601 in fixed point, rounded as in `OpenCV`'s `cvtColor`.
fn grey(rgb: [u8; 3]) -> i32 {
    let sum: i32 = rgb.iter().zip(GREY).map(|(value, share)| i32::from(*value) * share).sum();
    (sum + (1 << (GREY_BITS - 1))) >> GREY_BITS
}

/// Half the width of the ellipse at a distance from its middle row, at most [`REACH`] either way.
pub fn half_width(dy: isize) -> isize {
    ((REACH * REACH - dy * dy) as f64).sqrt().round_ties_even() as isize
}

/// Whether any pixel under the ellipse around each pixel is set.
fn grow(set: &[bool], width: usize, height: usize) -> Vec<bool> {
    // how many are set in a row before each column
    let mut before = vec![0_u32; (width + 1) * height];
    for (counts, row) in before.chunks_exact_mut(width + 1).zip(set.chunks_exact(width)) {
        for (x, is_set) in row.iter().enumerate() {
            counts[x + 1] = counts[x] + u32::from(*is_set);
        }
    }
    let any = |y: usize, x: usize| {
        (-REACH..=REACH).any(|dy| {
            let Some(row) = y.checked_add_signed(dy).filter(|row| *row < height) else { return false };
            let reach = half_width(dy);
            let counts = &before[row * (width + 1)..][..=width];
            let (from, to) =
                (x.saturating_add_signed(-reach), (x.saturating_add_signed(reach) + 1).min(width));
            counts[to] > counts[from]
        })
    };
    (0..height).flat_map(|y| (0..width).map(move |x| (y, x))).map(|(y, x)| any(y, x)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_left_is_what_opencv_leaves() {
        // written by scripts/reference/opencv_background.py
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/opencv_background.zip");
        let source = crate::data::open(&fixture).unwrap();
        let image = |path: &str| {
            let place = source.entries().iter().position(|entry| entry.path == path).unwrap();
            source.image(place).unwrap()
        };
        let mut cases = 0;
        for entry in source.entries().iter().filter(|entry| entry.path.starts_with("source/")) {
            let mut found = image(entry.path);
            remove(&mut found);
            let expected = image(&entry.path.replace("source/", "removed/"));
            assert!(found == expected, "{} differs", entry.path);
            cases += 1;
        }
        assert_eq!(cases, 6);
    }

    #[test]
    fn a_dark_cell_stays_and_a_bright_field_goes() {
        let mut image = Image::filled(40, 40, [230, 220, 240]);
        for y in 10..30 {
            for x in 10..30 {
                // with a bright hole, which is closed
                let colour =
                    if (18..22).contains(&y) && (18..22).contains(&x) { [250; 3] } else { [90, 40, 120] };
                image.pixels_mut()[(y * 40 + x) * 3..][..3].copy_from_slice(&colour);
            }
        }
        remove(&mut image);
        assert_eq!(
            (image.rgb(0, 0), image.rgb(20, 20), image.rgb(12, 12)),
            ([0; 3], [250; 3], [90, 40, 120])
        );
        for size in [1, 2, 5] {
            let mut bright = Image::filled(size, size, [255; 3]);
            remove(&mut bright);
            assert_eq!(bright, Image::filled(size, size, [0; 3]));
        }
    }
}
