//! Blocks of progressive scans (T.81, annex G), of all coefficients but the mean.

use std::ops::RangeInclusive;

use super::bits::Bits;
use super::fault::Flaw;
use super::huffman::Table;

/// A scan of some coefficients of one component, between two restarts.
pub(super) struct Bands<'a> {
    table: &'a Table,
    /// The coefficients that the scan holds.
    band: RangeInclusive<usize>,
    /// Blocks to come that bring no coefficient which was zero before.
    run: u32,
}

impl<'a> Bands<'a> {
    pub(super) fn new(table: &'a Table, band: RangeInclusive<usize>) -> Self {
        Self { table, band, run: 0 }
    }

    /// Blocks still to come that the data has promised.
    pub(super) fn promised(&self) -> u32 {
        self.run
    }

    /// Reads the first bits of a block's coefficients. `set` has a bit for each that is not zero.
    pub(super) fn first(&mut self, bits: &mut Bits, set: &mut u64) -> Result<(), Flaw> {
        if self.run > 0 {
            self.run -= 1;
            return Ok(());
        }
        let (mut k, last) = (*self.band.start(), *self.band.end());
        while k <= last {
            bits.refill();
            let code = self.table.next(bits)?;
            let (zeros, size) = (usize::from(code.symbol >> 4), u32::from(code.symbol & 15));
            bits.skip(u32::from(code.length));
            if size > 0 {
                k += zeros;
                if k > last {
                    return Err(Flaw::Coefficients);
                }
                bits.skip(size);
                *set |= 1 << k;
                k += 1;
            } else if zeros < 15 {
                self.run = blocks_without(bits, zeros as u32) - 1;
                return Ok(());
            } else {
                k += 16;
            }
        }
        if k > last + 1 { Err(Flaw::Coefficients) } else { Ok(()) }
    }

    /// Reads one more bit of each coefficient of a block.
    pub(super) fn refine(&mut self, bits: &mut Bits, set: &mut u64) -> Result<(), Flaw> {
        // those of the band that have not been come to
        let mut ahead = (u64::MAX >> (63 - self.band.end())) & (u64::MAX << self.band.start());
        while self.run == 0 && ahead != 0 {
            bits.refill();
            let code = self.table.next(bits)?;
            let (zeros, size) = (u32::from(code.symbol >> 4), u32::from(code.symbol & 15));
            bits.skip(u32::from(code.length));
            if size == 0 && zeros < 15 {
                self.run = blocks_without(bits, zeros);
                break;
            }
            if size > 1 {
                return Err(Flaw::Code);
            }
            // its sign
            bits.skip(size);
            let mut zero = ahead & !*set;
            for _ in 0..zeros {
                zero &= zero.wrapping_sub(1);
            }
            if zero == 0 {
                return Err(Flaw::Coefficients);
            }
            let k = zero.trailing_zeros();
            let behind = (u64::MAX << k) << 1;
            bits.pass((ahead & !behind & *set).count_ones());
            *set |= u64::from(size) << k;
            ahead &= behind;
        }
        if self.run > 0 {
            bits.pass((ahead & *set).count_ones());
            self.run -= 1;
        }
        Ok(())
    }
}

/// The number of blocks, this one included, that bring nothing more: 2^`size` and a number of `size` bits.
fn blocks_without(bits: &mut Bits, size: u32) -> u32 {
    bits.refill();
    (1 << size) + bits.take(size) as u32
}
