//! `RandAugment` with the operators and scales of `KerasCV`, which the teams of the founding challenge used.

use rand::RngExt as _;

use super::kind::{Choose, PolicyKind};
use super::levels::either_sign;
use super::settings::Settings;
use crate::augment::geometric::{shear_x::shear_x, shear_y::shear_y};
use crate::augment::geometric::{translate_x::translate_x, translate_y::translate_y};
use crate::augment::photometric::{
    autocontrast::autocontrast, equalize::equalize, saturation::saturation, solarize::solarize,
    solarize_add::solarize_add,
};
use crate::error::Result;
use crate::image_op::{Fill, map_values, mean_luma, normal, signed_unit};
use crate::rng::Rng;
use crate::sample::Image;

/// `RandAugment` as `KerasCV` writes it.
pub(super) const KERAS: PolicyKind = PolicyKind {
    name: "keras",
    about: "RandAugment of Keras: n operators of 10 at magnitude m (0 to 1), spread by s, each skipped with chance 1 - r; c0 without solarize and colour degeneration",
    operators: &[
        "autocontrast",
        "equalize",
        "solarize",
        "solarize-add",
        "saturation",
        "contrast",
        "brightness",
        "shear-x",
        "shear-y",
        "translate-x",
        "translate-y",
    ],
    make,
};

/// `count` operators, each drawn evenly from all and skipped with a chance of `1 - rate`.
struct Keras {
    operators: &'static [ScaledOp],
    count: usize,
    rate: f32,
    scale: Strength,
}

/// How strongly operators act.
#[derive(Clone, Copy)]
struct Strength {
    magnitude: f32,
    deviation: f32,
}

impl Strength {
    /// A number around `factor * magnitude + base`, with the deviation in the same measure.
    fn around(self, base: f32, factor: f32, rng: &mut Rng) -> f32 {
        base + factor * (self.magnitude + self.deviation * normal(rng))
    }

    /// A strength of 0 to 1.
    fn share(self, rng: &mut Rng) -> f32 {
        self.around(0.0, 1.0, rng).clamp(0.0, 1.0)
    }
}

type ScaledOp = fn(&mut Image, Strength, Fill, &mut Rng);

/// `KerasCV`'s standard policy.
const OPERATORS: [ScaledOp; 10] = [
    |image, _, _, _| autocontrast(image, 1.0),
    |image, _, _, _| equalize(image, 1.0),
    |image, scale, _, rng| {
        let addition = scale.around(0.0, 110.0, rng).clamp(0.0, 110.0);
        let threshold = scale.around(255.0, -255.0, rng).clamp(0.0, 255.0);
        solarize_add(image, addition, 128.0);
        solarize(image, threshold);
    },
    |image, scale, _, rng| saturation(image, 1.0 - scale.share(rng)),
    |image, scale, _, rng| {
        let factor = 1.0 + scale.magnitude * signed_unit(rng);
        let mean = mean_luma(image);
        map_values(image, |value| mean + factor * (value - mean));
    },
    |image, scale, _, rng| {
        let addition = 255.0 * scale.magnitude * signed_unit(rng);
        map_values(image, |value| value + addition);
    },
    |image, scale, fill, rng| {
        let factor = scale.share(rng);
        shear_x(image, either_sign(factor, rng), fill);
    },
    |image, scale, fill, rng| {
        let factor = scale.share(rng);
        shear_y(image, either_sign(factor, rng), fill);
    },
    |image, scale, fill, rng| {
        translate_x(image, scale.magnitude * signed_unit(rng) * image.width() as f32, fill);
    },
    |image, scale, fill, rng| {
        translate_y(image, scale.magnitude * signed_unit(rng) * image.height() as f32, fill);
    },
];

/// `KerasCV`'s operators without solarize and colour degeneration, as the founding report had it.
const MILD: [ScaledOp; 8] = {
    let [autocontrast, equalize, _, _, contrast, brightness, shear_x, shear_y, translate_x, translate_y] =
        OPERATORS;
    [autocontrast, equalize, contrast, brightness, shear_x, shear_y, translate_x, translate_y]
};

fn make(settings: &mut Settings) -> Result<Box<dyn Choose>> {
    let unit = [0.0, 1.0];
    let is_mild = settings.number("c", 1.0, unit)? == 0.0;
    Ok(Box::new(Keras {
        operators: if is_mild { &MILD } else { &OPERATORS },
        count: settings.count("n", 3)?,
        rate: settings.number("r", 10.0 / 11.0, unit)?,
        scale: Strength {
            magnitude: settings.number("m", 0.5, unit)?,
            deviation: settings.number("s", 0.15, unit)?,
        },
    }))
}

impl Choose for Keras {
    fn apply(&self, image: &mut Image, fill: Fill, rng: &mut Rng) {
        for _ in 0..self.count {
            let operator = self.operators[rng.random_range(0..self.operators.len())];
            if rng.random::<f32>() < self.rate {
                operator(image, self.scale, fill, rng);
            }
        }
    }
}
