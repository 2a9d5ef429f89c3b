//! Blocks of sequential scans, and the means of blocks, which progressive ones code alike.

use super::bits::Bits;
use super::fault::Flaw;
use super::frame::COEFFICIENTS;
use super::huffman::{END_OF_BLOCK, Table};

/// Reads the difference of a block's mean from the one before.
#[inline]
pub(super) fn difference(bits: &mut Bits, table: &Table) -> Result<i32, Flaw> {
    bits.refill();
    let code = table.next(bits)?;
    let size = u32::from(code.symbol);
    if size > 15 {
        return Err(Flaw::Code);
    }
    bits.skip(u32::from(code.length));
    let value = bits.take(size);
    // the lower half of the numbers of a size are negative
    Ok(if size > 0 && value >> (size - 1) == 0 { value - (1 << size) + 1 } else { value })
}

/// Reads a whole block; returns the difference of its mean.
pub(super) fn block(bits: &mut Bits, dc: &Table, ac: &Table) -> Result<i32, Flaw> {
    // a copy of its own can stay in registers
    let mut own = *bits;
    let read = difference(&mut own, dc).and_then(|difference| others(&mut own, ac).map(|()| difference));
    *bits = own;
    read
}

/// Reads the coefficients of a block but its mean.
#[inline]
fn others(bits: &mut Bits, table: &Table) -> Result<(), Flaw> {
    let mut filled = 1;
    while filled < COEFFICIENTS {
        bits.refill();
        let code = table.next(bits)?;
        bits.skip(u32::from(code.total));
        filled += usize::from(code.advance);
    }
    if filled == COEFFICIENTS || filled >= usize::from(END_OF_BLOCK) {
        Ok(())
    } else {
        Err(Flaw::Coefficients)
    }
}
