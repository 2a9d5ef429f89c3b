//! Too much colour, as of an overdone stain or a camera's "vivid" setting.

use crate::corrupt::severity::at_strength;
use crate::image_op::{ImageOp, cut, map_colours};
use crate::rng::Rng;
use crate::sample::Image;

/// Adds to the saturation of HSV and keeps hue and value: 0.2 more at strength 1.
///
/// Pure greys, whose hue is undefined, turn towards red, as in the reference.
pub(crate) struct Saturate;

/// Addition to the saturation, from no corruption to severity 5.
const ADDED: [f32; 6] = [0.0, 0.05, 0.10, 0.15, 0.17, 0.20];

impl ImageOp for Saturate {
    fn name(&self) -> &'static str {
        "saturate"
    }

    fn about(&self) -> &'static str {
        "too much colour: saturation (HSV) 0.2 higher at severity 5"
    }

    fn apply(&self, image: &mut Image, strength: f32, _: &mut Rng) {
        saturate(image, 1.0, at_strength(ADDED, strength));
    }
}

/// Multiplies the saturation of HSV by a factor, then adds to it.
pub(crate) fn saturate(image: &mut Image, factor: f32, added: f32) {
    map_colours(image, cut, |colour| saturated(colour, factor, added));
}

/// One colour with its saturation changed. In HSV, `value - channel` is proportional to the saturation.
#[inline]
fn saturated([r, g, b]: [f32; 3], factor: f32, added: f32) -> [f32; 3] {
    let value = r.max(g).max(b);
    let chroma = value - r.min(g).min(b);
    if chroma == 0.0 {
        return [value, value * (1.0 - added), value * (1.0 - added)];
    }
    let saturation = chroma / value;
    let growth = (saturation * factor + added).min(1.0) / saturation;
    [r, g, b].map(|channel| value - (value - channel) * growth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hue_and_value_stay_and_saturation_changes() {
        let [r, g, b] = saturated([200.0, 150.0, 100.0], 1.0, 0.2);
        assert_eq!(r, 200.0);
        assert!(((r - b) / r - 0.7).abs() < 1e-6);
        assert!(((r - g) / (r - b) - 0.5).abs() < 1e-6, "hue moved");
        assert_eq!(saturated([200.0, 150.0, 100.0], 0.5, 0.0), [200.0, 175.0, 150.0]);
        assert_eq!(saturated([200.0, 100.0, 10.0], 1.0, 0.2)[2], 0.0);
        assert_eq!(saturated([100.0; 3], 1.0, 0.2), [100.0, 80.0, 80.0]);
    }
}
