//! Elastic deformation: the smear stretched here and pressed there.

use crate::image_op::{Fill, ImageOp, signed_unit, warp};
use crate::rng::Rng;
use crate::sample::Image;

/// Moves every point by a smooth random field, by up to `0.1 strength` of the shorter side along each axis.
///
/// The field is a cubic B-spline over a grid of random displacements, [`CELLS`] to a side (Rueckert et al.,
/// IEEE TMI 1999), which is as smooth as the blurred noise of Simard et al. (ICDAR 2003) and far quicker to
/// draw.
pub(crate) struct Elastic(pub(crate) Fill);

/// Cells of the grid along each side.
const CELLS: usize = 5;
/// Displacements along each side: the spline of a cell reaches one beyond it and two before.
const POINTS: usize = CELLS + 3;

/// Shares of four neighbouring points at `t` of the way between the inner two.
fn spline(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [(1.0 - t).powi(3), 3.0 * t3 - 6.0 * t2 + 4.0, -3.0 * t3 + 3.0 * t2 + 3.0 * t + 1.0, t3]
        .map(|share| share / 6.0)
}

/// The first of four points around pixel `at` of `side`, and their shares.
fn place(at: usize, side: usize) -> (usize, [f32; 4]) {
    let position = (at as f32 + 0.5) / side as f32 * CELLS as f32;
    let first = (position as usize).min(CELLS - 1);
    (first, spline(position - first as f32))
}

impl ImageOp for Elastic {
    fn name(&self) -> &'static str {
        "elastic"
    }

    fn about(&self) -> &'static str {
        "move every point by a smooth random field, up to 0.1 of the side at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let (width, height) = (image.width(), image.height());
        let reach = 0.1 * strength.clamp(0.0, 1.0) * width.min(height) as f32;
        let grid: [[[f32; 2]; POINTS]; POINTS] =
            std::array::from_fn(|_| std::array::from_fn(|_| [0.0; 2].map(|_: f32| reach * signed_unit(rng))));
        let columns: Vec<(usize, [f32; 4])> = (0..width).map(|x| place(x, width)).collect();
        warp::warp(image, self.0, |y, positions| {
            let (row, shares) = place(y as usize, height);
            let line: [[f32; 2]; POINTS] = std::array::from_fn(|point| {
                [0, 1].map(|axis| (0..4).map(|i| shares[i] * grid[row + i][point][axis]).sum())
            });
            for ((x, position), (column, shares)) in positions.iter_mut().enumerate().zip(&columns) {
                let moved = |axis: usize| (0..4).map(|i| shares[i] * line[column + i][axis]).sum::<f32>();
                *position = [warp::steps(x as f32 + moved(0)), warp::steps(y + moved(1))];
            }
        });
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_the_spline_make_a_whole() {
        for t in [0.0, 0.3, 1.0] {
            assert!((spline(t).iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }
}
