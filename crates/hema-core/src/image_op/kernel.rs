//! Convolution with a small square kernel, the common part of the blurs that are not Gaussian.

use super::border::Border;
use super::raster::{Raster, add_scaled};

/// Weights on a square grid around the pixel to be replaced.
pub(crate) struct Kernel {
    radius: usize,
    weights: Vec<f32>,
}

/// The weight of one offset `[x, y]`.
pub(crate) type Point = ([i32; 2], f32);

impl Kernel {
    /// A kernel given on another grid, whose unit measures `unit` pixels here. At unit 1 it is as given; else
    /// each point is shared by the pixels around it. The sum of the weights stays.
    pub(crate) fn scaled(points: &[Point], unit: f32) -> Self {
        // where the unit is larger than a pixel, a point becomes a square of points
        let parts = unit.ceil().max(1.0) as usize;
        let within: Vec<f32> = (0..parts).map(|i| (i as f32 + 0.5) / parts as f32 - 0.5).collect();
        let furthest = points.iter().flat_map(|(offset, _)| offset).map(|i| i.abs()).max().unwrap_or(0);
        let mut kernel = Self::new(((furthest as f32 + within[parts - 1]) * unit).ceil() as usize);
        for ([x, y], weight) in points {
            for dy in &within {
                for dx in &within {
                    kernel.add(
                        (*x as f32 + dx) * unit,
                        (*y as f32 + dy) * unit,
                        weight / (parts * parts) as f32,
                    );
                }
            }
        }
        kernel
    }

    /// A kernel without weight that reaches `radius` pixels to each side.
    fn new(radius: usize) -> Self {
        let side = 2 * radius + 1;
        Self { radius, weights: vec![0.0; side * side] }
    }

    /// Adds weight at an offset between grid points, shared bilinearly; weight outside the grid is lost.
    fn add(&mut self, dx: f32, dy: f32, weight: f32) {
        let side = 2 * self.radius + 1;
        let (x, y) = (dx + self.radius as f32, dy + self.radius as f32);
        for (column, row) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let (column, row) = (x as usize + column, y as usize + row);
            let share = (1.0 - (x - column as f32).abs()) * (1.0 - (y - row as f32).abs());
            if column < side && row < side {
                self.weights[row * side + column] += weight * share;
            }
        }
    }

    /// Each value replaced by the weighted sum of its surroundings.
    pub(crate) fn convolve(&self, raster: &Raster, border: Border) -> Raster {
        let padded = raster.padded(self.radius, border);
        let padded_row = padded.width * padded.channels;
        let side = 2 * self.radius + 1;
        let taps: Vec<(usize, f32)> = (self.weights.iter().enumerate())
            .filter(|(_, weight)| **weight > 0.0)
            .map(|(i, weight)| ((i / side) * padded_row + (i % side) * padded.channels, *weight))
            .collect();

        let stride = raster.width * raster.channels;
        let mut values = vec![0.0; raster.values.len()];
        for (y, sums) in values.chunks_exact_mut(stride).enumerate() {
            for (offset, weight) in &taps {
                add_scaled(sums, &padded.values[y * padded_row + offset..], *weight);
            }
        }
        Raster { values, ..*raster }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_point_shifts_the_image() {
        let row = [10, 20, 30, 40, 50, 60, 70, 80, 90].map(|value| value as f32);
        let raster = Raster { width: 3, height: 1, channels: 3, values: row.to_vec() };
        let shifted = |border| Kernel::scaled(&[([1, 0], 1.0)], 1.0).convolve(&raster, border).values;
        assert_eq!(shifted(Border::Edge), [40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 70.0, 80.0, 90.0]);
        assert_eq!(shifted(Border::Mirror), [40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 40.0, 50.0, 60.0]);
    }

    #[test]
    fn one_colour_stays_on_any_grid() {
        let raster = Raster { width: 5, height: 2, channels: 3, values: [7.0, 130.0, 255.0].repeat(10) };
        for unit in [0.01, 0.43, 1.0, 3.7] {
            let kernel = Kernel::scaled(&[([0, -2], 0.6), ([-4, 4], 0.4)], unit);
            let convolved = kernel.convolve(&raster, Border::Mirror).values;
            assert!(convolved.iter().zip(&raster.values).all(|(a, b)| (a - b).abs() < 1e-3));
        }
    }

    #[test]
    fn the_mirror_shows_the_border_pixel_once() {
        let seen = |border: Border| (-4..7).map(|i| border.inside(i, 3)).collect::<Vec<_>>();
        assert_eq!(seen(Border::Mirror), [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]);
        assert_eq!(seen(Border::Edge), [0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2]);
        assert_eq!(Border::Mirror.inside(-100, 1), 0);
    }
}
