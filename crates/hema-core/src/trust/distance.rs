//! How far the features of an image are from training's.
//!
//! Two numbers are told. Within the directions in which training's features spread most, whitened by the
//! covariance within classes (Ledoit and Wolf's idea with a fixed share): the distance to the nearest of some
//! dozens of centres of each class, which stands for the nearest neighbours among all (Sun et al., 2022).
//! And what is left outside these directions (the residual of Wang et al., 2022). Training's images are there
//! unchanged and damaged, so that damage to a known cell is a usual direction and not a strange one.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::halves::Halves;
use super::linear::Square;
use crate::error::{Error, Result};

/// Directions that are kept.
const DIRECTIONS: usize = 64;
/// Centres of each class.
const CENTRES: usize = 40;
/// Rounds in which centres are moved to the middle of what is nearest to them (Lloyd, 1982).
const ROUNDS: usize = 15;
/// Smallest square of a distance that a logarithm is taken of.
pub const SMALLEST: f32 = 1e-12;
/// Share of the covariance that is replaced by a multiple of the identity.
const SHRUNK: f64 = 0.02;

/// Statistics of training's features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Distance {
    /// Number of features.
    pub(super) width: usize,
    /// Number of directions.
    pub(super) kept: usize,
    /// Mean of the features.
    pub(super) centre: Halves,
    /// Orthonormal directions, one after the other.
    pub(super) directions: Halves,
    /// A lower triangle that gives deviations within classes the identity for a covariance, row by row.
    pub(super) whitening: Halves,
    /// Centres of all classes, after the whitening, one after the other.
    pub(super) centres: Halves,
    /// What training's own distances are like, as logarithms.
    pub(super) usual: Distances,
}

/// Distances of an image's features, as logarithms: of training's own they are about 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Distances {
    /// To the nearest centre.
    pub(super) nearest: f32,
    /// Of what lies outside the directions of training.
    pub(super) outside: f32,
}

impl Distance {
    /// Statistics of the features of labelled images, at least two, of so many classes.
    ///
    /// # Errors
    /// Features that are no finite numbers, or all the same.
    pub(super) fn fit(features: &[&[f32]], labels: &[usize], classes: usize) -> Result<Self> {
        let width = features[0].len();
        let centre = Halves::new(mean_of(features.iter().copied(), width));
        let rows: Vec<Vec<f32>> = features.iter().map(|row| less(row, centre.numbers())).collect();
        let kept = DIRECTIONS.min(width).min(features.len() / 2).max(1);
        let principal = Square::second_moment(&rows, width).principal(kept);
        let mut distance = Self {
            width,
            kept,
            centre,
            directions: Halves::new(principal.iter().flatten().map(|value| *value as f32)),
            whitening: Halves::default(),
            centres: Halves::default(),
            usual: Distances { nearest: 0.0, outside: 0.0 },
        };
        let inside: Vec<Vec<f32>> = rows.iter().map(|row| distance.inside(row)).collect();
        let of_class = |class: usize| -> Vec<&[f32]> {
            let rows = inside.iter().zip(labels).filter(|(_, label)| **label == class);
            rows.map(|(row, _)| &**row).collect()
        };
        let means: Vec<Vec<f32>> =
            (0..classes).map(|class| mean_of(of_class(class).into_iter(), kept)).collect();
        let within: Vec<Vec<f32>> =
            inside.iter().zip(labels).map(|(row, label)| less(row, &means[*label])).collect();
        let whitening = Square::second_moment(&within, kept).shrunk(SHRUNK).whitening().ok_or_else(|| {
            Error::new("features that do not vary, or are no numbers (expected numbers that do)")
        })?;
        distance.whitening = Halves::new(whitening.values.iter().map(|value| *value as f32));
        let centres: Vec<Vec<f32>> = (0..classes)
            .into_par_iter()
            .map(|class| {
                let white: Vec<Vec<f32>> = of_class(class).iter().map(|row| distance.whitened(row)).collect();
                centres_of(&white, kept)
            })
            .collect();
        distance.centres = Halves::new(centres.concat());
        let own: Vec<Distances> = features.par_iter().map(|row| distance.of(row)).collect();
        distance.usual = Distances {
            nearest: median(own.iter().map(|own| own.nearest).collect()),
            outside: median(own.iter().map(|own| own.outside).collect()),
        };
        Ok(distance)
    }

    /// The distances of an image's features.
    pub(super) fn of(&self, features: &[f32]) -> Distances {
        let row = less(features, self.centre.numbers());
        let inside = self.inside(&row);
        let outside = (dot(&row, &row) - dot(&inside, &inside)).max(SMALLEST);
        let white = self.whitened(&inside);
        let (_, nearest) = nearest(&white, self.centres.numbers());
        Distances {
            nearest: nearest.max(SMALLEST).ln() - self.usual.nearest,
            outside: outside.ln() - self.usual.outside,
        }
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
        let found =
            [&self.centre, &self.directions, &self.whitening, &self.centres].map(|n| n.numbers().len());
        let sound = width > 0
            && kept > 0
            && found[0] == width
            && kept.checked_mul(width) == Some(found[1])
            && kept.checked_mul(kept) == Some(found[2])
            && found[3] > 0
            && found[3].is_multiple_of(kept)
            && self.usual.nearest.is_finite()
            && self.usual.outside.is_finite();
        if sound {
            return Ok(());
        }
        Err(Error::new(format!(
            "statistics of {width} features in {kept} directions with {found:?} numbers (expected [{width}, {kept} x \
             {width}, {kept} x {kept}, {kept} a centre])"
        )))
    }
}

fn less(row: &[f32], other: &[f32]) -> Vec<f32> {
    row.iter().zip(other).map(|(value, other)| value - other).collect()
}

fn mean_of<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Vec<f32> {
    let (mut sums, mut count) = (vec![0.0_f64; width], 0.0_f64);
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        count += 1.0;
    }
    sums.iter().map(|sum| (sum / count.max(1.0)) as f32).collect()
}

fn median(mut numbers: Vec<f32>) -> f32 {
    numbers.sort_by(f32::total_cmp);
    numbers[numbers.len() / 2]
}

/// Centres of rows, one after the other: every so many of the rows, moved to the middle of what is nearest to
/// them. None of no row.
fn centres_of(rows: &[Vec<f32>], width: usize) -> Vec<f32> {
    let count = CENTRES.min(rows.len());
    let mut centres: Vec<f32> = (0..count).flat_map(|i| rows[i * rows.len() / count].clone()).collect();
    for _ in 0..ROUNDS {
        let mut members: Vec<Vec<&[f32]>> = vec![Vec::new(); count];
        for row in rows {
            members[nearest(row, &centres).0].push(row);
        }
        for (centre, members) in centres.chunks_exact_mut(width).zip(&members) {
            if !members.is_empty() {
                centre.copy_from_slice(&mean_of(members.iter().copied(), width));
            }
        }
    }
    centres
}

/// Position of the nearest of some centres, and the square of the distance.
fn nearest(row: &[f32], centres: &[f32]) -> (usize, f32) {
    let of = |centre: &[f32]| -> f32 { row.iter().zip(centre).map(|(a, b)| (a - b) * (a - b)).sum() };
    let all = centres.chunks_exact(row.len()).map(of).enumerate();
    all.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, f32::MAX))
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
                distance.of(&row).nearest
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
        assert_eq!(read.of(&rows[0]), distance.of(&rows[0]));
        let wrong = Distance { width: 13, ..read };
        assert!(wrong.check().unwrap_err().message().starts_with("statistics of 13 features"));
        let same = vec![vec![1.0_f32, 2.0]; 10];
        assert!(fit(&same, &[0; 10], 1).is_err());
        assert!(fit(&vec![vec![f32::NAN, 2.0]; 10], &[0; 10], 1).is_err());
    }
}
