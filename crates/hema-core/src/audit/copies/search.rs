//! Exact search among 64-bit hashes within a Hamming distance, without comparing all.
//!
//! Multi-index hashing (Norouzi, Punjani and Fleet, *Fast Search in Hamming Space with Multi-Index Hashing*,
//! CVPR 2012): hashes are cut into four quarters of 16 bits, each quarter with a table of the hashes that
//! have it. Two hashes that differ in at most 7 bits differ in at most 1 in some quarter, so 17 look-ups in
//! each of the four tables find all; within 11 bits it takes 137. With hashes spread evenly, a look-up meets
//! n / 65,536 of them.

use std::ops::ControlFlow;

const QUARTERS: usize = 4;
const QUARTER_BITS: usize = 16;

/// How far from a hash is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Radius {
    /// At most 7 bits: with 8, each quarter could have 2.
    Seven,
    /// At most 11 bits: with 12, each quarter could have 3.
    Eleven,
}

impl Radius {
    fn bits(self) -> u32 {
        match self {
            Self::Seven => 7,
            Self::Eleven => 11,
        }
    }

    /// Bits that differ at most in the most similar quarter.
    fn bits_of_quarter(self) -> u32 {
        self.bits() / QUARTERS as u32
    }

    /// Every way to change so many bits of a quarter, and none.
    fn changes(self) -> &'static [u16] {
        match self {
            Self::Seven => &CHANGES[..=QUARTER_BITS],
            Self::Eleven => &CHANGES,
        }
    }
}

/// Hashes that can be searched; they are numbered in the order they came in. A hash takes 24 bytes.
pub(crate) struct HammingIndex {
    hashes: Vec<Linked>,
    /// The number of the last hash that has a value in a quarter, for every quarter and value.
    last: Vec<[u32; QUARTERS]>,
}

/// A hash, and of every quarter the number of the hash before it with the same value of it.
struct Linked {
    hash: u64,
    before: [u32; QUARTERS],
}

/// The end of a chain.
const NONE: u32 = u32::MAX;

impl HammingIndex {
    /// An index without hashes, with room for so many.
    pub(crate) fn with_room(hashes: usize) -> Self {
        Self { hashes: Vec::with_capacity(hashes), last: vec![[NONE; QUARTERS]; 1 << QUARTER_BITS] }
    }

    /// Adds a hash.
    pub(crate) fn insert(&mut self, hash: u64) {
        let number = self.hashes.len() as u32;
        let before = std::array::from_fn(|i| std::mem::replace(&mut self.last[quarter(hash, i)][i], number));
        self.hashes.push(Linked { hash, before });
    }

    /// Calls `found` with the number of every hash within a radius of `hash`, once each, until it breaks.
    pub(crate) fn near(
        &self,
        hash: u64,
        radius: Radius,
        mut found: impl FnMut(usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.hashes.len() <= QUARTERS * radius.changes().len() {
            // comparing all takes fewer steps
            let is_near = |(_, other): &(usize, &Linked)| (hash ^ other.hash).count_ones() <= radius.bits();
            return self.hashes.iter().enumerate().filter(is_near).try_for_each(|(number, _)| found(number));
        }
        for i in 0..QUARTERS {
            for change in radius.changes() {
                let mut number = self.last[quarter(hash, i) ^ usize::from(*change)][i];
                while let Some(other) = self.hashes.get(number as usize) {
                    let differing = hash ^ other.hash;
                    if differing.count_ones() <= radius.bits() && first_near_quarter(differing, radius) == i {
                        found(number as usize)?;
                    }
                    number = other.before[i];
                }
            }
        }
        ControlFlow::Continue(())
    }
}

fn quarter(hash: u64, i: usize) -> usize {
    (hash >> (i * QUARTER_BITS)) as usize & 0xffff
}

/// The first quarter by whose table a hash with these differing bits is found.
fn first_near_quarter(differing: u64, radius: Radius) -> usize {
    let is_near = |i: &usize| quarter(differing, *i).count_ones() <= radius.bits_of_quarter();
    (0..QUARTERS).find(is_near).unwrap_or(QUARTERS)
}

/// Every way to change at most two bits of a quarter, by the number of bits.
const CHANGES: [u16; 1 + QUARTER_BITS + QUARTER_BITS * (QUARTER_BITS - 1) / 2] = {
    let mut changes = [0; _];
    let (mut n, mut a) = (1, 0);
    while a < QUARTER_BITS {
        changes[n] = 1 << a;
        n += 1;
        a += 1;
    }
    a = 0;
    while a < QUARTER_BITS {
        let mut b = 0;
        while b < a {
            changes[n] = 1 << a | 1 << b;
            n += 1;
            b += 1;
        }
        a += 1;
    }
    changes
};

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::rng::{Purpose, stream};

    const RADII: [Radius; 2] = [Radius::Seven, Radius::Eleven];

    /// The finds of the index, in the order of the numbers.
    fn near(index: &HammingIndex, hash: u64, radius: Radius) -> Vec<usize> {
        let mut found = Vec::new();
        let _ = index.near(hash, radius, |number| {
            found.push(number);
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        found
    }

    fn index(hashes: &[u64]) -> HammingIndex {
        let mut index = HammingIndex::with_room(0);
        for hash in hashes {
            index.insert(*hash);
        }
        index
    }

    fn by_comparing_all(hashes: &[u64], hash: u64, radius: Radius) -> Vec<usize> {
        (0..hashes.len()).filter(|i| (hashes[*i] ^ hash).count_ones() <= radius.bits()).collect()
    }

    #[test]
    fn it_finds_what_comparing_all_finds_and_each_once() {
        let mut rng = stream(1, Purpose::Shuffle, 0, 0);
        let centres: Vec<u64> = (0..40).map(|_| rng.random()).collect();
        // balls of every size around a few centres, where distances from 0 to beyond the radius occur
        let hashes: Vec<u64> = (0..2000)
            .map(|i| {
                let flips = rng.random_range(0..14);
                (0..flips).fold(centres[i % 40], |hash, _| hash ^ (1 << rng.random_range(0..64)))
            })
            .collect();
        for hashes in [&hashes[..], &hashes[..500], &hashes[..60]] {
            let index = index(hashes);
            for radius in RADII {
                let mut pairs = 0;
                for hash in hashes.iter().chain(&centres).copied() {
                    let found = near(&index, hash, radius);
                    assert_eq!(found, by_comparing_all(hashes, hash, radius));
                    pairs += found.len();
                }
                assert!(pairs > hashes.len() + centres.len(), "{pairs} of {}", hashes.len());
            }
        }
    }

    #[test]
    fn distances_at_the_radius_are_found_however_the_bits_lie() {
        // enough others that the tables are used
        let others: Vec<u64> = (0..1000_u64).map(|i| !(i << 54 | i)).collect();
        for (radius, bits, beyond) in [
            (Radius::Seven, 0x7f, 0x80),
            (Radius::Seven, 0x7f << 48, 1),
            (Radius::Seven, 0x0001_0003_0003_0003, 1 << 52),
            (Radius::Eleven, 0x7ff, 0x800),
            (Radius::Eleven, 0x7ff << 53, 1),
            (Radius::Eleven, 0x0003_0007_0007_0007, 1 << 52),
        ] {
            let index = index(&[&[bits, bits | beyond], &others[..]].concat());
            assert_eq!(near(&index, 0, radius), [0], "{bits:x}");
        }
    }

    #[test]
    fn equal_hashes_and_none_at_all_are_fine_and_a_search_can_be_ended() {
        let index = index(&[5; 1000]);
        for radius in RADII {
            assert_eq!(near(&index, 5, radius), (0..1000).collect::<Vec<_>>());
            assert_eq!(near(&index, !5, radius), [0; 0]);
            assert_eq!(near(&HammingIndex::with_room(0), 0, radius), [0; 0]);
        }
        let mut seen = 0;
        let ended = index.near(5, Radius::Seven, |_| {
            seen += 1;
            if seen < 10 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert!(ended.is_break() && seen == 10);
    }
}
