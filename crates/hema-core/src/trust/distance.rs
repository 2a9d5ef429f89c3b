//! How far the features of an image are from those of training's classes.
//!
//! Features are brought to length 1 (Müller and Hein, 2025), and compared in the directions in which
//! training's spread most: the squared Mahalanobis distance to the nearest class (Lee et al., 2018)
//! with one covariance for all classes, shrunk, plus what is left outside these directions, in units of what
//! training leaves there (the residual of Wang et al., 2022). Training's images are there unchanged and
//! damaged, so that damage to a known cell is a usual direction and not a strange one.

use serde::{Deserialize, Serialize};

use super::halves::Halves;
use super::linear::Square;
use crate::error::{Error, Result};

/// Directions that are kept.
const DIRECTIONS: usize = 96;
/// Share of the covariance that is replaced by a multiple of the identity.
const SHRUNK: f64 = 0.02;

/// Statistics of training's features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Distance {
    /// Number of features.
    width: usize,
    /// Number of directions.
    kept: usize,
    /// Mean of the features.
    centre: Halves,
    /// Orthonormal directions, one after the other.
    directions: Halves,
    /// A lower triangle that gives deviations within classes the identity for a covariance, row by row.
    whitening: Halves,
    /// Mean of each class, after the whitening, class by class.
    means: Halves,
    /// Mean square of what lies outside the directions.
    outside: f32,
}

impl Distance {
    /// Statistics of the features of labelled images, at least two, with as many classes. Every class that
    /// occurs has a mean.
    ///
    /// # Errors
    /// Features that are no finite numbers, or all the same.
    pub(super) fn fit(features: &[&[f32]], labels: &[usize], classes: usize) -> Result<Self> {
        let width = features[0].len();
        let mut rows: Vec<Vec<f32>> = features.iter().map(|row| normalised(row)).collect();
        let centre = Halves::new(mean_of(rows.iter(), width));
        let centre_of = |row: &mut Vec<f32>| subtract(row, centre.numbers());
        rows.iter_mut().for_each(centre_of);
        let kept = DIRECTIONS.min(width).min(features.len() / 2).max(1);
        let principal = Square::second_moment(&rows, width).principal(kept);
        let directions = Halves::new(principal.iter().flatten().map(|value| *value as f32));
        let mut distance = Self {
            width,
            kept,
            centre,
            directions,
            whitening: Halves::default(),
            means: Halves::default(),
            outside: 1.0,
        };
        let mut inside: Vec<Vec<f32>> = rows.iter().map(|row| distance.inside(row)).collect();
        let outside: Vec<f32> = rows.iter().zip(&inside).map(|(row, inside)| rest(row, inside)).collect();
        let means: Vec<Vec<f32>> = (0..classes)
            .filter(|class| labels.contains(class))
            .map(|class| {
                let of_class = inside.iter().zip(labels).filter(|(_, label)| **label == class);
                mean_of(of_class.map(|(row, _)| row), kept)
            })
            .collect();
        let present: Vec<usize> = (0..classes).filter(|class| labels.contains(class)).collect();
        for (row, label) in inside.iter_mut().zip(labels) {
            let own = present.iter().position(|class| class == label).unwrap_or_default();
            subtract(row, &means[own]);
        }
        let covariance = Square::second_moment(&inside, kept).shrunk(SHRUNK);
        let whitening = covariance.whitening().ok_or_else(|| {
            Error::new("features that do not vary, or are no numbers (expected numbers that do)")
        })?;
        distance.whitening = Halves::new(whitening.values.iter().map(|value| *value as f32));
        distance.means = Halves::new(means.iter().flat_map(|mean| distance.whitened(mean)));
        distance.outside = mean_of_numbers(&outside).max(f32::MIN_POSITIVE);
        Ok(distance)
    }

    /// The logarithm of the distance of an image's features to the nearest class; about 0 for training's own.
    pub(super) fn of(&self, features: &[f32]) -> f32 {
        let mut row = normalised(features);
        subtract(&mut row, self.centre.numbers());
        let inside = self.inside(&row);
        let outside = rest(&row, &inside) / self.outside;
        let white = self.whitened(&inside);
        let to = |mean: &[f32]| -> f32 { white.iter().zip(mean).map(|(a, b)| (a - b) * (a - b)).sum() };
        let nearest = self.means.numbers().chunks_exact(self.kept).map(to).fold(f32::INFINITY, f32::min);
        (nearest / self.kept as f32 + outside).max(f32::MIN_POSITIVE).ln()
    }

    /// Number of features.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    fn inside(&self, row: &[f32]) -> Vec<f32> {
        self.directions.numbers().chunks_exact(self.width).map(|direction| dot(direction, row)).collect()
    }

    fn whitened(&self, inside: &[f32]) -> Vec<f32> {
        let rows = self.whitening.numbers().chunks_exact(self.kept).enumerate();
        rows.map(|(i, row)| dot(&row[..=i], &inside[..=i])).collect()
    }

    /// # Errors
    /// Statistics that do not fit together.
    pub(super) fn check(&self) -> Result<()> {
        let Self { width, kept, .. } = *self;
        let found = [&self.centre, &self.directions, &self.whitening, &self.means].map(|n| n.numbers().len());
        let sound = width > 0
            && kept > 0
            && found[0] == width
            && kept.checked_mul(width) == Some(found[1])
            && kept.checked_mul(kept) == Some(found[2])
            && found[3] > 0
            && found[3].is_multiple_of(kept)
            && self.outside.is_finite()
            && self.outside > 0.0;
        if sound {
            return Ok(());
        }
        Err(Error::new(format!(
            "statistics of {width} features in {kept} directions with {found:?} numbers (expected [{width}, {kept} x \
             {width}, {kept} x {kept}, {kept} a class])"
        )))
    }
}

/// A row of length 1; zeros stay.
fn normalised(row: &[f32]) -> Vec<f32> {
    let length = dot(row, row).sqrt().max(f32::MIN_POSITIVE);
    row.iter().map(|value| value / length).collect()
}

fn subtract(row: &mut [f32], other: &[f32]) {
    row.iter_mut().zip(other).for_each(|(value, other)| *value -= other);
}

/// The square of what of a row lies outside directions, in which it has these shares.
fn rest(row: &[f32], inside: &[f32]) -> f32 {
    (dot(row, row) - dot(inside, inside)).max(0.0)
}

fn mean_of<'a>(rows: impl Iterator<Item = &'a Vec<f32>>, width: usize) -> Vec<f32> {
    let (mut sums, mut count) = (vec![0.0_f64; width], 0.0_f64);
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        count += 1.0;
    }
    sums.iter().map(|sum| (sum / count.max(1.0)) as f32).collect()
}

fn mean_of_numbers(numbers: &[f32]) -> f32 {
    (numbers.iter().map(|n| f64::from(*n)).sum::<f64>() / numbers.len().max(1) as f64) as f32
}

/// A sum of products in eight lanes, which the compiler keeps in one register.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0_f32; 8];
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::rng::{Purpose, stream};

    /// Features about the axis of a class, of 12, with noise.
    fn cell(class: usize, noise: f32, rng: &mut impl rand::Rng) -> Vec<f32> {
        (0..12).map(|i| f32::from(u8::from(i == class)) + noise * (rng.random::<f32>() - 0.5)).collect()
    }

    fn fit(rows: &[Vec<f32>], labels: &[usize], classes: usize) -> Result<Distance> {
        Distance::fit(&rows.iter().map(|row| &**row).collect::<Vec<_>>(), labels, classes)
    }

    #[test]
    fn strange_features_are_further_than_known_ones_and_damaged_known_ones_are_not() {
        let mut rng = stream(3, Purpose::Synthetic, 0, 0);
        let labels: Vec<usize> = (0..600).map(|i| i % 3).collect();
        // half of them are moved along one axis, as damage does
        let row = |(i, label): (usize, &usize)| {
            let mut row = cell(*label, 0.2, &mut rng);
            row[11] += if i % 2 == 0 { 0.5 } else { 0.0 };
            row
        };
        let rows: Vec<Vec<f32>> = labels.iter().enumerate().map(row).collect();
        let distance = fit(&rows, &labels, 5).unwrap();
        distance.check().unwrap();
        let mut rng = stream(4, Purpose::Synthetic, 0, 0);
        let mut mean = |class: usize, damage: f32| {
            let each = (0..50).map(|_| {
                let mut row = cell(class, 0.2, &mut rng);
                row[11] += damage;
                distance.of(&row)
            });
            each.sum::<f32>() / 50.0
        };
        let (known, damaged, strange) = (mean(1, 0.0), mean(1, 0.5), mean(7, 0.0));
        assert!((known - damaged).abs() < 0.5 && strange > known + 2.0, "{known} {damaged} {strange}");
    }

    #[test]
    fn statistics_survive_in_a_file_and_others_are_refused() {
        let mut rng = stream(3, Purpose::Synthetic, 0, 0);
        let labels: Vec<usize> = (0..40).map(|i| i % 2).collect();
        let rows: Vec<Vec<f32>> = labels.iter().map(|label| cell(*label, 0.3, &mut rng)).collect();
        let distance = fit(&rows, &labels, 2).unwrap();
        let text = serde_json::to_string(&distance).unwrap();
        let read: Distance = serde_json::from_str(&text).unwrap();
        assert_eq!(read, distance);
        assert_eq!(read.of(&rows[0]).to_bits(), distance.of(&rows[0]).to_bits());
        let wrong = Distance { width: 13, ..read };
        assert!(wrong.check().unwrap_err().message().starts_with("statistics of 13 features"));
        let same = vec![vec![1.0_f32, 2.0]; 10];
        assert!(fit(&same, &[0; 10], 1).is_err());
        assert!(fit(&vec![vec![f32::NAN, 2.0]; 10], &[0; 10], 1).is_err());
    }
}
