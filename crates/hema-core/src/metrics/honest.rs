//! The calibration error that chance alone gives a model whose every probability is true: what a measured
//! error must exceed before it says anything.

use rand::{Rng, RngExt as _};

use super::reliability::ReliabilityBin;
use crate::rng::{Purpose, stream};

const DRAWS: usize = 200;
/// Draws beyond the upper end: 1 in 20.
const BEYOND: usize = DRAWS / 20;
/// Most images of a bin that are drawn one by one; the number of right ones among more is normal.
const ONE_BY_ONE: u64 = 64;

/// The expected calibration error that a model with true probabilities stays below in 95 of 100 samples of as
/// many images, by drawing for each bin how many of its images are right (Vaicenavicius et al., 2019). The
/// same bins always give the same number; NaN without any image.
pub fn calibration_error_by_chance(bins: &[ReliabilityBin]) -> f64 {
    let filled: Vec<&ReliabilityBin> =
        bins.iter().filter(|bin| bin.count > 0 && bin.confidence.is_finite()).collect();
    let total: u64 = filled.iter().map(|bin| bin.count).sum();
    let mut rng = stream(0, Purpose::Bootstrap, 2, 0);
    let mut draw = || {
        let gaps = filled.iter().map(|bin| {
            let expected = bin.count as f64 * bin.confidence.clamp(0.0, 1.0);
            (right(&mut rng, bin.count, expected) - expected).abs()
        });
        gaps.sum::<f64>() / total as f64
    };
    let mut errors: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
    errors.sort_by(f64::total_cmp);
    if total == 0 { f64::NAN } else { errors[DRAWS - 1 - BEYOND] }
}

/// How many of `images` are right where `expected` are on average.
fn right(rng: &mut impl Rng, images: u64, expected: f64) -> f64 {
    let share = expected / images as f64;
    if images <= ONE_BY_ONE {
        return (0..images).map(|_| f64::from(u8::from(rng.random::<f64>() < share))).sum();
    }
    // twelve uniform numbers have a variance of 1
    let normal = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
    expected + normal * (expected * (1.0 - share)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(count: u64, confidence: f64) -> ReliabilityBin {
        ReliabilityBin { low: 0.0, high: 1.0, count, confidence, accuracy: 0.0 }
    }

    #[test]
    fn chance_alone_makes_a_calibration_error_that_falls_with_the_number_of_images() {
        let [few, some, many] =
            [6, 600, 60_000].map(|n| calibration_error_by_chance(&[bin(n / 2, 0.6), bin(n / 2, 0.9)]));
        // a bin's gap has a standard deviation of sqrt(p (1 - p) / n)
        assert!(few > 0.2 && (0.02..0.06).contains(&some) && many < 0.006, "{few} {some} {many}");
        assert_eq!(few, calibration_error_by_chance(&[bin(3, 0.6), bin(3, 0.9)]));
        assert!(calibration_error_by_chance(&[]).is_nan());
        assert_eq!(calibration_error_by_chance(&[bin(50, 1.0)]), 0.0);
    }
}
