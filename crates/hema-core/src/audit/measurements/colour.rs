//! The colours of a picture: its background's, and its stain's.
//!
//! Illumination, white balance and stain differ between laboratories and hardly within one; which cell is
//! shown changes neither the background nor, by much, the hue of the stain.

use super::quality::Luma;
use crate::sample::Image;

/// The colours of a picture in numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Colour {
    /// Mean RGB of the brightest tenth of the pixels: the light that nothing absorbs.
    pub(crate) background: [f64; 3],
    /// Direction of the mean optical density of the dark pixels (below Otsu's threshold) against the
    /// background, of length 1: the hue of the stain, whatever its amount. Zero where nothing is dark.
    pub(crate) stain: [f64; 3],
}

impl Colour {
    /// Measures an image, whose luma is given.
    pub(crate) fn of(image: &Image, luma: &Luma) -> Self {
        let bright = luma.percentile(0.9);
        let dark = otsu(&luma.histogram);
        let (mut light, mut lit) = ([0_u64; 3], 0_u64);
        let mut stained = [[0_u32; 256]; 3];
        for (rgb, value) in image.pixels().as_chunks::<3>().0.iter().zip(&luma.pixels) {
            if *value >= bright {
                lit += 1;
                for (sum, level) in light.iter_mut().zip(rgb) {
                    *sum += u64::from(*level);
                }
            }
            if *value < dark {
                for (histogram, level) in stained.iter_mut().zip(rgb) {
                    histogram[usize::from(*level)] += 1;
                }
            }
        }
        let background = light.map(|sum| sum as f64 / lit.max(1) as f64);
        let density = [0, 1, 2].map(|c| optical_density(&stained[c], background[c]));
        let length = density.iter().map(|density| density * density).sum::<f64>().sqrt();
        Self { background, stain: density.map(|density| density / length.max(1e-9)) }
    }
}

/// Sum of the optical densities (natural logarithm, Beer and Lambert) of a channel's pixels against the
/// background.
fn optical_density(histogram: &[u32; 256], background: f64) -> f64 {
    let density = |level: usize| ((background + 1.0) / (level as f64 + 1.0)).ln().max(0.0);
    histogram
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(level, count)| f64::from(*count) * density(level))
        .sum()
}

/// The level that parts a histogram into two with the greatest variance between them (Otsu, 1979): below it
/// is dark.
fn otsu(histogram: &[u32; 256]) -> u8 {
    let moment = |(level, count): (usize, &u32)| level as f64 * f64::from(*count);
    let count: f64 = histogram.iter().map(|count| f64::from(*count)).sum();
    let total: f64 = histogram.iter().enumerate().map(moment).sum();
    let (mut below, mut sum) = (0.0, 0.0);
    let mut best = (0.0, 0);
    for (level, n) in histogram.iter().enumerate().take(255) {
        below += f64::from(*n);
        sum += moment((level, n));
        let above = count - below;
        if below > 0.0 && above > 0.0 {
            let between = (sum / below - (total - sum) / above).powi(2) * below * above;
            if between > best.0 {
                best = (between, level as u8 + 1);
            }
        }
    }
    best.1
}
