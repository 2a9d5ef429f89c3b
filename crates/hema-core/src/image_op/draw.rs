//! Random numbers that operators draw their parameters from.

use rand::{Rng as _, RngExt as _};

use crate::rng::Rng;

/// A factor drawn evenly around 1, at most `reach` away from it.
pub(crate) fn factor(reach: f32, rng: &mut Rng) -> f32 {
    1.0 + reach * signed_unit(rng)
}

/// A number drawn evenly from -1 to 1.
pub(crate) fn signed_unit(rng: &mut Rng) -> f32 {
    2.0 * rng.random::<f32>() - 1.0
}

/// A number from the standard normal distribution, nearly: the sum of eight random bytes, standardised.
///
/// Its tails end at 4.9 standard deviations. Integer sums are quick and, unlike `ln` and `cos`, the same
/// everywhere.
#[inline]
pub(crate) fn normal(rng: &mut Rng) -> f32 {
    /// Standard deviation of the sum of eight uniform bytes: sqrt(8 (256² - 1) / 12).
    const DEVIATION: f32 = 209.02153;
    let sum: u16 = rng.next_u64().to_le_bytes().iter().map(|byte| u16::from(*byte)).sum();
    (f32::from(sum) - 8.0 * 127.5) / DEVIATION
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn normal_numbers_have_mean_0_and_deviation_1() {
        let mut rng = stream(1, Purpose::Corrupt, 0, 0);
        let draws: Vec<f32> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f32>() / draws.len() as f32;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f32>() / draws.len() as f32;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "mean {mean}, variance {variance}");
    }
}
