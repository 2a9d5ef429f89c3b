//! Exact search among 64-bit hashes within a Hamming distance, without comparing all.
//!
//! Multi-index hashing (Norouzi, Punjani and Fleet, *Fast Search in Hamming Space with Multi-Index Hashing*, CVPR 2012):
//! hashes are cut into four quarters of 16 bits, each quarter with a table of the hashes that have it. Two hashes that
//! differ in at most 11 bits differ in at most 2 in some quarter, so 137 look-ups in each of four tables find
//! all. With hashes spread as evenly as those of cells, a look-up meets n / 65,536 of them.

use std::ops::ControlFlow;

/// The largest distance that is searched: with 12 differing bits, each quarter could have 3.
pub(super) const RADIUS: u32 = 11;

const QUARTERS: usize = 4;
const QUARTER_BITS: usize = 16;
const QUARTER_RADIUS: u32 = RADIUS / QUARTERS as u32;
/// Ways to change at most two of 16 bits.
const CHANGES: usize = 1 + QUARTER_BITS + QUARTER_BITS * (QUARTER_BITS - 1) / 2;
const NONE: u32 = u32::MAX;

/// Hashes that can be searched; they are numbered in the order they came in.
pub(super) struct HammingIndex {
    hashes: Vec<u64>,
    /// Of every quarter and value of it, the newest hash that has it.
    newest: [Vec<u32>; QUARTERS],
    /// Of every quarter and hash, the next older one with the same value.
    older: [Vec<u32>; QUARTERS],
}

impl HammingIndex {
    /// An index without hashes.
    pub(super) fn new() -> Self {
        let empty = || std::array::from_fn(|_| Vec::new());
        let newest = std::array::from_fn(|_| vec![NONE; 1 << QUARTER_BITS]);
        Self { hashes: Vec::new(), newest, older: empty() }
    }

    /// Adds a hash.
    pub(super) fn insert(&mut self, hash: u64) {
        let number = self.hashes.len() as u32;
        for (i, (newest, older)) in self.newest.iter_mut().zip(&mut self.older).enumerate() {
            older.push(std::mem::replace(&mut newest[quarter(hash, i)], number));
        }
        self.hashes.push(hash);
    }

    /// Calls `found` with the number of every hash at most [`RADIUS`] bits from `hash`, once each, until it breaks.
    pub(super) fn near(&self, hash: u64, mut found: impl FnMut(usize) -> ControlFlow<()>) -> ControlFlow<()> {
        for (i, (newest, older)) in self.newest.iter().zip(&self.older).enumerate() {
            for change in CHANGED {
                let mut number = newest[quarter(hash, i) ^ usize::from(change)];
                while number != NONE {
                    let differing = hash ^ self.hashes[number as usize];
                    if differing.count_ones() <= RADIUS && first_near_quarter(differing) == i {
                        found(number as usize)?;
                    }
                    number = older[number as usize];
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
fn first_near_quarter(differing: u64) -> usize {
    let is_near = |i: &usize| quarter(differing, *i).count_ones() <= QUARTER_RADIUS;
    (0..QUARTERS).find(is_near).unwrap_or(QUARTERS)
}

/// Every way to change at most [`QUARTER_RADIUS`] bits of a quarter.
const CHANGED: [u16; CHANGES] = changed();

const fn changed() -> [u16; CHANGES] {
    let mut changes = [0; CHANGES];
    let (mut n, mut bits) = (0, 0_u16);
    loop {
        if bits.count_ones() <= QUARTER_RADIUS {
            changes[n] = bits;
            n += 1;
        }
        if bits == u16::MAX {
            return changes;
        }
        bits += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use rand::RngExt as _;

    /// What the index finds, in the order of the numbers.
    fn near(index: &HammingIndex, hash: u64) -> Vec<usize> {
        let mut found = Vec::new();
        let _ = index.near(hash, |number| {
            found.push(number);
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        found
    }

    fn index(hashes: &[u64]) -> HammingIndex {
        let mut index = HammingIndex::new();
        for hash in hashes {
            index.insert(*hash);
        }
        index
    }

    fn by_comparing_all(hashes: &[u64], hash: u64) -> Vec<usize> {
        (0..hashes.len()).filter(|i| (hashes[*i] ^ hash).count_ones() <= RADIUS).collect()
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
        let index = index(&hashes);
        let mut pairs = 0;
        for hash in hashes.iter().chain(&centres).copied() {
            let found = near(&index, hash);
            assert_eq!(found, by_comparing_all(&hashes, hash));
            pairs += found.len();
        }
        assert!(pairs > 20_000, "{pairs}");
    }

    #[test]
    fn distances_at_the_radius_are_found_however_the_bits_lie() {
        for bits in [0x7ff, 0x7ff << 16, 0x7ff << 53, 0x0007_0007_0007_0003, 0x0003_0007_0007_0007] {
            assert_eq!(near(&index(&[bits, bits | 1 << 50 | 1 << 33 | 1 << 14]), 0), [0]);
        }
    }

    #[test]
    fn equal_hashes_and_none_at_all_are_fine_and_a_search_can_be_ended() {
        let index = index(&[5; 1000]);
        assert_eq!(near(&index, 5), (0..1000).collect::<Vec<_>>());
        assert_eq!(near(&index, !5), [0; 0]);
        assert_eq!(near(&HammingIndex::new(), 0), [0; 0]);
        let mut seen = 0;
        let ended = index.near(5, |_| {
            seen += 1;
            if seen < 10 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert!(ended.is_break() && seen == 10);
    }
}
