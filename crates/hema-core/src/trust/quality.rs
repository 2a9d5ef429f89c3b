//! How a picture is as a picture, whatever it shows: light, contrast, colour, sharpness, noise. Each number
//! is a mean of simple operations over the pixels as a network is shown them, so that an exported graph can
//! compute it too.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::sample::Image;

/// Statistics of a picture, in the order of [`STATISTICS`].
pub type Statistics = [f32; STATISTICS.len()];

/// Names of the statistics: what is larger in a picture of which it is larger.
pub const STATISTICS: [&str; 11] = [
    "light",
    "contrast",
    "saturation",
    "detail",
    "grain",
    "grain against detail",
    "clipping",
    "unevenness",
    "direction",
    "red against green",
    "blue against green",
];

/// Levels, of 0 to 255, at or beyond which a value is clipped.
pub const CLIPPED: [u8; 2] = [2, 253];
/// Added to what a logarithm is taken of, on a scale of 0 to 1.
pub const SMALL: f64 = 1e-3;
/// Standard deviations within which a statistic says nothing.
pub const USUAL: f32 = 1.0;
/// Largest number of standard deviations beyond that.
pub const MOST_DEVIATIONS: f32 = 1e6;
/// Shares of red, green and blue in the light of a pixel.
pub const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
/// The share of either side that a corner takes, as a divisor.
pub const CORNER: usize = 8;

/// Measures a picture.
#[allow(clippy::many_single_char_names)] // columns, rows and colours
pub fn measure(image: &Image) -> Statistics {
    let (w, h) = (image.width(), image.height());
    let luma: Vec<f32> = image
        .pixels()
        .as_chunks::<3>()
        .0
        .iter()
        .map(|[r, g, b]| {
            (LUMA[0] * f32::from(*r) + LUMA[1] * f32::from(*g) + LUMA[2] * f32::from(*b)) / 255.0
        })
        .collect();
    let plane = Plane { luma: &luma, w, h };
    let light = mean(luma.iter().map(|v| f64::from(*v)));
    let contrast = mean(luma.iter().map(|v| (f64::from(*v) - light).powi(2))).sqrt();
    let detail = (plane.mean_abs(Plane::laplacian) + SMALL).ln();
    let grain = (plane.mean_abs(Plane::immerkaer) + SMALL).ln();
    let along = (plane.mean_abs(|p, x, y| p.at(x + 1, y) - p.at(x - 1, y)) + SMALL).ln();
    let across = (plane.mean_abs(|p, x, y| p.at(x, y + 1) - p.at(x, y - 1)) + SMALL).ln();
    let colours = Colours::of(image);
    [
        light,
        contrast,
        colours.saturation,
        detail,
        grain,
        grain - detail,
        (colours.clipped + SMALL).ln(),
        plane.unevenness(),
        (along - across).abs(),
        colours.red_against_green,
        colours.blue_against_green,
    ]
    .map(|value| value as f32)
}

struct Plane<'a> {
    luma: &'a [f32],
    w: usize,
    h: usize,
}

impl Plane<'_> {
    fn at(&self, x: usize, y: usize) -> f32 {
        self.luma[y * self.w + x]
    }

    /// Mean absolute value over the inner pixels of a picture; 0 where it has none.
    fn mean_abs(&self, value: impl Fn(&Self, usize, usize) -> f32) -> f64 {
        let rows = 1..self.h.saturating_sub(1).max(1);
        let value = &value;
        mean(rows.flat_map(|y| {
            (1..self.w.saturating_sub(1).max(1)).map(move |x| f64::from(value(self, x, y).abs()))
        }))
    }

    fn laplacian(&self, x: usize, y: usize) -> f32 {
        4.0 * self.at(x, y) - self.at(x - 1, y) - self.at(x + 1, y) - self.at(x, y - 1) - self.at(x, y + 1)
    }

    /// The difference of two Laplacians, which edges cancel in and noise does not (Immerkaer, 1996).
    fn immerkaer(&self, x: usize, y: usize) -> f32 {
        let corners =
            self.at(x - 1, y - 1) + self.at(x + 1, y - 1) + self.at(x - 1, y + 1) + self.at(x + 1, y + 1);
        let sides = self.at(x, y - 1) + self.at(x, y + 1) + self.at(x - 1, y) + self.at(x + 1, y);
        corners - 2.0 * sides + 4.0 * self.at(x, y)
    }

    /// By how much the mean light of the four corners, each an eighth of either side, differs.
    fn unevenness(&self) -> f64 {
        let (w, h) = ((self.w / CORNER).max(1), (self.h / CORNER).max(1));
        let corner = |x0: usize, y0: usize| {
            mean((y0..y0 + h).flat_map(|y| (x0..x0 + w).map(move |x| f64::from(self.at(x, y)))))
        };
        let (right, bottom) = (self.w - w, self.h - h);
        let corners = [corner(0, 0), corner(right, 0), corner(0, bottom), corner(right, bottom)];
        let (low, high) =
            corners.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
        high - low
    }
}

struct Colours {
    saturation: f64,
    clipped: f64,
    red_against_green: f64,
    blue_against_green: f64,
}

impl Colours {
    fn of(image: &Image) -> Self {
        let (mut spread, mut clipped, mut red, mut blue) = (0_u64, 0_u64, 0_i64, 0_i64);
        let pixels = image.pixels().as_chunks::<3>().0;
        for rgb in pixels {
            let [r, g, b] = rgb.map(i64::from);
            spread += (r.max(g).max(b) - r.min(g).min(b)) as u64;
            clipped += rgb.iter().filter(|v| **v <= CLIPPED[0] || **v >= CLIPPED[1]).count() as u64;
            red += r - g;
            blue += b - g;
        }
        let levels = 255.0 * pixels.len() as f64;
        Self {
            saturation: spread as f64 / levels,
            clipped: clipped as f64 / (3 * pixels.len()) as f64,
            red_against_green: red as f64 / levels,
            blue_against_green: blue as f64 / levels,
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// What the pictures were like that a model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Usual {
    /// Median of each statistic.
    pub(super) centre: Vec<f32>,
    /// Its standard deviation, estimated robustly, above 0.
    pub(super) spread: Vec<f32>,
}

impl Usual {
    /// The middle and spread of pictures, at least one.
    pub(super) fn of(pictures: &[Statistics]) -> Self {
        let column = |i: usize| {
            let mut values: Vec<f32> = pictures.iter().map(|picture| picture[i]).collect();
            values.sort_by(f32::total_cmp);
            let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
            // of a normal distribution, these quantiles lie two standard deviations apart
            (at(0.5), ((at(0.841) - at(0.159)) / 2.0).max(1e-4))
        };
        let (centre, spread) = (0..STATISTICS.len()).map(column).unzip();
        Self { centre, spread }
    }

    /// # Errors
    /// Another number of statistics, or a spread that is none.
    pub(super) fn check(&self) -> Result<()> {
        let sound = |values: &[f32]| values.len() == STATISTICS.len() && values.iter().all(|v| v.is_finite());
        if sound(&self.centre) && sound(&self.spread) && self.spread.iter().all(|v| *v > 0.0) {
            return Ok(());
        }
        Err(Error::new(format!(
            "statistics of pictures {:?} and {:?} (expected {} numbers each, and spreads above 0)",
            self.centre,
            self.spread,
            STATISTICS.len()
        )))
    }

    /// How far a picture is from what is usual in all statistics together: 0 for one that is usual in each.
    pub(super) fn distance(&self, picture: &Statistics) -> f32 {
        let beyond = |i: usize| (self.deviation(picture, i).abs() - USUAL).clamp(0.0, MOST_DEVIATIONS);
        (0..STATISTICS.len()).map(|i| beyond(i) * beyond(i)).sum::<f32>().ln_1p()
    }

    /// By how many standard deviations a statistic of a picture is beyond the middle.
    fn deviation(&self, picture: &Statistics, i: usize) -> f32 {
        (picture[i] - self.centre[i]) / self.spread[i]
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::rng::{Purpose, stream};
    use crate::synthetic;

    fn changed(image: &Image, change: impl Fn(f32, usize, usize) -> f32) -> Image {
        let (w, mut image) = (image.width(), image.clone());
        for (i, level) in image.pixels_mut().iter_mut().enumerate() {
            *level = change(f32::from(*level), i / 3 % w, i / 3 / w).clamp(0.0, 255.0) as u8;
        }
        image
    }

    #[test]
    fn each_statistic_rises_with_what_it_is_named_after() {
        let cell = synthetic::images(&[1; 8], 64, 7).remove(3).1;
        let mut rng = stream(1, Purpose::Synthetic, 0, 0);
        let noise: Vec<f32> = (0..64 * 64).map(|_| 20.0 * (rng.random::<f32>() - 0.5)).collect();
        let own = measure(&cell);
        let rises = |name: &str, image: &Image| {
            let i = STATISTICS.iter().position(|known| *known == name).unwrap();
            let found = measure(image)[i];
            assert!(found > own[i] + 1e-3, "{name}: {} to {found}", own[i]);
        };
        rises("light", &changed(&cell, |v, _, _| v + 15.0));
        rises("contrast", &changed(&cell, |v, _, _| 1.4 * (v - 128.0) + 128.0));
        let noisy = changed(&cell, |v, x, y| v + noise[y * 64 + x]);
        rises("grain", &noisy);
        rises("detail", &noisy);
        rises("clipping", &changed(&cell, |v, _, _| 1.6 * v));
        rises("unevenness", &changed(&cell, |v, x, _| v * (1.0 - x as f32 / 128.0)));
        rises("direction", &changed(&cell, |v, x, _| v + if x % 4 < 2 { 12.0 } else { -12.0 }));
    }

    #[test]
    fn pictures_of_a_pixel_have_statistics() {
        for (w, h) in [(1, 1), (2, 5), (3, 1)] {
            assert!(measure(&Image::filled(w, h, [9, 200, 255])).iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn what_is_usual_departs_by_nothing() {
        let pictures: Vec<Statistics> =
            synthetic::images(&[8; 8], 48, 7).iter().map(|(_, image, _)| measure(image)).collect();
        let usual = Usual::of(&pictures);
        usual.check().unwrap();
        assert_eq!(usual.distance(&usual.centre.clone().try_into().unwrap()), 0.0);
        let distance = |level: u8| usual.distance(&measure(&Image::filled(48, 48, [level; 3])));
        assert!(distance(0) > distance(60) && distance(60) > 2.0, "{} {}", distance(0), distance(60));
        assert!(pictures.iter().map(|picture| usual.distance(picture)).sum::<f32>() / 64.0 < 2.0);
        assert!(Usual { centre: vec![0.0], spread: vec![1.0] }.check().is_err());
    }
}
