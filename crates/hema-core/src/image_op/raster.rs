//! Values as floats, for operators of several steps: blurs, noise layers, fields of light.

use super::border::Border;
use crate::sample::Image;

/// Floats on a grid, row by row, with the channels of a pixel side by side.
#[derive(Clone)]
pub(crate) struct Raster {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) channels: usize,
    pub(crate) values: Vec<f32>,
}

impl Raster {
    /// The three channels of an image, 0 to 255.
    pub(crate) fn of(image: &Image) -> Self {
        let values = image.pixels().iter().map(|value| f32::from(*value)).collect();
        Self { width: image.width(), height: image.height(), channels: 3, values }
    }

    /// One channel, each value made by a call.
    pub(crate) fn made(width: usize, height: usize, mut value: impl FnMut() -> f32) -> Self {
        Self { width, height, channels: 1, values: (0..width * height).map(|_| value()).collect() }
    }

    /// Writes three channels to the image they came from.
    pub(crate) fn write(&self, image: &mut Image, byte: impl Fn(f32) -> u8) {
        for (value, new) in image.pixels_mut().iter_mut().zip(&self.values) {
            *value = byte(*new);
        }
    }

    /// The values with a margin on all sides, as the border says.
    pub(crate) fn padded(&self, margin: usize, border: Border) -> Self {
        let (width, height) = (self.width + 2 * margin, self.height + 2 * margin);
        let inside = |i: usize, length| border.inside(i as isize - margin as isize, length);
        let columns: Vec<usize> = (0..width).map(|x| inside(x, self.width) * self.channels).collect();
        let stride = self.width * self.channels;
        let mut values = Vec::with_capacity(width * height * self.channels);
        for y in 0..height {
            let row = &self.values[inside(y, self.height) * stride..][..stride];
            for x in &columns[..margin] {
                values.extend_from_slice(&row[*x..x + self.channels]);
            }
            values.extend_from_slice(row);
            for x in &columns[margin + self.width..] {
                values.extend_from_slice(&row[*x..x + self.channels]);
            }
        }
        Self { width, height, channels: self.channels, values }
    }

    /// One channel read bilinearly at a larger size, corner on corner.
    pub(crate) fn enlarged(&self, width: usize, height: usize) -> Self {
        let places = |from: usize, to: usize| -> Vec<(usize, usize, f32)> {
            let scale = (from - 1) as f32 / (to.max(2) - 1) as f32;
            let place = |i: usize| {
                let first = ((i as f32 * scale) as usize).min(from - 1);
                (first, (first + 1).min(from - 1), i as f32 * scale - first as f32)
            };
            (0..to).map(place).collect()
        };
        let columns = places(self.width, width);
        let mut values = Vec::with_capacity(width * height);
        for (above, below, down) in places(self.height, height) {
            let [above, below] = [above, below].map(|y| &self.values[y * self.width..][..self.width]);
            let between = |x: usize| above[x] + down * (below[x] - above[x]);
            values.extend(
                columns.iter().map(|(left, right, across)| {
                    between(*left) + across * (between(*right) - between(*left))
                }),
            );
        }
        Self { width, height, channels: 1, values }
    }

    /// Blurs by a Gaussian whose weights end `truncate` standard deviations out; the border pixel is
    /// repeated.
    ///
    /// The weights are those of `scipy.ndimage.gaussian_filter`: the density at whole pixels, brought to a
    /// sum of 1.
    pub(crate) fn gaussian(&mut self, deviation: f32, truncate: f32) {
        let radius = (truncate * deviation + 0.5) as usize;
        if radius == 0 {
            return;
        }
        let density = |i: usize| (-0.5 * ((i as f32 - radius as f32) / deviation).powi(2)).exp();
        let mut weights: Vec<f32> = (0..=2 * radius).map(density).collect();
        let total: f32 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= total;
        }

        let stride = self.width * self.channels;
        let mut line = Vec::new();
        for row in self.values.chunks_exact_mut(stride) {
            line.clear();
            (0..radius).for_each(|_| line.extend_from_slice(&row[..self.channels]));
            line.extend_from_slice(row);
            (0..radius).for_each(|_| line.extend_from_slice(&row[stride - self.channels..]));
            row.fill(0.0);
            for (i, weight) in weights.iter().enumerate() {
                add_scaled(row, &line[i * self.channels..], *weight);
            }
        }
        let source = self.values.clone();
        for (y, row) in self.values.chunks_exact_mut(stride).enumerate() {
            row.fill(0.0);
            for (i, weight) in weights.iter().enumerate() {
                let from = (y + i).saturating_sub(radius).min(self.height - 1);
                add_scaled(row, &source[from * stride..], *weight);
            }
        }
    }
}

/// `sums += weight * values`, as far as the sums reach.
#[inline]
pub(crate) fn add_scaled(sums: &mut [f32], values: &[f32], weight: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += weight * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gaussian_spreads_a_point_and_keeps_the_sum() {
        let mut point = Raster { width: 15, height: 13, channels: 1, values: vec![0.0; 15 * 13] };
        point.values[6 * 15 + 7] = 1.0;
        point.gaussian(1.5, 4.0);
        assert!((point.values.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!((point.values[6 * 15 + 7] - 0.0707).abs() < 1e-3); // 1 / (2 pi 1.5²)
        assert!((point.values[6 * 15 + 6] - point.values[5 * 15 + 7]).abs() < 1e-6);
    }

    #[test]
    fn one_value_stays_in_a_gaussian() {
        let mut flat = Raster { width: 3, height: 2, channels: 3, values: [10.0, 20.0, 30.0].repeat(6) };
        flat.gaussian(2.0, 4.0);
        for (value, expected) in flat.values.iter().zip([10.0, 20.0, 30.0].iter().cycle()) {
            assert!((value - expected).abs() < 1e-3);
        }
    }
}
