//! Random compositions of strong changes, like the hidden set of the founding challenge (AN2DL 2024).
//!
//! Nobody outside knows how that set was made; its entrants learned by trial that strong photometric,
//! geometric and occluding operators were used together. Each image gets two or three different operators of
//! [`OPERATORS`], in random order, each at a random parameter of its full range. Ranges are written here, not
//! taken from the augmentations: a change of those must not move this measure.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use crate::augment::geometric::{rotate::rotate, shear_x::shear_x, shear_y::shear_y, zoom::zoom};
use crate::augment::geometric::{translate_x::translate_x, translate_y::translate_y};
use crate::augment::occluding::{cutout::cutout, grid_mask::grid_mask};
use crate::augment::photometric::channel_shuffle::ChannelShuffle;
use crate::augment::photometric::{
    channel_shift::channel_shift, equalize::equalize, hue::hue, posterize::posterize, saturation::saturation,
    solarize::solarize,
};
use crate::corrupt::blur::defocus_blur::DefocusBlur;
use crate::corrupt::digital::jpeg::Jpeg;
use crate::corrupt::noise::gaussian_noise::GaussianNoise;
use crate::image_op::{Fill, ImageOp as _, brightness, contrast};
use crate::rng::Rng;
use crate::sample::Image;

/// How many operators an image gets, as likely.
const COUNTS: [usize; 2] = [2, 3];

/// One operator: its name among Hema's augmentations and corruptions, and its change here.
type StrongOp = (&'static str, fn(&mut Image, Fill, &mut Rng));

/// The operators that may meet an image.
pub(super) const OPERATORS: &[StrongOp] = &[
    ("hue", |image, _, rng| hue(image, rng.random_range(-180.0..180.0))),
    ("saturation", |image, _, rng| saturation(image, either(0.0..0.5, 1.5..3.0, rng))),
    ("brightness", |image, _, rng| brightness(image, either(0.3..0.7, 1.3..1.8, rng))),
    ("contrast", |image, _, rng| contrast(image, either(0.2..0.6, 1.4..2.5, rng))),
    ("channel-shift", |image, _, rng| {
        let shift = [0.0; 3].map(|_: f32| rng.random_range(-80.0..80.0));
        channel_shift(image, shift);
    }),
    ("channel-shuffle", |image, _, rng| ChannelShuffle.apply(image, 1.0, rng)),
    ("solarize", |image, _, rng| solarize(image, rng.random_range(32.0..224.0))),
    ("posterize", |image, _, rng| posterize(image, rng.random_range(1..=3))),
    ("equalize", |image, _, _| equalize(image, 1.0)),
    ("rotate", |image, fill, rng| rotate(image, rng.random_range(-180.0..180.0), fill)),
    ("shear-x", |image, fill, rng| shear_x(image, signed(0.15..0.5, rng), fill)),
    ("shear-y", |image, fill, rng| shear_y(image, signed(0.15..0.5, rng), fill)),
    ("translate-x", |image, fill, rng| {
        let share = signed(0.1..0.3, rng);
        translate_x(image, share * image.width() as f32, fill);
    }),
    ("translate-y", |image, fill, rng| {
        let share = signed(0.1..0.3, rng);
        translate_y(image, share * image.height() as f32, fill);
    }),
    ("zoom", |image, fill, rng| zoom(image, either(0.5..0.8, 1.25..1.6, rng), fill)),
    ("cutout", |image, _, rng| cutout(image, rng.random_range(0.25..0.5), Fill::Colour([0; 3]), rng)),
    ("grid-mask", |image, _, rng| grid_mask(image, 0.2..=0.5, Fill::Colour([0; 3]), rng)),
    ("gaussian-noise", |image, _, rng| GaussianNoise.apply(image, rng.random_range(0.5..1.0), rng)),
    ("defocus-blur", |image, _, rng| DefocusBlur.apply(image, rng.random_range(0.5..1.0), rng)),
    ("jpeg", |image, _, rng| Jpeg.apply(image, rng.random_range(0.5..1.0), rng)),
];

/// Changes one image.
pub(super) fn compose(image: &mut Image, rng: &mut Rng) {
    let count = COUNTS[rng.random_range(0..COUNTS.len())];
    let fill = [Fill::Colour([0; 3]), Fill::Reflect][rng.random_range(0..2)];
    let mut order: Vec<&StrongOp> = OPERATORS.iter().collect();
    let (chosen, _) = order.partial_shuffle(rng, count);
    for (_, change) in chosen {
        change(image, fill, rng);
    }
}

/// A number out of one of two ranges, as likely.
fn either(low: std::ops::Range<f32>, high: std::ops::Range<f32>, rng: &mut Rng) -> f32 {
    let range = if rng.random::<bool>() { high } else { low };
    rng.random_range(range)
}

/// A number of the range or its negative, as likely.
fn signed(range: std::ops::Range<f32>, rng: &mut Rng) -> f32 {
    either(-range.end..-range.start, range, rng)
}
