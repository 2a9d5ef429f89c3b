//! Turn by a multiple of 90°, which needs no interpolation.

use rand::RngExt as _;

use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Turns the image by 90°, 180° or 270°, each as likely; strength is the chance of it, so that 0.75 makes all
/// four orientations alike.
///
/// An image that is not square is turned by 180°: other turns would change its shape.
pub(crate) struct QuarterTurn;

impl ImageOp for QuarterTurn {
    fn name(&self) -> &'static str {
        "quarter-turn"
    }

    fn about(&self) -> &'static str {
        "turn by 90, 180 or 270 degrees; strength is the chance of it"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        if rng.random::<f32>() >= strength {
            return;
        }
        let quarters = if image.width() == image.height() { rng.random_range(1..=3) } else { 2 };
        turn(image, quarters);
    }
}

/// Turns an image clockwise by 0 to 3 quarters; one that is not square must have an even number.
pub(crate) fn turn(image: &mut Image, quarters: u32) {
    if quarters >= 2 {
        image.pixels_mut().as_chunks_mut::<3>().0.reverse();
    }
    if quarters % 2 == 1 {
        turn_right(image);
    }
}

/// Turns a square image by 90° clockwise.
fn turn_right(image: &mut Image) {
    let side = image.width();
    let source = image.pixels().to_vec();
    let (source, _) = source.as_chunks::<3>();
    let (target, _) = image.pixels_mut().as_chunks_mut::<3>();
    for (y, row) in target.chunks_exact_mut(side).enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel = source[(side - 1 - x) * side + y];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_turns_to_the_right_return() {
        let original = Image::new(2, 2, (0..12).collect()).unwrap();
        let mut image = original.clone();
        turn_right(&mut image);
        assert_eq!(image.rgb(1, 0), original.rgb(0, 0));
        (0..3).for_each(|_| turn_right(&mut image));
        assert_eq!(image, original);
    }
}
