//! Synthetic blood cells: a small procedural renderer, for tests, demonstrations and a first run without a
//! download.
//!
//! A picture is painted in layers from the back to the front: background, red cells, cytoplasm, vacuoles,
//! nucleus, granules; then focus and sensor. Stain, light, size, shape and texture vary from cell to cell,
//! and immature granulocytes, neutrophils and monocytes overlap a little, as they do under the microscope.
//!
//! Left out on purpose: diseases, artefacts and any claim to realism beyond the textbook's marks of each
//! class. A model trained on these cells has seen no real one.

mod canvas;
mod cell;
mod nucleus;
mod smear;

use rand::RngExt as _;
use rayon::prelude::*;

use crate::rng::{Purpose, Rng, stream};
use crate::sample::Image;
use canvas::Canvas;
use smear::Stain;

/// The classes in `BloodMNIST`'s order; `ig` is the immature granulocyte.
pub const CLASSES: [&str; 8] =
    ["basophil", "eosinophil", "erythroblast", "ig", "lymphocyte", "monocyte", "neutrophil", "platelet"];

/// Draws one cell of a class at `size` x `size` pixels.
///
/// The class is an index into [`CLASSES`]; a larger one counts as the last. A size of 0 counts as 1.
pub fn render(class: usize, size: usize, rng: &mut Rng) -> Image {
    let anatomy = &cell::ANATOMY[class.min(CLASSES.len() - 1)];
    let stain = Stain::new(rng);
    let radius = rng.random_range(anatomy.radius[0]..anatomy.radius[1]);
    let mut canvas = Canvas::new(size, stain.background());

    smear::draw_red_cells(&mut canvas, radius, rng);
    let centre = [rng.random_range(0.46..0.54), rng.random_range(0.46..0.54)];
    cell::draw_cell(&mut canvas, anatomy, radius, centre, &stain, rng);
    if rng.random::<f32>() < 0.12 {
        draw_stray_platelet(&mut canvas, &stain, rng);
    }

    canvas.blur(rng.random_range(0.001..0.01));
    canvas.into_image(rng.random_range(0.5..2.5), rng)
}

/// Draws a small platelet near a corner, so that its mere presence does not tell the class.
fn draw_stray_platelet(canvas: &mut Canvas, stain: &Stain, rng: &mut Rng) {
    let anatomy = &cell::ANATOMY[CLASSES.len() - 1];
    let mut corner = || if rng.random() { 0.1 } else { 0.9 };
    let centre = [corner(), corner()];
    cell::draw_cell(canvas, anatomy, 0.06, centre, stain, rng);
}

/// Draws `counts[class]` cells of each class, as `(path, image, label)`, class by class.
///
/// A cell depends on the seed, its class and its place in it alone: neither the thread count nor the other
/// counts change it. Paths read `neutrophil/0007.png`.
pub fn images(counts: &[usize; 8], size: usize, seed: u64) -> Vec<(String, Image, usize)> {
    let cells: Vec<(usize, usize)> =
        counts.iter().enumerate().flat_map(|(class, count)| (0..*count).map(move |i| (class, i))).collect();
    cells
        .into_par_iter()
        .map(|(class, index)| {
            let mut rng = stream(seed, Purpose::Synthetic, class as u64, index as u64);
            (format!("{}/{index:04}.png", CLASSES[class]), render(class, size, &mut rng), class)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size_and_class_can_be_drawn() {
        for size in [0, 1, 2, 7, 48] {
            for class in 0..=CLASSES.len() {
                let image = render(class, size, &mut stream(1, Purpose::Synthetic, 0, 0));
                assert_eq!((image.width(), image.height()), (size.max(1), size.max(1)));
            }
        }
    }

    #[test]
    fn a_cell_depends_on_neither_threads_nor_the_other_cells() {
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let few = one_thread.install(|| images(&[0, 0, 2, 0, 0, 0, 1, 0], 24, 5));
        let many = images(&[3; 8], 24, 5);
        assert_eq!(many.len(), 24);
        for cell in &few {
            assert!(many.contains(cell), "{} differs", cell.0);
        }
        assert_ne!(images(&[1; 8], 24, 6)[0].1, many[0].1);
    }
}
