//! `AutoAugment` (Cubuk et al., CVPR 2019): the policy that was learnt on `ImageNet`.

use rand::RngExt as _;

use super::kind::{Choose, PolicyKind};
use super::levels as l;
use super::settings::Settings;
use crate::error::Result;
use crate::image_op::Fill;
use crate::rng::Rng;
use crate::sample::Image;

/// `AutoAugment`'s policy for `ImageNet`.
pub(super) const ORIGINAL: PolicyKind = PolicyKind {
    name: "original",
    about: "AutoAugment's policy for ImageNet: one of 25 pairs of operators",
    operators: &[
        "autocontrast",
        "equalize",
        "invert",
        "rotate",
        "posterize",
        "solarize",
        "saturation",
        "contrast",
        "sharpness",
        "shear-x",
    ],
    make,
};

struct AutoAugment;

/// Pairs of operators, each with its chance and level.
const POLICY: [[(l::LeveledOp, f32, f32); 2]; 25] = [
    [(l::posterize_original, 0.4, 8.0), (l::rotated, 0.6, 9.0)],
    [(l::solarize_decreasing, 0.6, 5.0), (l::auto_contrast, 0.6, 5.0)],
    [(l::equalized, 0.8, 8.0), (l::equalized, 0.6, 3.0)],
    [(l::posterize_original, 0.6, 7.0), (l::posterize_original, 0.6, 6.0)],
    [(l::equalized, 0.4, 7.0), (l::solarize_decreasing, 0.2, 4.0)],
    [(l::equalized, 0.4, 4.0), (l::rotated, 0.8, 8.0)],
    [(l::solarize_decreasing, 0.6, 3.0), (l::equalized, 0.6, 7.0)],
    [(l::posterize_original, 0.8, 5.0), (l::equalized, 1.0, 2.0)],
    [(l::rotated, 0.2, 3.0), (l::solarize_decreasing, 0.6, 8.0)],
    [(l::equalized, 0.6, 8.0), (l::posterize_original, 0.4, 6.0)],
    [(l::rotated, 0.8, 8.0), (l::colour, 0.4, 0.0)],
    [(l::rotated, 0.4, 9.0), (l::equalized, 0.6, 2.0)],
    [(l::equalized, 0.0, 7.0), (l::equalized, 0.8, 8.0)],
    [(l::inverted, 0.6, 4.0), (l::equalized, 1.0, 8.0)],
    [(l::colour, 0.6, 4.0), (l::contrasted, 1.0, 8.0)],
    [(l::rotated, 0.8, 8.0), (l::colour, 1.0, 2.0)],
    [(l::colour, 0.8, 8.0), (l::solarize_decreasing, 0.8, 7.0)],
    [(l::sharpened, 0.4, 7.0), (l::inverted, 0.6, 8.0)],
    [(l::sheared_x, 0.6, 5.0), (l::equalized, 1.0, 9.0)],
    [(l::colour, 0.4, 0.0), (l::equalized, 0.6, 3.0)],
    [(l::equalized, 0.4, 7.0), (l::solarize_decreasing, 0.2, 4.0)],
    [(l::solarize_decreasing, 0.6, 5.0), (l::auto_contrast, 0.6, 5.0)],
    [(l::inverted, 0.6, 4.0), (l::equalized, 1.0, 8.0)],
    [(l::colour, 0.6, 4.0), (l::contrasted, 1.0, 8.0)],
    [(l::equalized, 0.8, 8.0), (l::equalized, 0.6, 3.0)],
];

#[allow(clippy::unnecessary_wraps)] // the table's signature
fn make(_: &mut Settings) -> Result<Box<dyn Choose>> {
    Ok(Box::new(AutoAugment))
}

impl Choose for AutoAugment {
    fn apply(&self, image: &mut Image, fill: Fill, rng: &mut Rng) {
        for (operator, chance, level) in POLICY[rng.random_range(0..POLICY.len())] {
            if rng.random::<f32>() < chance {
                operator(image, level, fill, rng);
            }
        }
    }
}
