//! The little linear algebra that statistics of features need: the directions in which rows spread most, and
//! the Cholesky factor of a covariance.
//!
//! Sums run in a fixed order, so that the result is the same on any number of threads.

use rayon::prelude::*;

/// Rows that are summed before sums are added, by one thread.
const CHUNK: usize = 64;
/// Rounds of subspace iteration; directions beyond the first few tens spread alike, and need not be exact.
const ROUNDS: usize = 24;

/// A symmetric or triangular matrix of `side` rows, row after row.
#[derive(Clone, Debug)]
pub(super) struct Square {
    pub(super) side: usize,
    pub(super) values: Vec<f64>,
}

impl Square {
    /// The mean of the outer products of rows with themselves.
    pub(super) fn second_moment(rows: &[Vec<f32>], side: usize) -> Self {
        let of_row = |i: usize| {
            let mut sums = vec![0.0; side];
            for chunk in rows.chunks(CHUNK) {
                let mut partial = vec![0.0_f32; side];
                for row in chunk {
                    let factor = row[i];
                    partial.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
                }
                sums.iter_mut().zip(&partial).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            sums.into_iter().map(|sum| sum / rows.len().max(1) as f64).collect()
        };
        let values: Vec<Vec<f64>> = (0..side).into_par_iter().map(of_row).collect();
        Self { side, values: values.concat() }
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.side..][..self.side]
    }

    /// The mean of the diagonal.
    pub(super) fn mean_variance(&self) -> f64 {
        (0..self.side).map(|i| self.row(i)[i]).sum::<f64>() / self.side.max(1) as f64
    }

    /// The matrix, shrunk towards a multiple of the identity by a share of 0 to 1.
    pub(super) fn shrunk(mut self, share: f64) -> Self {
        let mean = self.mean_variance();
        self.values.iter_mut().for_each(|value| *value *= 1.0 - share);
        for i in 0..self.side {
            self.values[i * self.side + i] += share * mean;
        }
        self
    }

    /// The `count` directions in which it is largest, orthonormal, each with its length (subspace iteration).
    /// It must be symmetric without negative values.
    pub(super) fn principal(&self, count: usize) -> Vec<Vec<f64>> {
        let count = count.min(self.side);
        // any start serves that is orthogonal to no direction; this one repeats
        let start =
            |k: usize| (0..self.side).map(|i| ((k + 1) as f64 * (i + 1) as f64 * 0.618).sin()).collect();
        let mut basis: Vec<Vec<f64>> = (0..count).map(start).collect();
        orthonormalise(&mut basis);
        for _ in 0..ROUNDS {
            basis = basis.par_iter().map(|direction| self.times(direction)).collect();
            orthonormalise(&mut basis);
        }
        basis
    }

    fn times(&self, vector: &[f64]) -> Vec<f64> {
        (0..self.side).map(|i| dot(self.row(i), vector)).collect()
    }

    /// The inverse of its Cholesky factor `L` (it is `L` times its transpose), lower triangular; `None` where
    /// it is not positive.
    pub(super) fn whitening(&self) -> Option<Self> {
        let n = self.side;
        let mut factor = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let sum = self.values[i * n + j] - dot(&factor[i * n..i * n + j], &factor[j * n..j * n + j]);
                if i == j && (sum <= 0.0 || !sum.is_finite()) {
                    return None;
                }
                factor[i * n + j] = if i == j { sum.sqrt() } else { sum / factor[j * n + j] };
            }
        }
        let mut inverse = vec![0.0; n * n];
        for column in 0..n {
            for i in column..n {
                let own = f64::from(u8::from(i == column));
                let before: f64 = (column..i).map(|k| factor[i * n + k] * inverse[k * n + column]).sum();
                inverse[i * n + column] = (own - before) / factor[i * n + i];
            }
        }
        Some(Self { side: n, values: inverse })
    }
}

/// Makes vectors orthonormal (Gram and Schmidt, twice over); one that depends on those before it becomes
/// zero.
fn orthonormalise(basis: &mut [Vec<f64>]) {
    for i in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(i);
        let vector = &mut rest[0];
        let length = dot(vector, vector).sqrt();
        for _ in 0..2 {
            for other in &*before {
                let share = dot(vector, other);
                vector.iter_mut().zip(other).for_each(|(value, other)| *value -= share * other);
            }
        }
        let left = dot(vector, vector).sqrt();
        let scale = if left > 1e-9 * length { 1.0 / left } else { 0.0 };
        for value in vector.iter_mut() {
            *value *= scale;
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principal_directions_are_those_of_most_spread() {
        let rows: Vec<Vec<f32>> = (0..400)
            .map(|i| {
                let t = i as f32 / 7.0;
                let (a, b, c) = (10.0 * t.sin(), 3.0 * (2.3 * t).sin(), 0.1 * (5.1 * t).sin());
                // rotated by 45 degrees in the first two
                vec![(a + b) / 2.0_f32.sqrt(), (a - b) / 2.0_f32.sqrt(), c]
            })
            .collect();
        let moment = Square::second_moment(&rows, 3);
        let basis = moment.principal(2);
        let root = 0.5_f64.sqrt();
        assert!((basis[0][0].abs() - root).abs() < 0.02 && basis[0][2].abs() < 0.02, "{basis:?}");
        assert!(dot(&basis[0], &basis[1]).abs() < 1e-9);
        assert!((dot(&basis[1], &basis[1]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn whitened_rows_have_the_identity_for_a_covariance() {
        let matrix = Square { side: 3, values: vec![4.0, 2.0, 0.6, 2.0, 3.0, 0.4, 0.6, 0.4, 1.0] };
        let white = matrix.whitening().unwrap();
        for i in 0..3 {
            for j in 0..3 {
                // W M W^T
                let value: f64 =
                    (0..3).map(|k| white.values[i * 3 + k] * dot(matrix.row(k), white.row(j))).sum();
                let expected = f64::from(u8::from(i == j));
                assert!((value - expected).abs() < 1e-12, "{i} {j}: {value}");
            }
        }
        let flat = Square { side: 2, values: vec![1.0, 1.0, 1.0, 1.0] };
        assert!(flat.whitening().is_none());
        assert!(flat.shrunk(0.1).whitening().is_some());
    }
}
