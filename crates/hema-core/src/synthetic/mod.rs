//! Synthetic blood cells.

use crate::rng::{Purpose, Rng, stream};
use crate::sample::Image;
use rayon::prelude::*;

/// The classes in `BloodMNIST`'s order.
pub const CLASSES: [&str; 8] =
    ["basophil", "eosinophil", "erythroblast", "ig", "lymphocyte", "monocyte", "neutrophil", "platelet"];

/// Draws one cell of a class (an index into [`CLASSES`]; a larger one counts as the last) at `size` x `size` pixels.
pub fn render(_class: usize, size: usize, _rng: &mut Rng) -> Image {
    Image::filled(size, size, [230, 210, 200])
}

/// Draws `counts[class]` cells of each class as `(path, image, label)`, class by class.
///
/// A cell depends on the seed and its place in its class alone: neither the thread count nor the other counts change it.
pub fn images(counts: &[usize; 8], size: usize, seed: u64) -> Vec<(String, Image, usize)> {
    let cells: Vec<(usize, usize)> =
        counts.iter().enumerate().flat_map(|(class, n)| (0..*n).map(move |i| (class, i))).collect();
    cells
        .into_par_iter()
        .map(|(class, index)| {
            let mut rng = stream(seed, Purpose::Synthetic, class as u64, index as u64);
            (format!("{}/{index:04}.png", CLASSES[class]), render(class, size, &mut rng), class)
        })
        .collect()
}
