//! 95 % intervals of shares.

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959963984540054;

/// 95 % interval of a share by its score (Wilson, 1927). Without any trial it is 0 to 1.
pub fn wilson(successes: u64, trials: u64) -> [f64; 2] {
    wilson_of_share(successes, trials, trials)
}

/// Wilson's interval of the share `successes / trials`, as if found in only so many independent ones.
pub(super) fn wilson_of_share(successes: u64, trials: u64, independent: u64) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let n = independent as f64;
    let share = successes as f64 / trials as f64;
    let shrink = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / shrink;
    let half = Z / shrink * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

/// 95 % interval of the mean of values from 0 to 1, as that of a share with two successes and two failures
/// added (Agresti and Coull, 1998): values that are all alike have an interval too. Without any value it is 0
/// to 1.
pub fn of_mean(values: &[f64]) -> [f64; 2] {
    const ADDED: [f64; 4] = [0.0, 0.0, 1.0, 1.0];
    let with_added = || values.iter().chain(&ADDED);
    let n = with_added().count() as f64;
    let centre = with_added().sum::<f64>() / n;
    let variance = with_added().map(|value| (value - centre).powi(2)).sum::<f64>() / n;
    let half = Z * (variance / n).sqrt();
    // the mean itself is always inside
    let mean = values.iter().sum::<f64>() / (n - ADDED.len() as f64).max(1.0);
    if values.is_empty() {
        return [0.0, 1.0];
    }
    [(centre - half).min(mean).max(0.0), (centre + half).max(mean).min(1.0)]
}

/// 95 % interval of the mean of differences from -1 to 1, by [`of_mean`].
pub fn of_mean_difference(differences: &[f64]) -> [f64; 2] {
    let shares: Vec<f64> = differences.iter().map(|difference| f64::midpoint(*difference, 1.0)).collect();
    of_mean(&shares).map(|share| 2.0 * share - 1.0)
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
    fn the_interval_of_a_mean_is_near_wilsons_for_zeros_and_ones() {
        for (right, all) in [(900, 1000), (8, 8), (0, 5), (1, 20)] {
            let values: Vec<f64> = (0..all).map(|i| f64::from(u8::from(i < right))).collect();
            let (found, expected) = (of_mean(&values), wilson(right, all));
            let wider = found[0] < expected[0] + 5e-3 && found[1] > expected[1] - 5e-3;
            assert!(
                wider && found[1] - found[0] < expected[1] - expected[0] + 0.1,
                "{right} of {all}: {found:?}"
            );
            assert!(found[0] < found[1]);
        }
        assert_eq!(of_mean(&[]), [0.0, 1.0]);
        // images that are right in half of the conditions each vary less than a coin
        let [low, high] = of_mean(&[0.5; 200]);
        assert!(high - low < 0.05, "{low} {high}");
    }

    #[test]
    fn the_interval_of_a_mean_difference_holds_it_and_is_never_empty() {
        let [low, high] = of_mean_difference(&[[0.0; 90].as_slice(), &[-1.0; 10]].concat());
        assert!(-0.18 < low && low < -0.1 && -0.1 < high && high < 0.0, "{low} {high}");
        let [low, high] = of_mean_difference(&[0.0; 8]);
        assert!(low < 0.0 && high > 0.0, "a few images without a difference do not show that there is none");
    }
}
