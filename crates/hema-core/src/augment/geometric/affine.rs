//! Turned, sheared, moved and magnified at once: how a cell may lie under the microscope, in one resampling.

use crate::image_op::{Fill, ImageOp, signed_unit, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Rotates by up to `180° strength`, shears by up to `20° strength`, enlarges or shrinks by up to a factor of
/// `1.4^strength`, and moves by up to `0.2 strength` of each side, all either way and drawn independently.
///
/// Four operators in a row would interpolate four times, each blurring the result of the last; this one
/// interpolates once. There is no stretch of its own: a shear by 20° already stretches by a fifth along one
/// diagonal and presses the other, and cells have no upright.
pub(crate) struct Affine(pub(crate) Fill);

/// Where a cell comes to lie. The parts act in the order of the fields, about the centre.
#[derive(Clone, Copy)]
struct Pose {
    /// Enlargement, above 0.
    zoom: f32,
    /// Factor of [`shear_x`](super::shear_x::shear_x).
    shear: f32,
    /// Clockwise.
    degrees: f32,
    /// Pixels to the right and down.
    shift: [f32; 2],
}

/// Lays the image down anew.
fn lay(image: &mut Image, pose: Pose, fill: Fill) {
    let Pose { zoom, shear, degrees, shift } = pose;
    let (sin, cos) = degrees.to_radians().sin_cos();
    // from the result back to the image: every part undone, the last one first
    let matrix = [[cos - shear * sin, sin + shear * cos], [-sin, cos]].map(|row| row.map(|at| at / zoom));
    let back = matrix.map(|row| -(row[0] * shift[0] + row[1] * shift[1]));
    warp::affine(image, matrix, back, fill);
}

impl ImageOp for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn about(&self) -> &'static str {
        "rotate, shear, zoom and move at once: up to 180 degrees, 20 degrees, 0.71 to 1.4, 0.2 of the sides at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let strength = strength.clamp(0.0, 1.0);
        let mut up_to = |most: f32| most * strength * signed_unit(rng);
        let pose = Pose {
            degrees: up_to(180.0),
            shear: up_to(20.0).to_radians().tan(),
            zoom: 1.4f32.powf(up_to(1.0)),
            shift: [image.width(), image.height()].map(|side| up_to(0.2) * side as f32),
        };
        lay(image, pose, self.0);
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{rotate::rotate, shear_x::shear_x, translate_x::translate_x, zoom::zoom};
    use super::*;

    const STILL: Pose = Pose { zoom: 1.0, shear: 0.0, degrees: 0.0, shift: [0.0; 2] };

    fn picture() -> Image {
        Image::new(21, 17, (0..21 * 17 * 3).map(|i| (i * 7 % 256) as u8).collect()).unwrap()
    }

    fn laid(pose: Pose) -> Image {
        let mut image = picture();
        lay(&mut image, pose, Fill::Background);
        image
    }

    #[test]
    fn each_part_alone_is_the_operator_of_its_name() {
        let changed = |change: fn(&mut Image)| {
            let mut image = picture();
            change(&mut image);
            image
        };
        assert_eq!(laid(STILL), picture());
        let turned = changed(|image| rotate(image, 33.0, Fill::Background));
        assert_eq!(laid(Pose { degrees: 33.0, ..STILL }), turned);
        let sheared = changed(|image| shear_x(image, 0.3, Fill::Background));
        assert_eq!(laid(Pose { shear: 0.3, ..STILL }), sheared);
        let larger = changed(|image| zoom(image, 1.25, Fill::Background));
        assert_eq!(laid(Pose { zoom: 1.25, ..STILL }), larger);
        let moved = changed(|image| translate_x(image, 2.5, Fill::Background));
        assert_eq!(laid(Pose { shift: [2.5, 0.0], ..STILL }), moved);
    }

    #[test]
    fn the_image_moves_after_it_has_turned() {
        let image = laid(Pose { degrees: 180.0, shift: [3.0, 2.0], ..STILL });
        for (x, y) in [(20, 16), (8, 9)] {
            assert_eq!(image.rgb(x, y), picture().rgb(20 + 3 - x, 16 + 2 - y), "at {x}, {y}");
        }
    }
}
