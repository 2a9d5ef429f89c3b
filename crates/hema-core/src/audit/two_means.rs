//! Whether a cloud of points is two clouds.

/// Most rounds of the algorithm; it settles after a few.
const ROUNDS: usize = 50;
/// Pairs of quantiles that the search starts from on each axis: two like clouds, and a small one on either side.
const STARTS: [[f64; 2]; 3] = [[0.1, 0.9], [0.5, 0.998], [0.002, 0.5]];

/// A cloud cut in two.
pub(super) struct Halves {
    /// Which members belong to the second.
    pub(super) second: Vec<bool>,
    /// How far apart they lie, -1 to 1: the mean over both of the mean silhouette (Rousseeuw, 1987), with distances to
    /// centres in place of distances to all points. A single cloud cut in two has less than 0.6; 0.7 is called strong structure.
    pub(super) silhouette: f64,
}

/// Two-means (Lloyd, 1982) of those of the points that are `members`, from several starts: the cut with the best silhouette
/// that leaves at least `fewest` on either side.
pub(super) fn bisect<const D: usize>(points: &[[f64; D]], members: &[u32], fewest: usize) -> Option<Halves> {
    if members.len() < 2 * fewest.max(1) {
        return None;
    }
    let cloud = Cloud { points, members };
    let mut best: Option<Halves> = None;
    let mut order = members.to_vec();
    for axis in 0..D {
        let coordinate = |i: u32| points[i as usize][axis];
        order.sort_unstable_by(|a, b| coordinate(*a).total_cmp(&coordinate(*b)).then(a.cmp(b)));
        for start in STARTS {
            let rank = |share: f64| (share * (members.len() - 1) as f64) as usize;
            let halves = cloud.lloyd(start.map(|share| points[order[rank(share)] as usize]), fewest);
            if let Some(halves) = halves
                && best.as_ref().is_none_or(|best| halves.silhouette > best.silhouette)
            {
                best = Some(halves);
            }
        }
    }
    best
}

/// Some of the points.
struct Cloud<'a, const D: usize> {
    points: &'a [[f64; D]],
    members: &'a [u32],
}

impl<const D: usize> Cloud<'_, D> {
    fn iter(&self) -> impl Iterator<Item = &[f64; D]> {
        self.members.iter().map(|i| &self.points[*i as usize])
    }

    fn lloyd(&self, mut centres: [[f64; D]; 2], fewest: usize) -> Option<Halves> {
        let mut second = Vec::new();
        for _ in 0..ROUNDS {
            let nearer = |point| distance(point, &centres[1]) < distance(point, &centres[0]);
            let next: Vec<bool> = self.iter().map(nearer).collect();
            let count = next.iter().filter(|second| **second).count();
            if count.min(next.len() - count) < fewest.max(1) {
                return None;
            }
            if next == second {
                break;
            }
            second = next;
            centres = [false, true]
                .map(|side| mean(self.iter().zip(&second).filter(|(_, s)| **s == side).map(|p| p.0)));
        }
        let (mut sums, mut counts) = ([0.0; 2], [0.0; 2]);
        for (point, second) in self.iter().zip(&second) {
            let side = usize::from(*second);
            let (own, other) = (distance(point, &centres[side]), distance(point, &centres[1 - side]));
            sums[side] += (other - own) / other.max(own).max(f64::MIN_POSITIVE);
            counts[side] += 1.0;
        }
        Some(Halves { second, silhouette: f64::midpoint(sums[0] / counts[0], sums[1] / counts[1]) })
    }
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

    fn bisect_all(points: &[[f64; 3]], fewest: usize) -> Option<Halves> {
        bisect(points, &(0..points.len() as u32).collect::<Vec<u32>>(), fewest)
    }

    #[test]
    fn one_cloud_is_not_two() {
        assert!(bisect_all(&clouds(&[(2000, 0.0)]), 10).is_none_or(|halves| halves.silhouette < 0.6));
        assert!(bisect_all(&clouds(&[(3, 0.0)]), 2).is_none());
        assert!(bisect_all(&[[1.0; 3]; 50], 10).is_none());
    }

    #[test]
    fn two_clouds_are_found_whether_they_are_alike_or_one_is_small() {
        for sizes in [[(500, 0.0), (500, 9.0)], [(1000, 0.0), (30, 9.0)], [(30, -9.0), (1000, 0.0)]] {
            let halves = bisect_all(&clouds(&sizes), 10).unwrap();
            assert!(halves.silhouette > 0.7, "{}", halves.silhouette);
            let first = halves.second[0];
            let expected: Vec<bool> =
                (0..sizes[0].0 + sizes[1].0).map(|i| (i < sizes[0].0) == first).collect();
            assert_eq!(halves.second, expected);
        }
    }
}
