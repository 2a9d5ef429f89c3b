//! Air in the mounting medium: pale discs with a paler rim.

use rand::RngExt as _;

use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::{ImageOp, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// Lays 7 to 12 discs of radius 3 to 15 pixels of 224 over the image at strength 1.
///
/// Later bubbles replace what they cover of earlier ones, as in the reference.
pub(crate) struct Bubble;

/// The fewest bubbles, from no corruption to severity 5.
const FEWEST: [f32; 6] = [0.0, 7.0, 7.0, 7.0, 7.0, 7.0];
/// The most bubbles.
const MOST: [f32; 6] = [0.0, 10.0, 10.0, 10.0, 12.0, 12.0];
/// The radius of the largest bubble inside its rim, in pixels of 224.
const LARGEST: [f32; 6] = [3.0, 5.0, 7.0, 10.0, 12.0, 15.0];
/// The radius of the smallest, in pixels of 224.
const SMALLEST: f32 = 3.0;
/// The width of the rim, in pixels of 224.
const RIM: f32 = 2.0;
/// Share of white in a bubble and in its rim.
const WHITE: [f32; 2] = [100.0 / 255.0, 130.0 / 255.0];

impl ImageOp for Bubble {
    fn name(&self) -> &'static str {
        "bubble"
    }

    fn about(&self) -> &'static str {
        "air in the mounting medium: 7 to 12 pale discs of radius 3 to 15 at severity 5, in pixels of 224"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let (fewest, most) = (at_strength(FEWEST, strength), at_strength(MOST, strength));
        if most == 0.0 {
            return;
        }
        let count = fewest + rng.random::<f32>() * (most - fewest + 1.0);
        let mut white = vec![0.0; image.width() * image.height()];
        for _ in 0..count as usize {
            draw(&mut white, image, at_strength(LARGEST, strength), rng);
        }
        for (pixel, white) in image.pixels_mut().as_chunks_mut::<3>().0.iter_mut().zip(white) {
            *pixel = pixel.map(|value| to_byte(f32::from(value) + white * (255.0 - f32::from(value))));
        }
    }
}

/// Draws one bubble of random size and place, wholly inside but for its rim.
fn draw(white: &mut [f32], image: &Image, largest: f32, rng: &mut Rng) {
    let (width, height, pixel) = (image.width(), image.height(), pixel_at_224(image));
    let radius = (SMALLEST + rng.random::<f32>() * (largest - SMALLEST + 1.0)).floor();
    // whole pixels at 224, as in the reference
    let mut centre = |side: usize| {
        let side = side as f32 / pixel;
        ((radius + rng.random::<f32>() * (side - 2.0 * radius + 1.0)).floor() * pixel, radius * pixel)
    };
    let ((x, radius), (y, _)) = (centre(width), centre(height));
    // the discs of Pillow, whose diameter is odd
    let square = |radius: f32| (radius + 0.5 * pixel).powi(2);
    let (inside, outside) = (square(radius), square(radius + RIM * pixel));
    let reach = radius + (RIM + 0.5) * pixel;
    let span = |centre: f32, side: usize| {
        ((centre - reach).ceil().max(0.0) as usize)..((centre + reach) as usize + 1).min(side)
    };
    for row in span(y, height) {
        for column in span(x, width) {
            let distance = (column as f32 - x).powi(2) + (row as f32 - y).powi(2);
            if distance <= outside {
                white[row * width + column] = WHITE[usize::from(distance > inside)];
            }
        }
    }
}
