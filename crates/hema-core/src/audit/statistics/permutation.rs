//! How likely chance alone makes something say so much about the class.

use rand::seq::SliceRandom as _;

use crate::rng::Rng;

/// Most labels drawn by lot: the least chance that can be told is one in so many.
const MOST_DRAWS: usize = 4_999;
/// As many draws that say as much are enough to tell that it is chance (Besag and Clifford, 1991).
const ENOUGH: usize = 20;

/// The share of all ways to hand out the labels in which a statistic of them is at least as large as it is,
/// by drawing such ways: a permutation test (Fisher, 1935).
pub(crate) fn p_value(labels: &[u32], statistic: impl Fn(&[u32]) -> f64, rng: &mut Rng) -> f64 {
    // sums in another order may differ in their last digits
    let least = statistic(labels) * (1.0 - 1e-9);
    let mut drawn = labels.to_vec();
    let mut as_large = 0;
    for draw in 1..=MOST_DRAWS {
        drawn.shuffle(rng);
        as_large += usize::from(statistic(&drawn) >= least);
        if as_large == ENOUGH {
            return ENOUGH as f64 / draw as f64;
        }
    }
    (as_large + 1) as f64 / (MOST_DRAWS + 1) as f64
}

/// At most how likely chi-squared is to be so large by chance, with so many degrees of freedom, in a large
/// sample: by the cube root, which is nearly normal (Wilson and Hilferty, 1931), and Mills's bound of its
/// tail.
pub(crate) fn chi_squared_tail(chi_squared: f64, degrees: f64) -> f64 {
    let variance = 2.0 / (9.0 * degrees);
    let z = ((chi_squared / degrees).cbrt() - (1.0 - variance)) / variance.sqrt();
    if z <= 1.0 { 1.0 } else { (-z * z / 2.0).exp() / (z * std::f64::consts::TAU.sqrt()) }
}

/// The ranks of values, from 1; equal values share the mean of theirs.
pub(crate) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = before as f64 + f64::midpoint(1.0, equal.len() as f64);
        for i in equal {
            ranks[*i] = rank;
        }
        before += equal.len();
    }
    ranks
}

/// How far the classes' mean ranks lie apart: the statistic of Kruskal and Wallis (1952), but for what does
/// not depend on the labels.
pub(crate) fn between_ranks(ranks: &[f64], labels: &[u32], classes: usize) -> f64 {
    let mut sums = vec![(0.0, 0.0); classes];
    let mean = f64::midpoint(1.0, ranks.len() as f64);
    for (rank, label) in ranks.iter().zip(labels) {
        let (sum, count) = &mut sums[*label as usize];
        *sum += rank - mean;
        *count += 1.0;
    }
    sums.into_iter().map(|(sum, count)| if count > 0.0 { sum * sum / count } else { 0.0 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn a_clear_difference_is_unlikely_by_chance_and_none_is_not() {
        let mut rng = stream(1, Purpose::Look, 0, 0);
        let values: Vec<f64> = (0..20).map(f64::from).collect();
        let ranks = ranks(&values);
        let mut p = |labels: &[u32]| p_value(labels, |labels| between_ranks(&ranks, labels, 2), &mut rng);
        let halves: Vec<u32> = (0..20).map(|i| u32::from(i >= 10)).collect();
        let turns: Vec<u32> = (0..20).map(|i| i % 2).collect();
        assert!(p(&halves) < 1e-3 && p(&turns) > 0.3);
        // one image of a class of its own is the lowest of twenty: one in ten for either end
        let lowest: Vec<u32> = (0..20).map(|i| u32::from(i == 0)).collect();
        assert!((0.05..0.2).contains(&p(&lowest)), "{}", p(&lowest));
    }

    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(ranks(&[5.0, 1.0, 5.0, 9.0]), [2.5, 1.0, 2.5, 4.0]);
    }

    #[test]
    fn the_tail_of_chi_squared_is_bounded_closely() {
        // quantiles of chi-squared from a table: 0.001 of 9 and of 63 degrees of freedom
        for (quantile, degrees) in [(27.877, 9.0), (103.442, 63.0)] {
            let tail = chi_squared_tail(quantile, degrees);
            assert!((0.0009..0.0013).contains(&tail), "{tail}");
        }
        assert_eq!(chi_squared_tail(5.0, 9.0), 1.0);
    }
}
