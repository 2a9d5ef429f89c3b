//! Drops of liquid on the lens: water at severities 1 to 3, mud at 4 and 5.

use crate::corrupt::severity::{at_strength, pixel_at_224};
use crate::image_op::raster::Raster;
use crate::image_op::{ImageOp, cut, normal};
use crate::rng::Rng;
use crate::sample::Image;

/// Covers the pixels that a smooth random field lifts above a threshold (`ImageNet-C`).
///
/// Mud is that of the reference. Water there is lit by the distance from its edge; here by the slope of its
/// surface, with the same mean brightness.
pub(crate) struct Spatter;

/// The threshold in standard deviations of the field above its mean, from no corruption to severity 5.
const THRESHOLD: [f32; 6] = [6.0, 1.89, 1.06, 0.71, 0.0, -0.18];
/// The deviation of the Gaussian that makes the field smooth, in pixels of 224.
const SMOOTH: [f32; 6] = [4.0, 4.0, 3.0, 2.0, 1.0, 1.0];
/// Deviation for the edge of mud; only pixels that it leaves above 0.8 are mud.
const EDGE: f32 = 1.5;
/// How bright the water is.
const BRIGHT: [f32; 6] = [0.6, 0.6, 0.6, 0.5, 0.5, 0.5];
/// The strength above which the drops are mud.
const MUD: f32 = 0.6;
const WATER_COLOUR: [f32; 3] = [175.0, 238.0, 238.0];
const MUD_COLOUR: [f32; 3] = [63.0, 42.0, 20.0];

impl ImageOp for Spatter {
    fn name(&self) -> &'static str {
        "spatter"
    }

    fn about(&self) -> &'static str {
        "drops on the lens: water up to severity 3, mud on a fifth of the image at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        if strength <= 0.0 {
            return;
        }
        // no drop is smaller than the pixels can show
        let pixel = pixel_at_224(image).max(0.7);
        let smooth = at_strength(SMOOTH, strength) * pixel;
        let threshold = at_strength(THRESHOLD, strength);
        let mut field = Raster::made(image.width(), image.height(), || normal(rng));
        field.gaussian(smooth, 4.0);
        // white noise keeps this share of its deviation
        let left = 1.0 / (2.0 * std::f32::consts::PI.sqrt() * smooth);
        for value in &mut field.values {
            *value = *value / left - threshold;
        }

        if strength <= MUD + 1e-3 {
            water(image, &field, at_strength(BRIGHT, strength), pixel);
        } else {
            for value in &mut field.values {
                *value = if *value > 0.0 { 1.0 } else { 0.0 };
            }
            field.gaussian(EDGE * pixel, 4.0);
            mud(image, &field);
        }
    }
}

/// Adds light where the field is above 0, by the slope of the drop there.
fn water(image: &mut Image, field: &Raster, bright: f32, pixel: f32) {
    let pixels = image.pixels_mut().as_chunks_mut::<3>().0;
    for (i, height) in field.values.iter().enumerate().filter(|(_, height)| **height > 0.0) {
        // the light comes from the upper left
        let before = if i % field.width > 0 { i.saturating_sub(field.width + 1) } else { i };
        let slope = (height - field.values[before]) / pixel;
        let light = bright * (0.02 + 1.1 * slope).clamp(0.02, 1.0);
        for (value, water) in pixels[i].iter_mut().zip(WATER_COLOUR) {
            *value = cut(f32::from(*value) + light * water);
        }
    }
}

/// Covers the pixels above 0.8.
fn mud(image: &mut Image, cover: &Raster) {
    for (pixel, cover) in image.pixels_mut().as_chunks_mut::<3>().0.iter_mut().zip(&cover.values) {
        if *cover >= 0.8 {
            for (value, mud) in pixel.iter_mut().zip(MUD_COLOUR) {
                *value = cut(f32::from(*value) + cover * (mud - f32::from(*value)));
            }
        }
    }
}
