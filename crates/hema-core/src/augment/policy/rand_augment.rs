//! `RandAugment` (Cubuk et al., CVPR Workshops 2020) with timm's operators and settings.

use rand::RngExt as _;

use super::kind::{Choose, PolicyKind};
use super::levels as l;
use super::settings::Settings;
use crate::error::Result;
use crate::image_op::{Fill, normal};
use crate::rng::Rng;
use crate::sample::Image;

/// `RandAugment` as timm writes it.
pub(super) const RAND: PolicyKind = PolicyKind {
    name: "rand",
    about: "RandAugment of timm: n operators of 15 at magnitude m, spread by mstd; inc1 for scales that grow with m",
    operators: &[
        "autocontrast",
        "equalize",
        "invert",
        "rotate",
        "posterize",
        "solarize",
        "solarize-add",
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

/// `n` operators, each drawn evenly from all and done with a chance of a half, at a level around `magnitude`.
struct RandAugment {
    operators: &'static [l::LeveledOp],
    count: usize,
    magnitude: f32,
    deviation: f32,
}

/// Operators whose effect at times falls as the level rises, as first published.
const OPERATORS: [l::LeveledOp; 15] = [
    l::auto_contrast,
    l::equalized,
    l::inverted,
    l::rotated,
    l::posterize_decreasing,
    l::solarize_decreasing,
    l::solarize_added,
    l::colour,
    l::contrasted,
    l::brightened,
    l::sharpened,
    l::sheared_x,
    l::sheared_y,
    l::moved_x,
    l::moved_y,
];

/// Operators whose effect grows with the level (`inc1`).
const INCREASING: [l::LeveledOp; 15] = [
    l::auto_contrast,
    l::equalized,
    l::inverted,
    l::rotated,
    l::posterize_increasing,
    l::solarize_increasing,
    l::solarize_added,
    l::colour_increasing,
    l::contrast_increasing,
    l::brightness_increasing,
    l::sharpness_increasing,
    l::sheared_x,
    l::sheared_y,
    l::moved_x,
    l::moved_y,
];

fn make(settings: &mut Settings) -> Result<Box<dyn Choose>> {
    let increasing = settings.number("inc", 0.0, [0.0, 1.0])? > 0.0;
    let deviation = settings.number("mstd", 0.0, [0.0, 10.0])?;
    Ok(Box::new(RandAugment {
        operators: if increasing { &INCREASING } else { &OPERATORS },
        count: settings.count("n", 2)?,
        magnitude: settings.number("m", 10.0, [0.0, 10.0])?,
        deviation,
    }))
}

impl Choose for RandAugment {
    fn apply(&self, image: &mut Image, fill: Fill, rng: &mut Rng) {
        for _ in 0..self.count {
            let operator = self.operators[rng.random_range(0..self.operators.len())];
            if rng.random::<bool>() {
                let level = (self.magnitude + self.deviation * normal(rng)).clamp(0.0, 10.0);
                operator(image, level, fill, rng);
            }
        }
    }
}
