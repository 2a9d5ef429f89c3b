//! Stain jitter: more or less haematoxylin, eosin and residue than the smear really took.

use crate::image_op::{ImageOp, factor, inverse, signed_unit, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// Scales the amount of each of three stains by up to `0.5 strength` and shifts it by up to `0.1 strength`,
/// both either way.
///
/// Colours are taken apart into stains by the absorption of haematoxylin, eosin and a residue (Ruifrok and
/// Johnston, *Anal Quant Cytol Histol* 2001) and changed as by Tellez et al. (IEEE TMI 2018). Romanowsky
/// stains of blood are close to these: azure to haematoxylin, eosin to itself.
pub(crate) struct Stain;

/// Absorption of red, green and blue by a unit of haematoxylin, eosin and the residue.
const ABSORPTION: [[f32; 3]; 3] = [[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]];
/// Entries of the table of transmitted light to one unit of density.
const FINENESS: f32 = 512.0;
/// The density at which even white becomes black: -ln(1/256) and a little.
const OPAQUE: f32 = 5.6;

/// Scales and shifts the amounts of the three stains.
fn restain(image: &mut Image, scale: [f32; 3], shift: [f32; 3]) {
    let unmix = inverse(&ABSORPTION);
    // density -> stains -> changed stains -> density, as one matrix and one offset
    let matrix: [[f32; 3]; 3] = std::array::from_fn(|to| {
        std::array::from_fn(|from| (0..3).map(|s| unmix[from][s] * scale[s] * ABSORPTION[s][to]).sum())
    });
    let offset: [f32; 3] = std::array::from_fn(|to| (0..3).map(|s| shift[s] * ABSORPTION[s][to]).sum());
    let density: [f32; 256] = std::array::from_fn(|value| -((value + 1) as f32 / 256.0).ln());
    let light: Vec<u8> = (0..=(OPAQUE * FINENESS) as usize)
        .map(|i| to_byte(256.0 * (-(i as f32) / FINENESS).exp() - 1.0))
        .collect();
    for pixel in image.pixels_mut().as_chunks_mut::<3>().0 {
        let [r, g, b] = pixel.map(|value| density[usize::from(value)]);
        *pixel = std::array::from_fn(|to| {
            let row = &matrix[to];
            let density = row[0] * r + row[1] * g + row[2] * b + offset[to];
            light[(density.clamp(0.0, OPAQUE) * FINENESS + 0.5) as usize % light.len()]
        });
    }
}

impl ImageOp for Stain {
    fn name(&self) -> &'static str {
        "stain"
    }

    fn about(&self) -> &'static str {
        "more or less of the haematoxylin and eosin stains: times 0.5 to 1.5 at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let strength = strength.clamp(0.0, 1.0);
        if strength > 0.0 {
            let scale = [0.0; 3].map(|_: f32| factor(0.5 * strength, rng));
            let shift = [0.0; 3].map(|_: f32| 0.1 * strength * signed_unit(rng));
            restain(image, scale, shift);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_stains_leave_the_image_as_it_is() {
        let original =
            Image::new(16, 16, (0..=255).flat_map(|v: u8| [v, 255 - v, v / 2 + 60]).collect()).unwrap();
        let mut image = original.clone();
        restain(&mut image, [1.0; 3], [0.0; 3]);
        for (a, b) in image.pixels().iter().zip(original.pixels()) {
            assert!(a.abs_diff(*b) <= 1, "{a} from {b}");
        }
        restain(&mut image, [1.0; 3], [0.5, 0.0, 0.0]);
        let sum = |image: &Image| image.pixels().iter().map(|v| u32::from(*v)).sum::<u32>();
        assert!(sum(&image) < sum(&original), "more stain lets less light through");
    }
}
