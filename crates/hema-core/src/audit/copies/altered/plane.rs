//! The luma of a picture's square as numbers, and what registration needs of it: blur, slopes, values between
//! pixels.

use crate::audit::measurements::square::{SIDE, Square};

/// Numbers of every pixel of a square of [`SIDE`] rows.
#[derive(Clone)]
pub(super) struct Plane(Vec<f32>);

impl Plane {
    /// The levels of a square.
    pub(super) fn of(square: &Square) -> Self {
        Self(square.levels().iter().map(|level| f32::from(*level)).collect())
    }

    /// Every number, row by row.
    pub(super) fn values(&self) -> &[f32] {
        &self.0
    }

    /// Blurred by a Gaussian of this standard deviation in pixels; the numbers at the edges go on outside.
    pub(super) fn blurred(&self, sigma: f32) -> Self {
        let reach = (3.0 * sigma).ceil() as usize;
        let weights: Vec<f32> = (0..=2 * reach)
            .map(|i| (-(i as f32 - reach as f32).powi(2) / (2.0 * sigma * sigma)).exp())
            .collect();
        let sum: f32 = weights.iter().sum();
        let weights: Vec<f32> = weights.iter().map(|weight| weight / sum).collect();
        // twice along the rows, each time handing them over as columns
        self.along_rows(&weights, reach).along_rows(&weights, reach)
    }

    /// Every row weighed by a window around each pixel, as a column.
    fn along_rows(&self, weights: &[f32], reach: usize) -> Self {
        let mut turned = vec![0.0; SIDE * SIDE];
        let mut padded = [0.0; 3 * SIDE];
        for (y, row) in self.0.chunks_exact(SIDE).enumerate() {
            padded[..reach].fill(row[0]);
            padded[reach..reach + SIDE].copy_from_slice(row);
            padded[reach + SIDE..][..reach].fill(row[SIDE - 1]);
            let mut sums = [0.0; SIDE];
            for (i, weight) in weights.iter().enumerate() {
                sums.iter_mut().zip(&padded[i..]).for_each(|(sum, value)| *sum += weight * value);
            }
            for (x, sum) in sums.into_iter().enumerate() {
                turned[x * SIDE + y] = sum;
            }
        }
        Self(turned)
    }

    /// Less another plane.
    pub(super) fn less(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a - b).collect())
    }

    /// How fast the numbers rise downwards and to the right, per pixel.
    pub(super) fn slopes(&self) -> [Self; 2] {
        let rise = |step: usize, place: fn(usize) -> usize| {
            let slope = |i: usize| {
                let (before, after) = (usize::from(place(i) > 0), usize::from(place(i) + 1 < SIDE));
                (self.0[i + after * step] - self.0[i - before * step]) / (before + after) as f32
            };
            Self((0..SIDE * SIDE).map(slope).collect())
        };
        [rise(SIDE, |i| i / SIDE), rise(1, |i| i % SIDE)]
    }
}

/// A place between pixels: the first of the four around it, and the share of each.
#[derive(Clone, Copy)]
pub(super) struct Between {
    first: usize,
    shares: [f32; 4],
}

impl Between {
    /// The place at row `y` and column `x`; the nearest of the square where it lies outside.
    pub(super) fn at(y: f32, x: f32) -> Self {
        const LAST: f32 = (SIDE - 1) as f32 - 1e-3;
        let (y, x) = (y.clamp(0.0, LAST), x.clamp(0.0, LAST));
        let (row, column) = (y as usize, x as usize);
        let (down, right) = (y - row as f32, x - column as f32);
        let shares = [(1.0 - down) * (1.0 - right), (1.0 - down) * right, down * (1.0 - right), down * right];
        Self { first: row * SIDE + column, shares }
    }

    /// The number of a plane there.
    pub(super) fn of(&self, plane: &Plane) -> f32 {
        let (top, bottom) = (&plane.0[self.first..][..2], &plane.0[self.first + SIDE..][..2]);
        self.shares[0] * top[0]
            + self.shares[1] * top[1]
            + self.shares[2] * bottom[0]
            + self.shares[3] * bottom[1]
    }
}
