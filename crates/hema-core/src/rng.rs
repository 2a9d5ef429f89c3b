//! Random numbers that depend only on their purpose, never on threads or order.
//!
//! A stream is named by `(seed, purpose, epoch, index)`; two streams with different names are independent.

use rand::SeedableRng;

/// The generator every random choice of Hema uses: small, fast, the same on every platform.
pub type Rng = rand_xoshiro::Xoshiro256PlusPlus;

/// The purpose of a stream of random numbers, so that the same `(seed, epoch, index)` is never used for two
/// things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Augmentation of one training sample.
    Augment = 1,
    /// Order of the samples in an epoch.
    Shuffle = 2,
    /// Initial weights.
    Init = 3,
    /// Dropout and drop-path masks of one training step.
    Drop = 4,
    /// Corruption of one evaluation sample.
    Corrupt = 5,
    /// Synthetic cells.
    Synthetic = 6,
    /// Splitting a data set.
    Split = 8,
    /// Order in which the images of a class are sampled.
    Sample = 9,
    /// Mixtures of sampled images.
    Mix = 10,
    /// Choosing images to look at.
    Look = 12,
    /// Corruption of one validation image while training.
    Judge = 14,
    /// Choice of the mix of one training image with another, and its strength.
    Blend = 15,
    /// Choice of the image that is mixed into a training image.
    Partner = 16,
    /// Augmentation of the second view of one training sample.
    View = 17,
    /// Choice among several pipelines of augmentation.
    Pipeline = 18,
    /// Choice of the last operator for one training image.
    Last = 19,
    /// Recipe values of a trial.
    Tune = 20,
    /// A random view of one image while predicting.
    TestTime = 21,
    /// Images of one resample of a bootstrap.
    Bootstrap = 22,
}

/// The stream of random numbers for one purpose, epoch and index under a seed.
pub fn stream(seed: u64, purpose: Purpose, epoch: u64, index: u64) -> Rng {
    // SplitMix64's finaliser between the parts makes neighbouring names unrelated
    let name = [purpose as u64, epoch, index].iter().fold(mix(seed), |h, part| mix(h ^ mix(*part)));
    Rng::seed_from_u64(name)
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng as _;

    #[test]
    fn streams_repeat_and_differ_by_every_part_of_their_name() {
        let first = |s, p, e, i| stream(s, p, e, i).next_u64();
        let base = first(1, Purpose::Augment, 2, 3);
        assert_eq!(base, first(1, Purpose::Augment, 2, 3));
        for other in [
            first(2, Purpose::Augment, 2, 3),
            first(1, Purpose::Shuffle, 2, 3),
            first(1, Purpose::Augment, 3, 3),
            first(1, Purpose::Augment, 2, 4),
            first(1, Purpose::Augment, 3, 2),
        ] {
            assert_ne!(base, other);
        }
    }
}
