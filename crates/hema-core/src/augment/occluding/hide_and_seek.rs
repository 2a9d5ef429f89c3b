//! Hide-and-seek: some squares of a board are hidden.

use rand::RngExt as _;

use crate::image_op::{Fill, ImageOp, cover};
use crate::rng::Rng;
use crate::sample::Image;

/// Hides each field of a board of 4 x 4 with a chance of `0.5 strength` (Kumar Singh and Lee, ICCV 2017).
pub(crate) struct HideAndSeek(pub(crate) Fill);

/// Fields along each side.
const FIELDS: usize = 4;

impl ImageOp for HideAndSeek {
    fn name(&self) -> &'static str {
        "hide-and-seek"
    }

    fn about(&self) -> &'static str {
        "hide each field of a 4 x 4 board with a chance of 0.5 at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let chance = 0.5 * strength.clamp(0.0, 1.0);
        let colour = self.0.cover(image);
        let span = |field: usize, side: usize| field * side / FIELDS..(field + 1) * side / FIELDS;
        for field in 0..FIELDS * FIELDS {
            if rng.random::<f32>() < chance {
                let (columns, rows) =
                    (span(field % FIELDS, image.width()), span(field / FIELDS, image.height()));
                cover(image, columns, rows, || colour);
            }
        }
    }

    fn with_fill(&self, fill: Fill) -> Option<Box<dyn ImageOp>> {
        Some(Box::new(Self(fill)))
    }
}
