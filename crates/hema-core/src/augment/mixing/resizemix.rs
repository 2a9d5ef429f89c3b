//! `ResizeMix`: the whole other image, made smaller.

use rand::RngExt as _;

use super::mix::{Mix, MixSettings, paste};
use crate::preprocess::{Filter, resize};
use crate::rng::Rng;
use crate::sample::Image;

/// Smallest and largest side of the small image, as a share of the side, drawn evenly (the paper's choice).
const SCALE: std::ops::Range<f32> = 0.1..0.8;

/// The other image at an even place inside; unlike a box cut out of it, it always shows its cell (Qin et al.,
/// arXiv 2012.11101).
pub(super) const RESIZEMIX: Mix = Mix {
    name: "resizemix",
    about: "another image of the batch, made smaller: 10 to 80 % of the side (Qin et al., 2020)",
    alpha: None,
    apply: resizemix,
};

fn resizemix(image: &mut Image, other: &Image, _: &MixSettings, rng: &mut Rng) -> f32 {
    let scale = rng.random_range(SCALE);
    let [width, height] = [image.width(), image.height()].map(|side| ((side as f32 * scale) as usize).max(1));
    let place = [rng.random_range(0..=image.width() - width), rng.random_range(0..=image.height() - height)];
    // an image that cannot be resized is not mixed in
    let Ok(small) = resize(other, width, height, Filter::Bilinear) else { return 0.0 };
    paste(image, place, &small, [0, 0], [width, height]);
    (width * height) as f32 / (image.width() * image.height()) as f32
}
