//! Where points in a few dimensions lie and how they scatter, whatever a minority of them does.

/// Most concentration steps; they settle after a few.
const STEPS: usize = 50;

/// The nearer half of a normal cloud in four dimensions has about half of the whole's variance.
const WHOLE: f64 = 2.0;

/// Centre and covariance of the bulk of a cloud of points: the minimum covariance determinant (Rousseeuw and
/// Van Driessen, 1999), by concentration steps from the half that lies nearest to the medians.
#[derive(Clone, Debug)]
pub(crate) struct Scatter<const D: usize> {
    centre: [f64; D],
    /// Lower Cholesky factor of the covariance.
    factor: [[f64; D]; D],
}

impl<const D: usize> Scatter<D> {
    /// `least` is a standard deviation that every axis has at least: what differs by less is the same. `None`
    /// without points.
    pub(crate) fn robust(points: &[[f64; D]], least: &[f64; D]) -> Option<Self> {
        let centre = medians(points)?;
        let mut scatter = Self { centre, factor: cholesky(&diagonal(least)) };
        let mut half = scatter.nearest(points);
        for _ in 0..STEPS {
            scatter = Self::of(half.iter().map(|i| &points[*i as usize]), least);
            let next = scatter.nearest(points);
            if next == half {
                break;
            }
            half = next;
        }
        Some(scatter)
    }

    /// Mean and covariance.
    fn of<'a>(points: impl ExactSizeIterator<Item = &'a [f64; D]> + Clone, least: &[f64; D]) -> Self {
        let count = points.len() as f64;
        let mut centre = [0.0; D];
        for point in points.clone() {
            for (sum, value) in centre.iter_mut().zip(point) {
                *sum += value / count;
            }
        }
        let mut covariance = diagonal(least);
        for point in points {
            for i in 0..D {
                for j in 0..D {
                    covariance[i][j] += WHOLE * (point[i] - centre[i]) * (point[j] - centre[j]) / count;
                }
            }
        }
        Self { centre, factor: cholesky(&covariance) }
    }

    /// The half of the points that lies nearest, in order of their indices.
    fn nearest(&self, points: &[[f64; D]]) -> Vec<u32> {
        let distances: Vec<f64> = points.iter().map(|point| self.distance(point)).collect();
        let mut order: Vec<u32> = (0..points.len() as u32).collect();
        let distance = |i: u32| distances[i as usize];
        order.sort_unstable_by(|a, b| distance(*a).total_cmp(&distance(*b)).then(a.cmp(b)));
        order.truncate(points.len() / 2 + 1);
        order.sort_unstable();
        order
    }

    /// The Mahalanobis distance of a point: in standard deviations.
    pub(crate) fn distance(&self, point: &[f64; D]) -> f64 {
        let mut solved = [0.0; D];
        for i in 0..D {
            let known: f64 = (0..i).map(|j| self.factor[i][j] * solved[j]).sum();
            solved[i] = (point[i] - self.centre[i] - known) / self.factor[i][i];
        }
        solved.iter().map(|value| value * value).sum::<f64>().sqrt()
    }
}

/// The median of each coordinate; `None` without points.
fn medians<const D: usize>(points: &[[f64; D]]) -> Option<[f64; D]> {
    let mut medians = [0.0; D];
    for (axis, median) in medians.iter_mut().enumerate() {
        let mut values: Vec<f64> = points.iter().map(|point| point[axis]).collect();
        *median = super::robust::median(&mut values)?;
    }
    Some(medians)
}

fn diagonal<const D: usize>(deviations: &[f64; D]) -> [[f64; D]; D] {
    std::array::from_fn(|i| std::array::from_fn(|j| if i == j { deviations[i].powi(2) } else { 0.0 }))
}

/// The lower triangular factor of a positive definite matrix.
fn cholesky<const D: usize>(matrix: &[[f64; D]; D]) -> [[f64; D]; D] {
    let mut factor = [[0.0; D]; D];
    for i in 0..D {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            let rest = matrix[i][j] - known;
            factor[i][j] = if i == j { rest.max(f64::MIN_POSITIVE).sqrt() } else { rest / factor[j][j] };
        }
    }
    factor
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn a_third_of_foreign_points_does_not_move_the_centre() {
        let mut rng = stream(1, Purpose::Synthetic, 0, 0);
        let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let mut points: Vec<[f64; 2]> = Vec::new();
        for _ in 0..600 {
            let (x, y) = (normal(), normal());
            points.push([10.0 + x, 5.0 + x + 0.1 * y]);
        }
        points.extend((0..300).map(|_| [30.0 + normal(), -20.0 + normal()]));
        let scatter = Scatter::robust(&points, &[0.01; 2]).unwrap();
        assert!((scatter.centre[0] - 10.0).abs() < 0.3, "{scatter:?}");
        // along the diagonal is near, across it is far
        let (along, across) = (scatter.distance(&[11.0, 6.0]), scatter.distance(&[11.0, 4.0]));
        assert!(along < 2.0 && across > 8.0, "{along} {across}");
        assert!(Scatter::<2>::robust(&[], &[1.0; 2]).is_none());
    }

    #[test]
    fn equal_points_have_the_least_scatter() {
        let scatter = Scatter::robust(&[[1.0, 2.0]; 9], &[0.5, 0.1]).unwrap();
        assert!((scatter.distance(&[1.5, 2.0]) - 1.0).abs() < 1e-9);
        assert!((scatter.distance(&[1.0, 2.2]) - 2.0).abs() < 1e-9);
    }
}
