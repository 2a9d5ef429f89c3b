//! The contract of a policy: its row in the table, and how it changes an image.

use super::settings::Settings;
use crate::error::Result;
use crate::image_op::Fill;
use crate::rng::Rng;
use crate::sample::Image;

/// Makes a policy of the settings in its word.
pub(super) type Make = fn(&mut Settings) -> Result<Box<dyn Choose>>;

/// A kind of policy.
pub struct PolicyKind {
    /// Beginning of its word.
    pub name: &'static str,
    /// Effect and settings, in a line.
    pub about: &'static str,
    /// The augmentations that it chooses from.
    pub operators: &'static [&'static str],
    /// Makes a policy of its settings.
    pub(super) make: Make,
}

/// A policy with its settings.
pub(super) trait Choose: Send + Sync {
    /// Changes an image; what comes from beyond its border is shown as `fill` says.
    fn apply(&self, image: &mut Image, fill: Fill, rng: &mut Rng);
}
