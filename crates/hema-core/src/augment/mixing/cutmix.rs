//! `CutMix`: a box of the other image at its own place.

use rand::RngExt as _;

use super::mix::{Area, Mix, MixSettings, paste};
use crate::rng::Rng;
use crate::sample::Image;

/// A box around an even point, of the image's proportions and of a share of its area that is of Beta(alpha,
/// alpha); the part that would lie outside is cut off (Yun et al., ICCV 2019).
pub(super) const CUTMIX: Mix = Mix {
    name: "cutmix",
    about: "a box of another image of the batch, at the same place (Yun et al., 2019)",
    alpha: Some(1.0),
    apply: cutmix,
};

fn cutmix(image: &mut Image, other: &Image, settings: &MixSettings, rng: &mut Rng) -> f32 {
    let drawn = settings.share(rng);
    // start and length along an axis
    let mut span = |side: usize| {
        let half = (side as f32 * drawn.sqrt()) as usize / 2;
        let middle = rng.random_range(0..side);
        let start = middle.saturating_sub(half);
        (start, (middle + half).min(side) - start)
    };
    let ((x, width), (y, height)) = (span(image.width()), span(image.height()));
    paste(image, [x, y], other, [x, y], [width, height]);
    match settings.area {
        Area::Exact => (width * height) as f32 / (image.width() * image.height()) as f32,
        Area::Keras => drawn,
    }
}
