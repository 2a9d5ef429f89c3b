//! Reinhard's colour transfer: the image as if it had been stained and lit like another one.

use super::mix::{Mix, MixSettings};
use crate::image_op::{inverse, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves mean and deviation of each channel in the opponent space lαβ a share of Beta(alpha, alpha) of the
/// way to those of the other image (Reinhard et al., *IEEE Computer Graphics and Applications* 21(5), 2001).
/// The label stays.
pub(super) const REINHARD: Mix = Mix {
    name: "reinhard",
    about: "colours moved towards those of another image of the batch; the label stays (Reinhard et al., 2001)",
    alpha: Some(1.0),
    apply: reinhard,
};

/// Cone responses to red, green and blue, as in the paper.
const LMS: [[f32; 3]; 3] = [[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]];
fn reinhard(image: &mut Image, other: &Image, settings: &MixSettings, rng: &mut Rng) -> f32 {
    let share = settings.share(rng);
    let (own, its) = (Statistics::of(&opponent(image)), Statistics::of(&opponent(other)));
    let scale: [f32; 3] = std::array::from_fn(|channel| {
        let ratio = its.deviation[channel] / own.deviation[channel].max(1e-6);
        // a flat image has no contrast that could be stretched
        1.0 + share * (ratio.min(4.0) - 1.0)
    });
    let mean: [f32; 3] =
        std::array::from_fn(|channel| own.mean[channel] + share * (its.mean[channel] - own.mean[channel]));
    let (moved, rgb) = (opponent(image), inverse(&LMS));
    for (pixel, colour) in image.pixels_mut().as_chunks_mut::<3>().0.iter_mut().zip(moved) {
        let moved = |channel: usize| mean[channel] + scale[channel] * (colour[channel] - own.mean[channel]);
        *pixel = from_opponent([moved(0), moved(1), moved(2)], &rgb);
    }
    0.0
}

/// Mean and standard deviation of each channel.
struct Statistics {
    mean: [f32; 3],
    deviation: [f32; 3],
}

impl Statistics {
    fn of(colours: &[[f32; 3]]) -> Self {
        let count = colours.len() as f32;
        let average = |value: &dyn Fn(&[f32; 3]) -> f32| colours.iter().map(value).sum::<f32>() / count;
        let mean: [f32; 3] = std::array::from_fn(|channel| average(&|colour| colour[channel]));
        let deviation = std::array::from_fn(|channel| {
            average(&|colour| (colour[channel] - mean[channel]).powi(2)).sqrt()
        });
        Self { mean, deviation }
    }
}

/// The colours in lαβ: brightness, yellow against blue, red against green, of the logarithms of the cones'
/// responses.
fn opponent(image: &Image) -> Vec<[f32; 3]> {
    let colours = image.pixels().as_chunks::<3>().0.iter().map(|pixel| {
        // black has no logarithm
        let [l, m, s] = transform(&LMS, pixel.map(|value| f32::from(value).max(1.0) / 255.0)).map(f32::ln);
        [(l + m + s) / 3f32.sqrt(), (l + m - 2.0 * s) / 6f32.sqrt(), (l - m) / 2f32.sqrt()]
    });
    colours.collect()
}

/// The byte values of a colour in lαβ; `rgb` is the inverse of [`LMS`].
fn from_opponent([brightness, yellow, red]: [f32; 3], rgb: &[[f32; 3]; 3]) -> [u8; 3] {
    let (a, b, c) = (brightness / 3f32.sqrt(), yellow / 6f32.sqrt(), red / 2f32.sqrt());
    let cones = [a + b + c, a + b - c, a - 2.0 * b].map(f32::exp);
    transform(rgb, cones).map(|value| to_byte(255.0 * value))
}

fn transform(matrix: &[[f32; 3]; 3], v: [f32; 3]) -> [f32; 3] {
    matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_survive_the_way_there_and_back() {
        let pixels: Vec<u8> = (0..300).map(|i| (i * 53 % 255 + 1) as u8).collect();
        let image = Image::new(10, 10, pixels).unwrap();
        for (colour, pixel) in opponent(&image).iter().zip(image.pixels().as_chunks::<3>().0) {
            let back = from_opponent(*colour, &inverse(&LMS));
            assert!(back.iter().zip(pixel).all(|(a, b)| a.abs_diff(*b) <= 1), "{back:?} {pixel:?}");
        }
    }

    #[test]
    fn a_full_transfer_takes_over_mean_and_deviation() {
        let textured = |low: usize, span: usize| {
            let pixels = (0..32 * 32 * 3).map(|i| (low + i * 31 % span) as u8).collect();
            Image::new(32, 32, pixels).unwrap()
        };
        let (mut image, other) = (textured(40, 60), textured(120, 80));
        let its = Statistics::of(&opponent(&other));
        // Beta(100, 100) is near a half; three steps of a half leave an eighth
        let settings = MixSettings { alpha: 100.0, area: super::super::Area::Exact };
        let mut rng = crate::rng::stream(1, crate::rng::Purpose::Blend, 0, 0);
        for _ in 0..8 {
            assert_eq!(reinhard(&mut image, &other, &settings, &mut rng), 0.0);
        }
        let own = Statistics::of(&opponent(&image));
        for channel in 0..3 {
            assert!((own.mean[channel] - its.mean[channel]).abs() < 0.02, "mean {channel}");
            assert!(
                (own.deviation[channel] / its.deviation[channel] - 1.0).abs() < 0.1,
                "deviation {channel}"
            );
        }
    }
}
