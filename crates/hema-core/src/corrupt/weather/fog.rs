//! Fog, or a lens that has misted over: a pale, cloudy veil.

use rand::RngExt as _;

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, cut};
use crate::rng::Rng;
use crate::sample::Image;

/// Adds clouds and takes back the brightness they add: three times as bright as white at strength 1
/// (`ImageNet-C`).
pub(crate) struct Fog;

/// The brightness of the clouds in parts of full scale, from no corruption to severity 5.
const BRIGHTNESS: [f32; 6] = [0.0, 1.5, 2.0, 2.5, 2.5, 3.0];
/// How much smaller the clouds' roughness becomes each time their size is halved, before it is squared.
const DECAY: [f32; 6] = [2.0, 2.0, 2.0, 1.7, 1.5, 1.4];

impl ImageOp for Fog {
    fn name(&self) -> &'static str {
        "fog"
    }

    fn about(&self) -> &'static str {
        "a misted lens: clouds three times as bright as white at severity 5, then darkened again"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let brightness = 255.0 * at_strength(BRIGHTNESS, strength);
        let brightest = f32::from(image.pixels().iter().copied().max().unwrap_or(0));
        if brightness == 0.0 || brightest == 0.0 {
            return;
        }
        let side = image.width().max(image.height()).next_power_of_two();
        let clouds = clouds(side, at_strength(DECAY, strength), rng);
        let darker = brightest / (brightest + brightness);
        let width = image.width();
        let rows = image.pixels_mut().as_chunks_mut::<3>().0.chunks_exact_mut(width);
        for (row, clouds) in rows.zip(clouds.chunks_exact(side)) {
            for (pixel, cloud) in row.iter_mut().zip(clouds) {
                *pixel = pixel.map(|value| cut((f32::from(value) + brightness * cloud) * darker));
            }
        }
    }
}

/// A periodic square of clouds from 0 to 1 by midpoint displacement (Fournier, Fussell and Carpenter, CACM
/// 1982); `side` is a power of two.
fn clouds(side: usize, decay: f32, rng: &mut Rng) -> Vec<f32> {
    let mut map = vec![0.0f32; side * side];
    let wrap = side - 1;
    let mut roughness = 1.0f32;
    let mut step = side;
    while step >= 2 {
        let half = step / 2;
        let mut displace = |sum: f32| sum / 4.0 + roughness * (2.0 * rng.random::<f32>() - 1.0);
        // the middle of each square, from its corners
        for y in (0..side).step_by(step) {
            let below = (y + step) & wrap;
            for x in (0..side).step_by(step) {
                let right = (x + step) & wrap;
                let sum = map[y * side + x]
                    + map[y * side + right]
                    + map[below * side + x]
                    + map[below * side + right];
                map[(y + half) * side + x + half] = displace(sum);
            }
        }
        // the middle of each edge, from its ends and the middles beside it
        for y in (0..side).step_by(half) {
            let shift = if y % step == 0 { half } else { 0 };
            let (above, below) = (y.wrapping_sub(half) & wrap, (y + half) & wrap);
            for x in (shift..side).step_by(step) {
                let (left, right) = (x.wrapping_sub(half) & wrap, (x + half) & wrap);
                let sum = map[above * side + x]
                    + map[below * side + x]
                    + map[y * side + left]
                    + map[y * side + right];
                map[y * side + x] = displace(sum);
            }
        }
        roughness /= decay * decay;
        step = half;
    }
    let (low, high) = map.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    let range = (high - low).max(f32::MIN_POSITIVE);
    for value in &mut map {
        *value = (*value - low) / range;
    }
    map
}
