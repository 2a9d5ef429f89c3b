//! `TrivialAugment` in its wide space (Müller and Hutter, ICCV 2021): one operator, any strength.

use rand::RngExt as _;

use super::kind::{Choose, PolicyKind};
use super::levels::either_sign;
use super::settings::Settings;
use crate::augment::geometric::{rotate::rotate, shear_x::shear_x, shear_y::shear_y};
use crate::augment::geometric::{translate_x::translate_x, translate_y::translate_y};
use crate::augment::photometric::{
    autocontrast::autocontrast, equalize::equalize, posterize::posterize, saturation::saturation,
    sharpness::sharpness, solarize::solarize,
};
use crate::error::Result;
use crate::image_op::{Fill, brightness, contrast};
use crate::rng::Rng;
use crate::sample::Image;

/// `TrivialAugment`.
pub(super) const TRIVIAL: PolicyKind = PolicyKind {
    name: "trivial",
    about: "TrivialAugment (wide): one operator of 14 at any of 31 magnitudes",
    operators: &[
        "autocontrast",
        "equalize",
        "rotate",
        "posterize",
        "solarize",
        "saturation",
        "contrast",
        "brightness",
        "sharpness",
        "shear-x",
        "shear-y",
        "translate-x",
        "translate-y",
    ],
    make,
};

struct TrivialAugment;

/// Changes an image at a magnitude of 0 to 1, whose sign is that of the second number.
type SignedOp = fn(&mut Image, f32, f32, Fill);

/// Strengths between none and the strongest.
const STEPS: u32 = 30;

/// The operators in the paper's order; the second number is the magnitude with a random sign. Translations
/// reach 32 pixels.
const OPERATORS: [SignedOp; 14] = [
    |_, _, _, _| (),
    |image, _, signed, fill| shear_x(image, 0.99 * signed, fill),
    |image, _, signed, fill| shear_y(image, 0.99 * signed, fill),
    |image, _, signed, fill| translate_x(image, 32.0 * signed, fill),
    |image, _, signed, fill| translate_y(image, 32.0 * signed, fill),
    |image, _, signed, fill| rotate(image, 135.0 * signed, fill),
    |image, _, signed, _| brightness(image, 1.0 + 0.99 * signed),
    |image, _, signed, _| saturation(image, 1.0 + 0.99 * signed),
    |image, _, signed, _| contrast(image, 1.0 + 0.99 * signed),
    |image, _, signed, _| sharpness(image, 1.0 + 0.99 * signed),
    |image, magnitude, _, _| posterize(image, 8 - (6.0 * magnitude).round() as u32),
    |image, magnitude, _, _| solarize(image, 256.0 * (1.0 - magnitude)),
    |image, _, _, _| autocontrast(image, 1.0),
    |image, _, _, _| equalize(image, 1.0),
];

#[allow(clippy::unnecessary_wraps)] // the table's signature
fn make(_: &mut Settings) -> Result<Box<dyn Choose>> {
    Ok(Box::new(TrivialAugment))
}

impl Choose for TrivialAugment {
    fn apply(&self, image: &mut Image, fill: Fill, rng: &mut Rng) {
        let operator = OPERATORS[rng.random_range(0..OPERATORS.len())];
        let magnitude = rng.random_range(0..=STEPS) as f32 / STEPS as f32;
        operator(image, magnitude, either_sign(magnitude, rng), fill);
    }
}
