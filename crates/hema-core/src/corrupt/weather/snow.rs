//! Snow: pale streaks and a paler picture, not unlike precipitate that drifts during exposure.

use rand::RngExt as _;

use crate::corrupt::blur::motion_blur::streak;
use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::Border;
use crate::image_op::raster::Raster;
use crate::image_op::{ImageOp, cut, luma, normal};
use crate::rng::Rng;
use crate::sample::Image;

/// Adds flakes drawn into streaks, and whitens: as `ImageNet-C` does.
pub(crate) struct Snow;

/// Mean of the noise that flakes are cut from, from no corruption to severity 5; its deviation is always 0.3.
const MEAN: [f32; 6] = [0.1, 0.1, 0.2, 0.55, 0.55, 0.55];
/// Size of its grains in pixels of 224.
const GRAIN: [f32; 6] = [3.0, 3.0, 2.0, 4.0, 4.5, 2.5];
/// Threshold below which there is no flake; nothing reaches 1.6.
const THRESHOLD: [f32; 6] = [1.6, 0.5, 0.5, 0.9, 0.85, 0.85];
/// Half a streak's length in pixels of 224.
const RADIUS: [f32; 6] = [10.0, 10.0, 12.0, 12.0, 12.0, 12.0];
/// The deviation of the Gaussian along it in pixels of 224.
const DEVIATION: [f32; 6] = [4.0, 4.0, 4.0, 8.0, 8.0, 12.0];
/// The share of the picture that is not whitened.
const KEPT: [f32; 6] = [1.0, 0.8, 0.7, 0.7, 0.65, 0.55];

impl ImageOp for Snow {
    fn name(&self) -> &'static str {
        "snow"
    }

    fn about(&self) -> &'static str {
        "drifting flakes and a whiter picture, of which 0.55 is left at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let flakes = flakes(image, strength, rng);
        let kept = at_strength(KEPT, strength);
        let turned = flakes.values.iter().rev();
        let pixels = image.pixels_mut().as_chunks_mut::<3>().0.iter_mut();
        for (pixel, (flake, other)) in pixels.zip(flakes.values.iter().zip(turned)) {
            let colour = pixel.map(f32::from);
            let white = 1.5 * luma(colour) + 127.5;
            let snow = 255.0 * (flake + other);
            *pixel = colour.map(|value| cut(kept * value + (1.0 - kept) * value.max(white) + snow));
        }
    }
}

/// The flakes of half the snow, 0 to 1; the other half is the same turned round.
fn flakes(image: &Image, strength: f32, rng: &mut Rng) -> Raster {
    let pixel = pixel_at_224(image);
    let grain = (at_strength(GRAIN, strength) * pixel).max(1.0);
    let (mean, threshold) = (at_strength(MEAN, strength), at_strength(THRESHOLD, strength));
    let grains = |side: usize| (side as f32 / grain).ceil() as usize;
    let noise = Raster::made(grains(image.width()), grains(image.height()), || mean + 0.3 * normal(rng));
    let mut layer = noise.enlarged(image.width(), image.height());
    for value in &mut layer.values {
        *value = if *value < threshold { 0.0 } else { value.min(1.0) };
    }
    let angle = rng.random_range(-135.0..-45.0);
    let (radius, deviation) = (at_strength(RADIUS, strength), at_strength(DEVIATION, strength));
    streak(radius, deviation, angle, pixel).convolve(&layer, Border::Edge)
}
