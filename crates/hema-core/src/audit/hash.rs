//! A perceptual hash: 64 bits by which copies of a picture are looked for.
//!
//! As in pHash (Zauner, *Implementation and Benchmarking of Perceptual Image Hash Functions*, 2010), a bit is the sign of
//! one of the lowest frequencies of a discrete cosine transform. Two things differ. Only frequencies that are
//! odd in some direction count: a cell in the middle of a pale field gives the even ones the same sign in every
//! picture. And a coefficient close to zero counts as not positive, so that symmetric pictures, whose odd
//! coefficients are noise, keep their hash.
//!
//! Flips only change signs of coefficients and a transposition swaps two: the hashes of all eight orientations come
//! from one transform.

use std::f32::consts::PI;

use super::orientation::Orientation;
use super::thumbnail::{SIDE, Thumbnail};

/// Bits of a hash.
const BITS: usize = 64;
/// The vertical and horizontal frequency of each bit: the lowest that are odd in at least one direction.
const FREQUENCIES: [(usize, usize); BITS] = lowest_odd();
/// Frequencies are below it.
const LIMIT: usize = 11;
/// A coefficient counts as positive above it, where all coefficients together have the norm 1.
const NOISE: f32 = 0.006;

/// The transform of a thumbnail, up to the highest frequency that is needed.
pub(super) struct Spectrum([[f32; LIMIT]; LIMIT]);

impl Spectrum {
    /// Of a thumbnail; its mean does not matter, nor does its contrast.
    pub(super) fn of(thumbnail: &Thumbnail, transform: &Transform) -> Self {
        let mut rows = [[0.0; LIMIT]; SIDE];
        for (cells, row) in thumbnail.cells.chunks_exact(SIDE).zip(&mut rows) {
            for (coefficient, basis) in row.iter_mut().zip(&transform.0) {
                *coefficient = cells.iter().zip(basis).map(|(cell, wave)| f32::from(*cell) * wave).sum();
            }
        }
        let scale = 1.0 / thumbnail.norm.max(1.0);
        let mut spectrum = [[0.0; LIMIT]; LIMIT];
        for (down, basis) in spectrum.iter_mut().zip(&transform.0) {
            for (row, wave) in rows.iter().zip(basis) {
                down.iter_mut().zip(row).for_each(|(sum, coefficient)| *sum += coefficient * wave * scale);
            }
        }
        Self(spectrum)
    }

    /// The hash of the picture laid down in some way.
    pub(super) fn hash(&self, orientation: Orientation) -> u64 {
        let positive = |&(down, across): &(usize, usize)| {
            let swapped = if orientation.transposed { (across, down) } else { (down, across) };
            let negated =
                (orientation.upside_down && down % 2 == 1) != (orientation.mirrored && across % 2 == 1);
            let coefficient = self.0[swapped.0][swapped.1];
            (if negated { -coefficient } else { coefficient }) > NOISE
        };
        FREQUENCIES.iter().enumerate().fold(0, |hash, (i, frequency)| {
            // low and high frequencies are dealt out to the four quarters of the hash in turn
            hash | u64::from(positive(frequency)) << (i % 4 * (BITS / 4) + i / 4)
        })
    }
}

/// The waves of an orthonormal discrete cosine transform of [`SIDE`] values.
pub(super) struct Transform([[f32; SIDE]; LIMIT]);

impl Transform {
    pub(super) fn new() -> Self {
        let wave = |frequency: usize, x: usize| {
            let scale = if frequency == 0 { 1.0_f32 } else { 2.0 } / SIDE as f32;
            scale.sqrt() * (PI * frequency as f32 * (x as f32 + 0.5) / SIDE as f32).cos()
        };
        Self(std::array::from_fn(|frequency| std::array::from_fn(|x| wave(frequency, x))))
    }
}

/// The lowest pairs of frequencies with an odd one among them, by the length of the wave vector.
const fn lowest_odd() -> [(usize, usize); BITS] {
    let mut found = [(0, 0); BITS];
    let (mut n, mut length) = (0, 1_usize);
    while n < BITS {
        let mut down = 0;
        while down * down <= length && n < BITS {
            let across = (length - down * down).isqrt();
            if across * across + down * down == length && (down % 2 == 1 || across % 2 == 1) {
                found[n] = (down, across);
                n += 1;
            }
            down += 1;
        }
        length += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use crate::sample::Image;
    use crate::synthetic::render;

    fn spectrum(thumbnail: &Thumbnail) -> Spectrum {
        Spectrum::of(thumbnail, &Transform::new())
    }

    #[test]
    fn the_frequencies_are_low_odd_and_different() {
        let mut sorted = FREQUENCIES;
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(FREQUENCIES.iter().all(|(down, across)| down % 2 == 1 || across % 2 == 1));
        assert!(FREQUENCIES.iter().all(|(down, across)| *down < LIMIT && *across < LIMIT));
    }

    #[test]
    fn the_hash_of_an_orientation_is_that_of_the_picture_laid_so() {
        for seed in 0..20 {
            let cell = render(seed % 8, 64, &mut stream(seed as u64, Purpose::Synthetic, 0, 0));
            let thumbnail = Thumbnail::of(&cell);
            for orientation in Orientation::ALL {
                let laid = spectrum(&thumbnail.oriented(orientation)).hash(Orientation::ALL[0]);
                let turned = spectrum(&thumbnail).hash(orientation);
                // rounding decides about a coefficient at the limit of noise
                assert!((laid ^ turned).count_ones() <= 1, "{orientation:?}");
            }
        }
    }

    #[test]
    fn cells_have_different_hashes_and_a_symmetric_picture_has_none_of_its_noise() {
        let hashes: Vec<u64> = (0..40)
            .map(|seed| render(seed % 8, 64, &mut stream(seed as u64, Purpose::Synthetic, 0, 0)))
            .map(|cell| spectrum(&Thumbnail::of(&cell)).hash(Orientation::ALL[0]))
            .collect();
        let far = |a: &u64, b: &u64| (a ^ b).count_ones() > 11;
        assert!(hashes.iter().enumerate().all(|(i, a)| hashes[..i].iter().all(|b| far(a, b))));

        let mut disc = Image::filled(64, 64, [230, 220, 210]);
        for (i, pixel) in disc.pixels_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (y, x) = ((i / 64) as f32 - 31.5, (i % 64) as f32 - 31.5);
            *pixel = if y.hypot(x) < 20.0 { [90, 40, 120] } else { [230, 220, (i * 7 % 5) as u8 + 208] };
        }
        assert_eq!(spectrum(&Thumbnail::of(&disc)).hash(Orientation::ALL[0]), 0);
    }
}
