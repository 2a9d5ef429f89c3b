//! `AugMix` (Hendrycks et al., ICLR 2020): several short chains of operators, mixed with each other and with
//! the image.

use rand::RngExt as _;
use rand_distr::{Beta, Distribution as _, Gamma};

use super::kind::{Choose, PolicyKind};
use super::levels as l;
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::image_op::{Fill, to_byte};
use crate::rng::Rng;
use crate::sample::Image;

/// `AugMix`.
pub(super) const AUG_MIX: PolicyKind = PolicyKind {
    name: "augmix",
    about: "AugMix: w chains of up to d operators at magnitude m, mixed with each other and the image",
    operators: &[
        "autocontrast",
        "equalize",
        "posterize",
        "rotate",
        "solarize",
        "shear-x",
        "shear-y",
        "translate-x",
        "translate-y",
    ],
    make,
};

/// `width` chains of 1 to `depth` operators (1 to 3 when 0), at levels up to `magnitude`.
struct AugMix {
    width: usize,
    depth: usize,
    magnitude: f32,
    /// Distribution of the chains' shares: Dirichlet's, as gamma variables over their sum.
    share: Gamma<f32>,
    /// Distribution of the share that the mixture has against the image.
    blend: Beta<f32>,
}

/// Operators that no corruption benchmark tests for, as the paper chose them.
const OPERATORS: [l::LeveledOp; 9] = [
    l::auto_contrast,
    l::equalized,
    l::posterize_increasing,
    l::rotated,
    l::solarize_increasing,
    l::sheared_x,
    l::sheared_y,
    l::moved_x,
    l::moved_y,
];

fn make(settings: &mut Settings) -> Result<Box<dyn Choose>> {
    let alpha = settings.number("a", 1.0, [0.01, 100.0])?;
    let bad = |e: &dyn std::fmt::Display| Error::new(format!("a is {alpha}: {e}"));
    Ok(Box::new(AugMix {
        width: settings.count("w", 3)?,
        depth: settings.number("d", 0.0, [0.0, 16.0])? as usize,
        magnitude: settings.number("m", 3.0, [0.0, 10.0])?,
        share: Gamma::new(alpha, 1.0).map_err(|e| bad(&e))?,
        blend: Beta::new(alpha, alpha).map_err(|e| bad(&e))?,
    }))
}

impl Choose for AugMix {
    fn apply(&self, image: &mut Image, fill: Fill, rng: &mut Rng) {
        let blend = self.blend.sample(rng);
        let mut mixed: Vec<f32> =
            image.pixels().iter().map(|value| (1.0 - blend) * f32::from(*value)).collect();
        let shares: Vec<f32> = (0..self.width).map(|_| self.share.sample(rng)).collect();
        let total: f32 = shares.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        for share in shares {
            let mut chain = image.clone();
            let depth = if self.depth == 0 { rng.random_range(1..=3) } else { self.depth };
            for _ in 0..depth {
                let operator = OPERATORS[rng.random_range(0..OPERATORS.len())];
                let level = rng.random::<f32>() * self.magnitude;
                operator(&mut chain, level, fill, rng);
            }
            let weight = blend * share / total;
            for (sum, value) in mixed.iter_mut().zip(chain.pixels()) {
                *sum += weight * f32::from(*value);
            }
        }
        for (value, mixed) in image.pixels_mut().iter_mut().zip(mixed) {
            *value = to_byte(mixed);
        }
    }
}
