//! Convolution with a small square kernel, the common part of the blurs.
//!
//! Left out on purpose: separable kernels. A disc and a slanted line, the kernels needed here, are not separable.

use super::{mirror, to_byte};
use crate::sample::Image;

/// Weights on a square grid around the pixel to be replaced.
pub(crate) struct Kernel {
    radius: usize,
    weights: Vec<f32>,
}

impl Kernel {
    /// A kernel without weight that reaches `radius` pixels to each side.
    pub(crate) fn new(radius: usize) -> Self {
        let side = 2 * radius + 1;
        Self { radius, weights: vec![0.0; side * side] }
    }

    /// Adds weight at an offset between grid points, shared bilinearly; weight outside the grid is lost.
    pub(crate) fn add(&mut self, dx: f32, dy: f32, weight: f32) {
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

    /// Replaces each pixel by the weighted mean of its surroundings, mirrored at the border.
    pub(crate) fn convolve(&self, image: &mut Image) {
        let (width, height) = (image.width(), image.height());
        let padded = pad(image, self.radius);
        let padded_row = (width + 2 * self.radius) * 3;
        let side = 2 * self.radius + 1;
        let total: f32 = self.weights.iter().sum();
        let taps: Vec<(usize, f32)> = (self.weights.iter().enumerate())
            .filter(|(_, weight)| **weight > 0.0)
            .map(|(i, weight)| ((i / side) * padded_row + (i % side) * 3, weight / total))
            .collect();

        let mut sums = vec![0.0f32; width * 3];
        for (y, row) in image.pixels_mut().chunks_exact_mut(width * 3).enumerate().take(height) {
            sums.fill(0.0);
            for (offset, weight) in &taps {
                let start = y * padded_row + offset;
                for (sum, value) in sums.iter_mut().zip(&padded[start..start + width * 3]) {
                    *sum += weight * value;
                }
            }
            for (value, sum) in row.iter_mut().zip(&sums) {
                *value = to_byte(*sum);
            }
        }
    }
}

/// The image with a mirrored margin, as floats.
fn pad(image: &Image, margin: usize) -> Vec<f32> {
    let (width, height) = (image.width(), image.height());
    let outside = |i: usize| i as isize - margin as isize;
    let columns: Vec<usize> = (0..width + 2 * margin).map(|x| mirror(outside(x), width) * 3).collect();
    let mut padded = Vec::with_capacity(columns.len() * (height + 2 * margin) * 3);
    for y in 0..height + 2 * margin {
        let start = mirror(outside(y), height) * width * 3;
        let row = &image.pixels()[start..start + width * 3];
        for x in &columns {
            padded.extend(row[*x..*x + 3].iter().map(|value| f32::from(*value)));
        }
    }
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_point_shifts_the_image() {
        let mut image = Image::new(3, 1, vec![10, 20, 30, 40, 50, 60, 70, 80, 90]).unwrap();
        let mut kernel = Kernel::new(1);
        kernel.add(1.0, 0.0, 5.0);
        kernel.convolve(&mut image);
        assert_eq!(image.pixels(), [40, 50, 60, 70, 80, 90, 70, 80, 90]);
    }

    #[test]
    fn one_colour_stays() {
        let mut image = Image::filled(5, 2, [7, 130, 255]);
        let mut kernel = Kernel::new(4);
        kernel.add(0.3, -2.6, 1.0);
        kernel.add(-4.0, 4.0, 0.7);
        kernel.convolve(&mut image);
        assert_eq!(image, Image::filled(5, 2, [7, 130, 255]));
    }
}
