//! The nearest of many vectors, in time that grows with their number and not with its square: the vectors are
//! dealt out to cells around centres (k-means), and only those of the nearest cells are compared (an inverted
//! file: Jégou, Douze and Schmid, 2011).

use hema_kernels::dot;
use rayon::prelude::*;

/// Vectors of a cell, as a rule.
const IN_CELL: usize = 1000;
/// Cells whose vectors are compared.
const PROBED: usize = 8;
/// Times that the centres are moved, and vectors of each cell that they are moved by.
const ROUNDS: usize = 4;
const LEARNT_BY: usize = 64;

/// Vectors that can be searched.
pub(super) struct Neighbours<const N: usize> {
    centres: Vec<Vector<N>>,
    cells: Vec<Vec<(usize, Vector<N>)>>,
}

#[derive(Clone, Copy)]
struct Vector<const N: usize> {
    values: [f32; N],
    square: f32,
}

impl<const N: usize> Vector<N> {
    fn new(values: [f32; N]) -> Self {
        Self { values, square: dot(&values, &values) }
    }

    /// The squared distance to another.
    fn distance(&self, other: &Self) -> f32 {
        self.square + other.square - 2.0 * dot(&self.values, &other.values)
    }
}

impl<const N: usize> Neighbours<N> {
    /// The vectors that can be found, numbered in order.
    pub(super) fn new(vectors: Vec<[f32; N]>) -> Self {
        let count = vectors.len().div_ceil(IN_CELL).max(1);
        let vectors: Vec<Vector<N>> = vectors.into_par_iter().map(Vector::new).collect();
        let sample: Vec<Vector<N>> =
            vectors.iter().copied().step_by((vectors.len() / (count * LEARNT_BY)).max(1)).collect();
        let mut centres: Vec<Vector<N>> =
            sample.iter().copied().step_by((sample.len() / count).max(1)).take(count).collect();
        for _ in 0..ROUNDS {
            let cell_of: Vec<usize> = sample.par_iter().map(|vector| nearest(&centres, vector)).collect();
            let mut sums = vec![([0.0; N], 0.0); centres.len()];
            for (cell, vector) in cell_of.into_iter().zip(&sample) {
                sums[cell].0.iter_mut().zip(vector.values).for_each(|(sum, value)| *sum += value);
                sums[cell].1 += 1.0;
            }
            for (centre, (sum, count)) in centres.iter_mut().zip(sums).filter(|(_, (_, count))| *count > 0.0)
            {
                *centre = Vector::new(sum.map(|sum| sum / count));
            }
        }
        let cell_of: Vec<usize> = vectors.par_iter().map(|vector| nearest(&centres, vector)).collect();
        let mut cells = vec![Vec::new(); centres.len()];
        for (number, (cell, vector)) in cell_of.into_iter().zip(vectors).enumerate() {
            cells[cell].push((number, vector));
        }
        Self { centres, cells }
    }

    /// The numbers of vectors near one, each with the squared distance, in no order.
    pub(super) fn near(&self, values: &[f32; N], mut found: impl FnMut(usize, f32)) {
        let wanted = Vector::new(*values);
        let mut cells: Vec<(f32, usize)> =
            self.centres.iter().map(|centre| centre.distance(&wanted)).zip(0..).collect();
        if cells.len() > PROBED {
            cells.select_nth_unstable_by(PROBED, |a, b| a.0.total_cmp(&b.0));
            cells.truncate(PROBED);
        }
        for (_, cell) in cells {
            self.cells[cell].iter().for_each(|(number, vector)| found(*number, vector.distance(&wanted)));
        }
    }
}

fn nearest<const N: usize>(centres: &[Vector<N>], vector: &Vector<N>) -> usize {
    let distances = centres.iter().map(|centre| centre.distance(vector)).enumerate();
    distances.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(cell, _)| cell)
}
