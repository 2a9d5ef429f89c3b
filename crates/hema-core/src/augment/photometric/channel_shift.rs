//! Channel shift: each of red, green and blue becomes lighter or darker on its own.

use crate::image_op::{ImageOp, map_channels, signed_unit};
use crate::rng::Rng;
use crate::sample::Image;

/// Adds a number to each channel.
pub(crate) fn channel_shift(image: &mut Image, shift: [f32; 3]) {
    map_channels(image, |channel, value| value + shift[channel]);
}

/// Adds a random number to each channel, up to `80 strength` either way.
pub(crate) struct ChannelShift;

impl ImageOp for ChannelShift {
    fn name(&self) -> &'static str {
        "channel-shift"
    }

    fn about(&self) -> &'static str {
        "add a random number to each channel, up to 80 either way at strength 1"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        let reach = 80.0 * strength.clamp(0.0, 1.0);
        channel_shift(image, [0.0; 3].map(|_: f32| reach * signed_unit(rng)));
    }
}
