//! The surface cells are drawn on, and the random texture that makes them uneven.
//!
//! Positions are fractions of the image's side, so that a cell looks alike at every size. Edges are
//! anti-aliased by how much of a pixel lies inside, taken from the distance to the edge.

use rand::RngExt as _;

use crate::image_op::{normal, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// A colour, 0 to 255 each for red, green and blue.
pub(super) type Rgb = [f32; 3];

/// `a` at 0, `b` at 1, linear between.
#[inline]
pub(super) fn mix(a: Rgb, b: Rgb, share: f32) -> Rgb {
    std::array::from_fn(|i| a[i] + share * (b[i] - a[i]))
}

/// 0 below `from`, 1 above `to`, smooth between.
#[inline]
pub(super) fn smoothstep(from: f32, to: f32, value: f32) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A square of colours in the making.
pub(super) struct Canvas {
    size: usize,
    pixels: Vec<Rgb>,
}

impl Canvas {
    /// A canvas of one colour, at least one pixel wide.
    pub(super) fn new(size: usize, colour: Rgb) -> Self {
        let size = size.max(1);
        Self { size, pixels: vec![colour; size * size] }
    }

    /// Changes the pixels within `reach` of a point: `shade` turns a position and the colour there into a
    /// colour and a depth, positive inside the shape and measured from its edge.
    #[inline]
    pub(super) fn paint(
        &mut self,
        [x, y]: [f32; 2],
        reach: f32,
        shade: impl Fn([f32; 2], Rgb) -> (Rgb, f32),
    ) {
        let size = self.size as f32;
        let span = |centre: f32| {
            let from = ((centre - reach) * size - 1.0).max(0.0) as usize;
            let to = ((centre + reach) * size + 1.0).clamp(0.0, size) as usize;
            from..to.max(from)
        };
        for row in span(y) {
            for column in span(x) {
                let pixel = &mut self.pixels[row * self.size + column];
                let position = [(column as f32 + 0.5) / size, (row as f32 + 0.5) / size];
                let (colour, depth) = shade(position, *pixel);
                let covered = (depth * size + 0.5).clamp(0.0, 1.0);
                *pixel = mix(*pixel, colour, covered);
            }
        }
    }

    /// Paints a disc of one colour.
    pub(super) fn dot(&mut self, centre: [f32; 2], radius: f32, colour: Rgb, opacity: f32) {
        self.paint(centre, radius, |[x, y], under| {
            let depth = radius - (x - centre[0]).hypot(y - centre[1]);
            (mix(under, colour, opacity), depth)
        });
    }

    /// Blurs by a near-Gaussian of that standard deviation, a fraction of the side.
    pub(super) fn blur(&mut self, deviation: f32) {
        let mut variance = (deviation * self.size as f32).powi(2);
        // one pass of the weights (w, 1 - 2w, w) adds a variance of 2w
        while variance > 0.01 {
            let weight = (variance / 2.0).min(0.25);
            for start in 0..self.size {
                blur_line(&mut self.pixels, start * self.size, 1, self.size, weight);
                blur_line(&mut self.pixels, start, self.size, self.size, weight);
            }
            variance -= 2.0 * weight;
        }
    }

    /// The finished image, with the noise of a sensor: normal, of that standard deviation in grey levels.
    pub(super) fn into_image(self, noise: f32, rng: &mut Rng) -> Image {
        let mut image = Image::filled(self.size, self.size, [0; 3]);
        for (value, colour) in image.pixels_mut().iter_mut().zip(self.pixels.as_flattened()) {
            *value = to_byte(colour + noise * normal(rng));
        }
        image
    }
}

/// Blurs one row or column in place; the border pixel stands in for those beyond.
fn blur_line(pixels: &mut [Rgb], start: usize, stride: usize, count: usize, weight: f32) {
    let mut before = pixels[start];
    for i in 0..count {
        let here = pixels[start + i * stride];
        let after = pixels[start + (i + 1).min(count - 1) * stride];
        pixels[start + i * stride] =
            std::array::from_fn(|c| here[c] + weight * (before[c] - 2.0 * here[c] + after[c]));
        before = here;
    }
}

/// Smooth random unevenness: random numbers on a grid, interpolated.
pub(super) struct Texture {
    grid: Box<[f32; Texture::SIDE * Texture::SIDE]>,
}

impl Texture {
    const SIDE: usize = 32;

    pub(super) fn new(rng: &mut Rng) -> Self {
        Self { grid: Box::new(std::array::from_fn(|_| rng.random())) }
    }

    /// A number from 0 to 1 at a position, with `frequency` grid steps to the side of the image.
    #[inline]
    pub(super) fn at(&self, [x, y]: [f32; 2], frequency: f32) -> f32 {
        // the offset keeps positions left of and above the image positive
        let (x, y) = (x * frequency + Self::SIDE as f32 * 4.0, y * frequency + Self::SIDE as f32 * 4.0);
        let (column, row) = (x as usize, y as usize);
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let (tx, ty) = (ease(x - column as f32), ease(y - row as f32));
        let grid = |dx, dy| self.grid[(row + dy) % Self::SIDE * Self::SIDE + (column + dx) % Self::SIDE];
        let upper = grid(0, 0) + tx * (grid(1, 0) - grid(0, 0));
        let lower = grid(0, 1) + tx * (grid(1, 1) - grid(0, 1));
        upper + ty * (lower - upper)
    }
}
