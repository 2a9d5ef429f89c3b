//! How much detail a picture really has, whatever its size: one that was enlarged has no more than before.

use crate::audit::measurements::quality::Luma;
use crate::sample::Image;

/// Most rows, and as many columns, that are looked at.
const LINES: usize = 32;
/// Most pixels of a line that are looked at.
const LONGEST: usize = 512;
/// Powers, in squared levels of luma, that a frequency must have to be told from what rounding and
/// compression leave. The lower is passed by the compression of heavily compressed files, the higher is
/// missed by soft pictures: their geometric mean is right for both.
const POWERS: [f64; 2] = [1.0, 3.0];

/// Cycles along a side up to which a picture shows anything. Pictures of one scene have the more of them the
/// larger they were taken; enlarging a picture leaves them as they are. At least 1.
pub(crate) fn cycles(image: &Image) -> f64 {
    let luma = Luma::of(image);
    let (width, height) = (image.width(), image.height());
    let length = width.min(height).min(LONGEST);
    let row = |y: usize, x: usize| luma.pixels[y * width + x];
    let rows = power(length, width, height, row);
    let columns = power(length, height, width, |line, i| row(i, line));
    let highest = |least: f64| {
        let both = rows.iter().zip(&columns).map(|(r, c)| f64::midpoint(*r, *c));
        let last = both.enumerate().rfind(|(_, power)| *power > least);
        last.map_or(1, |(frequency, _)| frequency + 1) as f64
    };
    let side = ((width * height) as f64).sqrt();
    POWERS.map(highest).into_iter().product::<f64>().sqrt() * side / length.max(1) as f64
}

/// The mean power of lines at every frequency from 1 on, of the middle `length` pixels of some lines. Lines
/// are `long` and there are `count`; the value of a pixel is asked for by line and place.
fn power(length: usize, long: usize, count: usize, pixel: impl Fn(usize, usize) -> u8) -> Vec<f64> {
    let window: Vec<f64> = (0..length)
        .map(|i| 0.5 - 0.5 * (std::f64::consts::TAU * (i as f64 + 0.5) / length as f64).cos())
        .collect();
    let energy: f64 = window.iter().map(|w| w * w).sum();
    let start = (long - length) / 2;
    let lines = count.min(LINES);
    let mut power = vec![0.0; length / 2];
    let cosines: Vec<f64> =
        (0..length).map(|i| (std::f64::consts::TAU * i as f64 / length as f64).cos()).collect();
    for line in 0..lines {
        let line = (2 * line + 1) * count / (2 * lines);
        let levels: Vec<f64> = (0..length).map(|i| f64::from(pixel(line, start + i))).collect();
        let mean = levels.iter().sum::<f64>() / length as f64;
        let seen: Vec<f64> = levels.iter().zip(&window).map(|(level, w)| (level - mean) * w).collect();
        for (frequency, power) in power.iter_mut().enumerate() {
            let (mut even, mut odd) = (0.0, 0.0);
            // a quarter turn further, the cosine is the sine
            let (mut angle, quarter) = (0, 3 * length / 4);
            for value in &seen {
                even += value * cosines[angle];
                odd += value * cosines[(angle + quarter) % length];
                angle = (angle + frequency + 1) % length;
            }
            *power += (even * even + odd * odd) / (energy * lines as f64);
        }
    }
    power
}
