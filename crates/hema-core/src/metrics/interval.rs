//! 95 % intervals of shares.

use rand::RngExt;
use rayon::prelude::*;

use crate::rng::{Purpose, stream};

/// Resamples of a bootstrap.
const RESAMPLES: u64 = 2000;

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959963984540054;

/// 95 % interval of a share by its score (Wilson, 1927). Without any trial it is 0 to 1.
pub fn wilson(successes: u64, trials: u64) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let n = trials as f64;
    let share = successes as f64 / n;
    let shrink = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / shrink;
    let half = Z / shrink * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

/// 95 % percentile interval of a share over 2,000 bootstrap resamples (Efron, 1979).
///
/// Each resample has its own stream of random numbers, so the number of threads does not change the result.
pub(super) fn bootstrap_share(successes: u64, trials: u64, seed: u64) -> [f64; 2] {
    let mut shares: Vec<f64> = (0..RESAMPLES)
        .into_par_iter()
        .map(|resample| {
            let mut rng = stream(seed, Purpose::Bootstrap, 0, resample);
            // with the right images in front, an image drawn is right when its number is below `successes`
            let right = (0..trials).filter(|_| rng.random_range(0..trials) < successes).count();
            right as f64 / trials as f64
        })
        .collect();
    shares.sort_unstable_by(f64::total_cmp);
    [quantile(&shares, 0.025), quantile(&shares, 0.975)]
}

/// 95 % percentile interval of the mean of values over 2,000 bootstrap resamples (Efron, 1979). Without any
/// value it is NaN.
pub fn bootstrap_mean(values: &[f64], seed: u64) -> [f64; 2] {
    if values.is_empty() {
        return [f64::NAN; 2];
    }
    let mut means: Vec<f64> = (0..RESAMPLES)
        .into_par_iter()
        .map(|resample| {
            let mut rng = stream(seed, Purpose::Bootstrap, 0, resample);
            let drawn = (0..values.len()).map(|_| values[rng.random_range(0..values.len())]);
            drawn.sum::<f64>() / values.len() as f64
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    [quantile(&means, 0.025), quantile(&means, 0.975)]
}

/// The quantile of sorted values, linear between neighbours as in numpy.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    below + (above - below) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_stays_within_0_and_1() {
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
        for trials in 1..1000 {
            let ([low, _], [_, high]) = (wilson(0, trials), wilson(trials, trials));
            assert!((0.0..1e-12).contains(&low) && (1.0 - 1e-12..=1.0).contains(&high), "{low} {high}");
        }
    }

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        let sorted = [1.0, 2.0, 4.0];
        assert_eq!(quantile(&sorted, 0.0), 1.0);
        assert_eq!(quantile(&sorted, 0.75), 3.0);
        assert_eq!(quantile(&sorted, 1.0), 4.0);
    }

    /// A bootstrapped count is binomial, so the interval nears the normal approximation of a large sample.
    #[test]
    fn the_bootstrap_nears_the_normal_interval_whatever_the_threads() {
        let [low, high] = bootstrap_share(900, 1000, 7);
        let half = Z * (0.9_f64 * 0.1 / 1000.0).sqrt();
        assert!((low - (0.9 - half)).abs() < 2e-3 && (high - (0.9 + half)).abs() < 2e-3, "{low} {high}");
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(alone.install(|| bootstrap_share(900, 1000, 7)), [low, high]);
        assert_ne!(bootstrap_share(900, 1000, 8), [low, high]);
        assert_eq!(bootstrap_share(5, 5, 7), [1.0, 1.0]);
    }

    #[test]
    fn the_bootstrap_of_a_mean_is_that_of_a_share_for_zeros_and_ones() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i < 900))).collect();
        let [low, high] = bootstrap_mean(&values, 7);
        let expected = bootstrap_share(900, 1000, 7);
        assert!((low - expected[0]).abs() < 1e-12 && (high - expected[1]).abs() < 1e-12, "{low} {high}");
        assert!(bootstrap_mean(&[], 7)[0].is_nan());
    }
}
