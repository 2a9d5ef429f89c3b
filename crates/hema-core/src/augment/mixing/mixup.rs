//! `MixUp`: the two images shine through each other.

use super::mix::{Mix, MixSettings};
use crate::image_op::to_byte;
use crate::rng::Rng;
use crate::sample::Image;

/// Pixel by pixel, a share of Beta(alpha, alpha) of the other image (Zhang et al., ICLR 2018).
pub(super) const MIXUP: Mix = Mix {
    name: "mixup",
    about: "a share of another image of the batch in every pixel (Zhang et al., 2018)",
    alpha: Some(0.2),
    apply: mixup,
};

fn mixup(image: &mut Image, other: &Image, settings: &MixSettings, rng: &mut Rng) -> f32 {
    let share = settings.share(rng);
    for (value, other) in image.pixels_mut().iter_mut().zip(other.pixels()) {
        let (from, to) = (f32::from(*value), f32::from(*other));
        *value = to_byte(from + share * (to - from));
    }
    share
}
