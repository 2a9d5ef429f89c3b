//! The lens out of focus: every point becomes a disc.

use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::Border;
use crate::image_op::kernel::{Kernel, Point};
use crate::image_op::raster::Raster;
use crate::image_op::{ImageOp, cut};
use crate::rng::Rng;
use crate::sample::Image;

/// Averages over a disc: radius 6 pixels of 224 at strength 1.
///
/// `BloodMNIST-C` also smooths the disc, by a Gaussian of a tenth of a pixel and less, which changes nothing.
pub(crate) struct DefocusBlur;

/// The disc's radius in pixels of 224, from no corruption to severity 5.
const RADIUS: [f32; 6] = [0.0, 2.0, 3.0, 4.0, 5.0, 6.0];

impl ImageOp for DefocusBlur {
    fn name(&self) -> &'static str {
        "defocus-blur"
    }

    fn about(&self) -> &'static str {
        "out of focus: a disc of radius 6 at severity 5, in pixels of 224"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        defocus(image, at_strength(RADIUS, strength), 0.0);
    }
}

/// Averages over a disc, its radius and the deviation of the Gaussian that smooths its rim in pixels of 224.
///
/// The disc is that of the references at 224 pixels, whole pixels no further than the radius, and scaled for
/// other sizes.
pub(crate) fn defocus(image: &mut Image, radius: f32, smooth: f32) {
    Kernel::scaled(&disc(radius, smooth), pixel_at_224(image))
        .convolve(&Raster::of(image), Border::Mirror)
        .write(image, cut);
}

/// The weights of a disc. A smooth one is cut off at a distance of 8 or its radius and mirrored there, as in
/// `ImageNet-C`, so a large one sums to a little more than 1: 1.013 for a radius of 8.
fn disc(radius: f32, smooth: f32) -> Vec<Point> {
    let side = radius.ceil().max(8.0) as i32;
    let inside = |[x, y]: [i32; 2]| (x * x + y * y) as f32 <= radius * radius;
    let grid = |reach: i32| (-reach..=reach).flat_map(move |y| (-reach..=reach).map(move |x| [x, y]));
    let count = grid(side).filter(|offset| inside(*offset)).count() as f32;

    let reach = if smooth == 0.0 { 0 } else { 1 + i32::from(radius > 8.0) };
    let density =
        |offset: i32| if offset == 0 { 1.0 } else { (-0.5 * (offset as f32 / smooth).powi(2)).exp() };
    let total: f32 = (-reach..=reach).map(density).sum();
    let mirrored = |i: i32| i.signum() * (i.abs() - 2 * (i.abs() - side).max(0));
    let weight = |[x, y]: [i32; 2]| {
        let near = grid(reach).filter(|[dx, dy]| inside([mirrored(x + dx), mirrored(y + dy)]));
        near.map(|[dx, dy]| density(dx) * density(dy)).sum::<f32>() / (total * total * count)
    };
    let points = grid(side).map(|offset| (offset, weight(offset)));
    points.filter(|(_, weight)| *weight > 0.0).collect()
}
