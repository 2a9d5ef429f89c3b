//! Too few photons: the noise of counting them.

use rand::Rng as _;

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, cut, normal};
use crate::rng::Rng;
use crate::sample::Image;

/// Replaces every value by a Poisson count of that mean: white is 3 photons at strength 1 (`ImageNet-C`).
pub(crate) struct ShotNoise;

/// One over the photons of a white pixel, from no corruption to severity 5.
const ONE_PHOTON: [f32; 6] = [0.0, 1.0 / 60.0, 1.0 / 25.0, 1.0 / 12.0, 1.0 / 5.0, 1.0 / 3.0];

impl ImageOp for ShotNoise {
    fn name(&self) -> &'static str {
        "shot-noise"
    }

    fn about(&self) -> &'static str {
        "too few photons: white is 3 of them at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let one = 255.0 * at_strength(ONE_PHOTON, strength);
        // counts of many photons are normal
        if one < 255.0 / 60.0 - 1e-3 {
            for value in image.pixels_mut() {
                let mean = f32::from(*value);
                *value = cut(mean + (mean * one).sqrt() * normal(rng));
            }
            return;
        }
        let counts: Vec<Counts> = (0..=255u8).map(|value| Counts::new(f32::from(value) / one)).collect();
        for values in image.pixels_mut().chunks_mut(4) {
            let mut bits = rng.next_u64();
            for value in values {
                *value = cut(one * f32::from(counts[usize::from(*value)].at(bits as u16)));
                bits >>= 16;
            }
        }
    }
}

/// The Poisson distribution of one mean, to be read at even random numbers of 16 bits.
struct Counts {
    /// The chance of this count or fewer, in parts of 65,536; the last is above any random number.
    up_to: Vec<u32>,
    /// The count to begin the search with, by the upper four bits of the random number.
    first: [u16; 16],
}

impl Counts {
    fn new(mean: f32) -> Self {
        let (mut chance, mut total, mut up_to) = ((-mean).exp(), 0.0, Vec::new());
        // what is left beyond a count this high is less than one part
        while (up_to.len() as f32) < mean + 5.0 * mean.sqrt() + 4.0 {
            total += chance;
            up_to.push((total * 65536.0).round() as u32);
            chance *= mean / up_to.len() as f32;
        }
        up_to.push(1 << 16);
        let first = std::array::from_fn(|upper| {
            let bits = (upper as u32) << 12;
            up_to.iter().position(|chance| bits < *chance).unwrap_or(0) as u16
        });
        Self { up_to, first }
    }

    #[inline]
    fn at(&self, bits: u16) -> u16 {
        let mut count = self.first[usize::from(bits >> 12)];
        while u32::from(bits) >= self.up_to[usize::from(count)] {
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_the_mean_and_variance_of_poisson() {
        for mean in [0.0, 0.2, 3.0, 60.0] {
            let counts = Counts::new(mean);
            let all: Vec<f64> = (0..=u16::MAX).map(|bits| f64::from(counts.at(bits))).collect();
            let average = all.iter().sum::<f64>() / 65536.0;
            let variance = all.iter().map(|count| (count - average).powi(2)).sum::<f64>() / 65536.0;
            for found in [average, variance] {
                assert!((found - f64::from(mean)).abs() < 0.002 + 0.002 * f64::from(mean), "{mean}: {found}");
            }
        }
    }
}
