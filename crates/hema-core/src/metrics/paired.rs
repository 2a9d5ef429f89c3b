//! A test of whether two models differ on the same images.

/// Images times sum of differences up to which the test is exact; beyond, the distribution is normal to many
/// digits.
const MOST_STEPS: u64 = 20_000_000;

/// Probability that a sum of paired differences this far from 0, on either side, would come about if the two
/// models were alike, so that the sign of each difference were chance (Fisher, 1935).
///
/// For one yes or no an image, differences of -1, 0 and 1, it is McNemar's exact test (McNemar, 1947); for
/// counts over several conditions it takes the image as the unit, as the conditions of an image belong
/// together. Exact for up to some thousands of images that differ, by the normal distribution for more.
pub fn paired_p_value(differences: &[i64]) -> f64 {
    let sizes: Vec<u64> = differences.iter().map(|d| d.unsigned_abs()).filter(|size| *size > 0).collect();
    let observed = differences.iter().sum::<i64>().unsigned_abs();
    let total: u64 = sizes.iter().sum();
    if observed == 0 {
        return 1.0;
    }
    if total.saturating_mul(sizes.len() as u64) <= MOST_STEPS {
        exact(&sizes, total as usize, observed)
    } else {
        let variance: f64 = sizes.iter().map(|size| (*size as f64).powi(2)).sum();
        two_sided_normal(observed as f64 / variance.sqrt())
    }
}

/// The sum of the positive ones among randomly signed sizes, `t`, gives the sum of all, `2 t - total`.
fn exact(sizes: &[u64], total: usize, observed: u64) -> f64 {
    let mut share = vec![0.0; total + 1];
    share[0] = 1.0;
    let mut reached = 0;
    for size in sizes {
        let size = *size as usize;
        reached += size;
        for t in (0..=reached).rev() {
            share[t] = 0.5 * (share[t] + if t >= size { share[t - size] } else { 0.0 });
        }
    }
    let is_as_far = |t: usize| (2 * t).abs_diff(total) as u64 >= observed;
    share.iter().enumerate().filter(|(t, _)| is_as_far(*t)).map(|(_, share)| share).sum::<f64>().min(1.0)
}

/// Probability that a standard normal number is at least so far from 0 (Abramowitz and Stegun, 1964, 7.1.26,
/// to seven decimals).
fn two_sided_normal(z: f64) -> f64 {
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let polynomial = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let sum = polynomial.iter().fold(0.0, |sum, factor| (sum + factor) * t);
    sum * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(better: usize, worse: usize) -> Vec<i64> {
        [vec![1; better], vec![-1; worse], vec![0; 100]].concat()
    }

    #[test]
    fn for_one_yes_or_no_an_image_it_is_mcnemars_exact_test() {
        // by scipy.stats.binomtest(min(b, c), b + c).pvalue
        for (better, worse, expected) in [
            (3, 0, 0.25),
            (6, 0, 0.03125),
            (10, 2, 0.038_574_218_75),
            (2, 10, 0.038_574_218_75),
            (5, 5, 1.0),
            (0, 0, 1.0),
            (40, 20, 0.013_489_293_731_191_86),
        ] {
            let found = paired_p_value(&differences(better, worse));
            assert!((found - expected).abs() < 1e-12, "{better} {worse}: {found}");
        }
    }

    #[test]
    fn counts_over_conditions_are_signed_as_a_whole() {
        // the sums of 3, 2 and 1 with all signs: 6 4 2 0 0 -2 -4 -6
        assert_eq!(paired_p_value(&[3, 2, 1]), 0.25);
        assert_eq!(paired_p_value(&[3, 2, -1]), 0.5);
        assert_eq!(paired_p_value(&[3, -2, -1]), 1.0);
    }

    #[test]
    fn many_images_are_judged_by_the_normal_distribution_and_it_agrees() {
        let few = differences(1150, 1000);
        let sizes = vec![1; 2150];
        let (exact, normal) = (exact(&sizes, 2150, 150), two_sided_normal(150.0 / 2150.0_f64.sqrt()));
        assert!((exact - normal).abs() < 1e-3, "{exact} {normal}");
        assert_eq!(paired_p_value(&few), exact);
        let many = paired_p_value(&differences(11_500, 10_000));
        assert!((0.0..1e-12).contains(&many), "{many}");
        assert!((two_sided_normal(1.959_963_984_540_054) - 0.05).abs() < 1e-6);
    }
}
