//! Whether a cloud of points is two clouds.

/// Most rounds of the algorithm; it settles after a few.
const ROUNDS: usize = 50;
/// Pairs of quantiles that the search starts from on each axis: two like clouds, and a small one on either
/// side.
const STARTS: [[f64; 2]; 3] = [[0.1, 0.9], [0.5, 0.998], [0.002, 0.5]];

/// A cut between two clouds.
#[derive(Clone)]
pub(crate) struct Cut<const D: usize> {
    /// A point belongs to the cloud whose centre is nearer, to the first where both are as near.
    centres: [[f64; D]; 2],
    /// How far apart they lie, -1 to 1: the mean over both of the mean silhouette (Rousseeuw, 1987), with
    /// distances to centres in place of distances to all points. A single cloud cut in two has less than 0.6;
    /// 0.7 is called strong structure.
    pub(crate) silhouette: f64,
    /// The distance between their centres.
    pub(crate) apart: f64,
    /// At most how likely one cloud, which thins out evenly, is to have so few points between the centres.
    pub(crate) chance: f64,
}

impl<const D: usize> Cut<D> {
    /// Whether a point, of those that were cut or another, belongs to the second cloud.
    pub(crate) fn is_second(&self, point: &[f64; D]) -> bool {
        nearer_second(&self.centres, point)
    }
}

/// Two-means (Lloyd, 1982) of some points, from several starts: the cut with the best silhouette that leaves
/// at least `fewest` on either side.
pub(crate) fn bisect<const D: usize>(points: &[[f64; D]], fewest: usize) -> Option<Cut<D>> {
    if points.len() < 2 * fewest.max(1) {
        return None;
    }
    let mut best: Option<Cut<D>> = None;
    let mut order: Vec<u32> = (0..points.len() as u32).collect();
    for axis in 0..D {
        let coordinate = |i: u32| points[i as usize][axis];
        order.sort_unstable_by(|a, b| coordinate(*a).total_cmp(&coordinate(*b)).then(a.cmp(b)));
        for start in STARTS {
            let rank = |share: f64| (share * (points.len() - 1) as f64) as usize;
            let cut = lloyd(points, start.map(|share| points[order[rank(share)] as usize]), fewest);
            if let Some(cut) = cut
                && best.as_ref().is_none_or(|best| cut.silhouette > best.silhouette)
            {
                best = Some(cut);
            }
        }
    }
    best
}

fn lloyd<const D: usize>(points: &[[f64; D]], start: [[f64; D]; 2], fewest: usize) -> Option<Cut<D>> {
    let (mut cut_by, mut centres) = (start, start);
    let mut second = Vec::new();
    for _ in 0..ROUNDS {
        let next: Vec<bool> = points.iter().map(|point| nearer_second(&centres, point)).collect();
        let count = next.iter().filter(|second| **second).count();
        if count.min(next.len() - count) < fewest.max(1) {
            return None;
        }
        if next == second {
            break;
        }
        second = next;
        cut_by = centres;
        centres = [false, true]
            .map(|side| mean(points.iter().zip(&second).filter(|(_, s)| **s == side).map(|p| p.0)));
    }
    let (mut sums, mut counts) = ([0.0; 2], [0.0; 2]);
    for (point, second) in points.iter().zip(&second) {
        let side = usize::from(*second);
        let (own, other) = (distance(point, &centres[side]), distance(point, &centres[1 - side]));
        sums[side] += (other - own) / other.max(own).max(f64::MIN_POSITIVE);
        counts[side] += 1.0;
    }
    let silhouette = f64::midpoint(sums[0] / counts[0], sums[1] / counts[1]);
    let (apart, chance) = (distance(&centres[0], &centres[1]), chance_of_valley(points, &second, &centres));
    Some(Cut { centres: cut_by, silhouette, apart, chance })
}

/// From where to where, between the centres, the valley of two clouds lies: so wide a part of the distance.
const VALLEY: std::ops::RangeInclusive<f64> = 0.35..=0.65;
/// How far around its centre the smaller cloud is compared with the valley.
const AROUND: f64 = 0.35;

/// How likely the valley has so few points where there is none. One cloud fills it at least as densely as the
/// surroundings of the smaller half's centre, so that points lie in it by its share of both widths.
fn chance_of_valley<const D: usize>(points: &[[f64; D]], second: &[bool], centres: &[[f64; D]; 2]) -> f64 {
    let share = (VALLEY.end() - VALLEY.start()) / (VALLEY.end() - VALLEY.start() + 2.0 * AROUND);
    let [from, to] = centres;
    let length = distance(from, to).powi(2).max(f64::MIN_POSITIVE);
    let in_second = second.iter().filter(|second| **second).count();
    let smaller = 2 * in_second < second.len();
    let centre = f64::from(u8::from(smaller));
    let (mut between, mut around) = (0_u32, 0_u32);
    for (point, second) in points.iter().zip(second) {
        let along =
            (0..D).map(|axis| (point[axis] - from[axis]) * (to[axis] - from[axis])).sum::<f64>() / length;
        between += u32::from(VALLEY.contains(&along));
        around += u32::from(*second == smaller && (along - centre).abs() <= AROUND);
    }
    binomial_tail(between, between + around, share)
}

/// The probability of at most so many successes among some trials.
fn binomial_tail(successes: u32, trials: u32, share: f64) -> f64 {
    let (n, odds) = (f64::from(trials), (share / (1.0 - share)).ln());
    let mut term = n * (1.0 - share).ln();
    let mut tail = term.exp();
    for k in 1..=successes {
        let k = f64::from(k);
        term += ((n - k + 1.0) / k).ln() + odds;
        tail += term.exp();
    }
    tail.min(1.0)
}

fn nearer_second<const D: usize>(centres: &[[f64; D]; 2], point: &[f64; D]) -> bool {
    distance(point, &centres[1]) < distance(point, &centres[0])
}

fn mean<'a, const D: usize>(points: impl Iterator<Item = &'a [f64; D]>) -> [f64; D] {
    let (mut sum, mut count) = ([0.0; D], 0.0);
    for point in points {
        count += 1.0;
        (0..D).for_each(|axis| sum[axis] += point[axis]);
    }
    sum.map(|sum| sum / f64::max(count, 1.0))
}

fn distance<const D: usize>(a: &[f64; D], b: &[f64; D]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::rng::{Purpose, stream};

    /// Normal clouds of so many points around each centre.
    fn clouds(sizes: &[(usize, f64)]) -> Vec<[f64; 3]> {
        let mut rng = stream(2, Purpose::Synthetic, 0, 0);
        let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let points = sizes.iter().flat_map(|(count, centre)| std::iter::repeat_n(*centre, *count));
        points.map(|centre| [centre + normal(), normal(), normal() - centre]).collect()
    }

    #[test]
    fn one_cloud_is_not_two() {
        assert!(bisect(&clouds(&[(2000, 0.0)]), 10).is_none_or(|cut| cut.silhouette < 0.6));
        assert!(bisect(&clouds(&[(3, 0.0)]), 2).is_none());
        assert!(bisect(&[[1.0; 3]; 50], 10).is_none());
    }

    #[test]
    fn an_even_cloud_may_be_cut_far_apart_and_has_no_valley() {
        let mut rng = stream(3, Purpose::Synthetic, 0, 0);
        for count in [20, 60, 500] {
            let even: Vec<[f64; 2]> =
                (0..count).map(|_| [100.0 * rng.random::<f64>(), rng.random::<f64>()]).collect();
            let cut = bisect(&even, 5).unwrap();
            assert!(cut.silhouette > 0.6 && cut.chance > 0.01, "{} {}", cut.silhouette, cut.chance);
        }
        assert!((binomial_tail(2, 10, 0.3) - 0.38278).abs() < 1e-4);
        assert!(binomial_tail(10, 10, 0.3) > 0.999_999);
    }

    #[test]
    fn two_clouds_are_found_whether_they_are_alike_or_one_is_small() {
        for sizes in [[(500, 0.0), (500, 9.0)], [(1000, 0.0), (30, 9.0)], [(30, -9.0), (1000, 0.0)]] {
            let points = clouds(&sizes);
            let cut = bisect(&points, 10).unwrap();
            assert!(cut.silhouette > 0.7 && cut.chance < 0.01, "{} {}", cut.silhouette, cut.chance);
            let second: Vec<bool> = points.iter().map(|point| cut.is_second(point)).collect();
            let first = second[0];
            let expected: Vec<bool> =
                (0..sizes[0].0 + sizes[1].0).map(|i| (i < sizes[0].0) == first).collect();
            assert_eq!(second, expected);
        }
    }
}
