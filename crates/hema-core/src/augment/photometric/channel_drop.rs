//! Channel drop: one of red, green and blue is lost.

use rand::RngExt as _;

use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Sets one channel to 0; strength is the chance of it.
pub(crate) struct ChannelDrop;

impl ImageOp for ChannelDrop {
    fn name(&self) -> &'static str {
        "channel-drop"
    }

    fn about(&self) -> &'static str {
        "set one channel to 0; strength is the chance of it"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        if rng.random::<f32>() < strength {
            let channel = rng.random_range(0..3);
            image.pixels_mut().as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| pixel[channel] = 0);
        }
    }
}
