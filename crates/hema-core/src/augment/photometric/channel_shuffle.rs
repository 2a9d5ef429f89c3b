//! Channel shuffle: red, green and blue change places.

use rand::RngExt as _;

use crate::image_op::ImageOp;
use crate::rng::Rng;
use crate::sample::Image;

/// Puts the channels in one of the five other orders; strength is the chance of it.
pub(crate) struct ChannelShuffle;

/// Every order of three things but the one they are in.
const ORDERS: [[usize; 3]; 5] = [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

impl ImageOp for ChannelShuffle {
    fn name(&self) -> &'static str {
        "channel-shuffle"
    }

    fn about(&self) -> &'static str {
        "put red, green and blue in another order; strength is the chance of it"
    }

    fn apply(&self, image: &mut Image, strength: f32, rng: &mut Rng) {
        if rng.random::<f32>() < strength {
            let order = ORDERS[rng.random_range(0..ORDERS.len())];
            for pixel in image.pixels_mut().as_chunks_mut::<3>().0 {
                *pixel = order.map(|channel| pixel[channel]);
            }
        }
    }
}
