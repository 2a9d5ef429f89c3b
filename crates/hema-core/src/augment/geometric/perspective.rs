//! The picture plane tilted: each corner moves on its own.

use crate::image_op::{Fill, ImageOp, signed_unit, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Reads each corner of the result from a point up to `0.25 strength` of the sides away from it, and what
/// lies between in the perspective that this gives.
pub(crate) struct Perspective(pub(crate) Fill);

/// Reads the corners of the result (upper left, upper right, lower right, lower left) from four points, given
/// as shares of the width and height.
fn perspective(image: &mut Image, [p0, p1, p2, p3]: [[f32; 2]; 4], fill: Fill) {
    let sides = [image.width(), image.height()].map(|side| side.saturating_sub(1).max(1) as f32);
    // the square on a quadrilateral (Heckbert, Fundamentals of Texture Mapping, 1989, section 2.2.3)
    let sum = [0, 1].map(|i| p0[i] - p1[i] + p2[i] - p3[i]);
    let (d1, d2) = ([0, 1].map(|i| p1[i] - p2[i]), [0, 1].map(|i| p3[i] - p2[i]));
    let area = d1[0] * d2[1] - d2[0] * d1[1];
    let g = (sum[0] * d2[1] - d2[0] * sum[1]) / area;
    let h = (d1[0] * sum[1] - sum[0] * d1[1]) / area;
    warp::warp(image, fill, |y, positions| {
        let v = y / sides[1];
        for (x, position) in positions.iter_mut().enumerate() {
            let u = x as f32 / sides[0];
            let depth = g * u + h * v + 1.0;
            let along = |i: usize| {
                let flat = (p1[i] - p0[i] + g * p1[i]) * u + (p3[i] - p0[i] + h * p3[i]) * v + p0[i];
                warp::steps(flat / depth * sides[i])
            };
            *position = [along(0), along(1)];
        }
    });
}

impl ImageOp for Perspective {
    fn name(&self) -> &'static str {
        "perspective"
    }

    fn about(&self) -> &'static str {
        "tilt the picture plane: each corner moves by up to 0.25 of the sides at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let reach = 0.25 * strength.clamp(0.0, 1.0);
        let corners = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        perspective(image, corners.map(|corner| corner.map(|at| at + reach * signed_unit(rng))), self.0);
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}
