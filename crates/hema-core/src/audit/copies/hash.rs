//! A perceptual hash: 64 bits by which copies of a picture are looked for.
//!
//! As in pHash (Zauner, *Implementation and Benchmarking of Perceptual Image Hash Functions*, 2010), a bit is
//! the sign of one of the lowest frequencies of a discrete cosine transform. Two things differ. Only
//! frequencies that are odd in some direction count: a cell in the middle of a pale field gives the even ones
//! the same sign in every picture. And a coefficient close to zero counts as not positive, so that symmetric
//! pictures, whose odd coefficients are noise, keep their hash.
//!
//! Flips only change signs of coefficients and a transposition swaps two: the hashes of all eight
//! orientations come from one transform. A picture is hashed upright: as it lies when its left is brighter
//! than its right, its top than its bottom, and the first difference the larger. One that a small change
//! would lay otherwise is looked for in either way.

use std::f32::consts::PI;

use crate::audit::measurements::orientation::Orientation;
use crate::audit::measurements::thumbnail::{SIDE, Thumbnail};

/// Bits of a hash.
const BITS: usize = 64;
/// The vertical and horizontal frequency of each bit, and then of each bit of the second hash: the lowest
/// that are odd in at least one direction.
const FREQUENCIES: [(usize, usize); 2 * BITS] = lowest_odd();
/// Frequencies are below it.
const LIMIT: usize = 15;
/// A coefficient counts as positive above it, where all coefficients together have the norm 1.
const NOISE: f32 = 0.006;

/// The transform of a thumbnail, up to the highest frequency that is needed.
pub(crate) struct Spectrum([[f32; LIMIT]; LIMIT]);

impl Spectrum {
    /// The transform of a thumbnail; its mean does not matter, nor does its contrast.
    pub(crate) fn of(thumbnail: &Thumbnail, transform: &Transform) -> Self {
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

    /// The hash of the picture laid upright.
    pub(crate) fn hash(&self) -> u64 {
        self.hashes(0.0).next().unwrap_or(0)
    }

    /// Two hashes of the picture in every orientation in which [`Spectrum::hashes`] gives one: that one, and
    /// a second of the next higher frequencies. With a `tolerance` of 0 the first are those of the picture
    /// laid upright.
    pub(crate) fn hashes_twice(&self, tolerance: f32) -> impl Iterator<Item = [u64; 2]> {
        let (low, high) = FREQUENCIES.split_at(BITS);
        self.laid(tolerance).map(move |laid| [low, high].map(|frequencies| self.hash_laid(laid, frequencies)))
    }

    /// The hashes of the picture in every orientation in which a copy of it could be upright whose lowest
    /// frequencies differ by less than `tolerance` (of 1, the norm of all).
    pub(crate) fn hashes(&self, tolerance: f32) -> impl Iterator<Item = u64> {
        self.laid(tolerance).map(|laid| self.hash_laid(laid, &FREQUENCIES[..BITS]))
    }

    /// The orientations in which the picture is upright, or would be after a change of its lowest
    /// frequencies.
    fn laid(&self, tolerance: f32) -> impl Iterator<Item = Orientation> {
        Orientation::ALL.into_iter().filter(move |laid| {
            let (across, down) = (self.coefficient(*laid, 0, 1), self.coefficient(*laid, 1, 0));
            across >= -tolerance && down >= -tolerance && across >= down - tolerance
        })
    }

    fn hash_laid(&self, orientation: Orientation, frequencies: &[(usize, usize)]) -> u64 {
        frequencies.iter().enumerate().fold(0, |hash, (i, &(down, across))| {
            let positive = self.coefficient(orientation, down, across) > NOISE;
            // low and high frequencies are dealt out to the four quarters of the hash in turn
            hash | u64::from(positive) << (i % 4 * (BITS / 4) + i / 4)
        })
    }

    /// A coefficient of the picture laid down in some way.
    fn coefficient(&self, laid: Orientation, down: usize, across: usize) -> f32 {
        let (row, column) = if laid.transposed { (across, down) } else { (down, across) };
        let negated = (laid.upside_down && down % 2 == 1) != (laid.mirrored && across % 2 == 1);
        if negated { -self.0[row][column] } else { self.0[row][column] }
    }
}

/// The waves of an orthonormal discrete cosine transform of [`SIDE`] values.
pub(crate) struct Transform([[f32; SIDE]; LIMIT]);

impl Transform {
    pub(crate) fn new() -> Self {
        let wave = |frequency: usize, x: usize| {
            let scale = if frequency == 0 { 1.0_f32 } else { 2.0 } / SIDE as f32;
            scale.sqrt() * (PI * frequency as f32 * (x as f32 + 0.5) / SIDE as f32).cos()
        };
        Self(std::array::from_fn(|frequency| std::array::from_fn(|x| wave(frequency, x))))
    }
}

/// The lowest pairs of frequencies with an odd one among them, by the length of the wave vector.
const fn lowest_odd() -> [(usize, usize); 2 * BITS] {
    let mut found = [(0, 0); 2 * BITS];
    let (mut n, mut length) = (0, 1_usize);
    while n < 2 * BITS {
        let mut down = 0;
        while down * down <= length && n < 2 * BITS {
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

    fn cell(seed: u64) -> Image {
        render(seed as usize % 8, 64, &mut stream(seed, Purpose::Synthetic, 0, 0))
    }

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
    fn a_picture_has_one_hash_however_it_lies() {
        for seed in 0..20 {
            let thumbnail = Thumbnail::of(&cell(seed));
            let upright = spectrum(&thumbnail).hash();
            for orientation in Orientation::ALL {
                let laid = spectrum(&thumbnail.oriented(orientation));
                // rounding decides about a coefficient at the limit of noise
                assert!((laid.hash() ^ upright).count_ones() <= 1, "{orientation:?}");
                assert!(laid.hashes(0.05).any(|hash| (hash ^ upright).count_ones() <= 1));
            }
        }
    }

    #[test]
    fn a_picture_that_could_be_upright_in_any_way_is_looked_for_in_all() {
        let number = |tolerance| spectrum(&Thumbnail::of(&cell(1))).hashes(tolerance).count();
        assert_eq!(number(0.0), 1);
        assert_eq!(number(2.0), 8);
    }

    #[test]
    fn cells_have_different_hashes_and_a_symmetric_picture_has_none_of_its_noise() {
        let hashes: Vec<u64> = (0..40).map(|seed| spectrum(&Thumbnail::of(&cell(seed))).hash()).collect();
        let far = |a: &u64, b: &u64| (a ^ b).count_ones() > 7;
        assert!(hashes.iter().enumerate().all(|(i, a)| hashes[..i].iter().all(|b| far(a, b))));

        let mut disc = Image::filled(64, 64, [230, 220, 210]);
        for (i, pixel) in disc.pixels_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (y, x) = ((i / 64) as f32 - 31.5, (i % 64) as f32 - 31.5);
            *pixel = if y.hypot(x) < 20.0 { [90, 40, 120] } else { [230, 220, (i * 7 % 5) as u8 + 208] };
        }
        assert_eq!(spectrum(&Thumbnail::of(&disc)).hash(), 0);
    }
}
