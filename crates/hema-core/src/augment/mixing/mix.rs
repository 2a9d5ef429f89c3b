//! The contract of a way to mix: its row in the table, and the settings that its function is given.

use rand_distr::{Beta, Distribution as _};
use serde::{Deserialize, Serialize};

use crate::rng::Rng;
use crate::sample::Image;

/// A way to mix two images of the same size.
pub struct Mix {
    /// Name in recipes.
    pub name: &'static str,
    /// Effect, in a line.
    pub about: &'static str,
    /// The usual alpha of the distribution Beta(alpha, alpha) that shares are drawn from, if they are.
    pub alpha: Option<f64>,
    /// Puts the second image into the first; the share of the label that it gets.
    pub(super) apply: fn(&mut Image, &Image, &MixSettings, &mut Rng) -> f32,
}

/// The settings of a mix that a recipe can change.
#[derive(Clone, Copy, Debug)]
pub(super) struct MixSettings {
    /// Parameter of Beta(alpha, alpha).
    pub(super) alpha: f64,
    pub(super) area: Area,
}

impl MixSettings {
    /// A share, of Beta(alpha, alpha).
    pub(super) fn share(&self, rng: &mut Rng) -> f32 {
        match Beta::new(self.alpha, self.alpha) {
            Ok(beta) => beta.sample(rng) as f32,
            Err(_) => 0.0,
        }
    }
}

/// The label's share of a pasted box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// The share of the pixels that were replaced, as in the paper's code and in timm.
    #[default]
    Exact,
    /// The share of the box as it was drawn, though a part of it may lie outside the image, as `KerasCV`
    /// counts.
    Keras,
}

/// Replaces a part of an image, from column `x` and row `y`, by the part of another from `from_x` and
/// `from_y`.
pub(super) fn paste(
    image: &mut Image,
    [x, y]: [usize; 2],
    other: &Image,
    from: [usize; 2],
    [width, height]: [usize; 2],
) {
    let (row, other_row) = (3 * image.width(), 3 * other.width());
    for line in 0..height {
        let (to, from) = ((y + line) * row + 3 * x, (from[1] + line) * other_row + 3 * from[0]);
        image.pixels_mut()[to..to + 3 * width].copy_from_slice(&other.pixels()[from..from + 3 * width]);
    }
}
