//! Huffman codes (T.81, annex C), looked up by the next bits.

use super::bits::Bits;
use super::fault::Flaw;
use super::frame::COEFFICIENTS;

/// Bits that are looked up at once; longer codes are rare.
const LOOK: u32 = 9;
/// The longest code.
const LONGEST: usize = 16;

/// The advance of a code that ends a block, beyond that of any other.
pub(super) const END_OF_BLOCK: u8 = 128;

/// A code, and what it means.
#[derive(Clone, Copy, Default)]
pub(super) struct Code {
    /// Bits of the code itself; 0 where there is none.
    pub(super) length: u8,
    /// The value that it stands for.
    pub(super) symbol: u8,
    /// In a block of a sequential scan: bits of the code and the number behind it.
    pub(super) total: u8,
    /// In a block of a sequential scan: coefficients that it fills, or [`END_OF_BLOCK`].
    pub(super) advance: u8,
}

/// A table of codes.
pub(super) struct Table {
    /// The code that begins with each number of [`LOOK`] bits.
    short: Box<[Code; 1 << LOOK]>,
    /// For each length, the number behind its last code, and the position of its first symbol less its first
    /// code.
    long: [(i32, i32); LONGEST + 1],
    symbols: Box<[u8]>,
}

impl Code {
    fn new(length: usize, symbol: u8) -> Self {
        let (run, size) = (symbol >> 4, symbol & 15);
        let advance = match (run, size) {
            (0, 0) => END_OF_BLOCK,
            (15, _) | (_, 1..) => run + 1,
            // has a meaning in progressive scans alone: overfills a block
            _ => COEFFICIENTS as u8,
        };
        Self { length: length as u8, symbol, total: length as u8 + size, advance }
    }

    /// Whether it stands for a coefficient that is not zero.
    pub(super) fn is_coefficient(self) -> bool {
        self.symbol & 15 != 0
    }
}

impl Table {
    /// The table of codes with so many of each length, from 1 to 16, for these symbols. `None` when there are
    /// more codes than that length allows.
    pub(super) fn new(counts: &[u8; LONGEST], symbols: &[u8]) -> Option<Self> {
        let mut short = Box::new([Code::default(); 1 << LOOK]);
        let mut long = [(0, 0); LONGEST + 1];
        let (mut code, mut position) = (0_usize, 0_usize);
        for (length, count) in (1..).zip(counts.map(usize::from)) {
            if code + count > 1 << length {
                return None;
            }
            long[length] = ((code + count) as i32, position as i32 - code as i32);
            if length <= LOOK as usize {
                let width = 1 << (LOOK as usize - length);
                for (code, symbol) in (code..).zip(&symbols[position..position + count]) {
                    short[code * width..][..width].fill(Code::new(length, *symbol));
                }
            }
            position += count;
            code = (code + count) * 2;
        }
        Some(Self { short, long, symbols: symbols.into() })
    }

    /// The next code of the bits, which is not taken.
    #[inline]
    pub(super) fn next(&self, bits: &Bits) -> Result<Code, Flaw> {
        let code = self.short[bits.peek(LOOK)];
        if code.length > 0 { Ok(code) } else { self.next_long(bits.peek(LONGEST as u32)) }
    }

    #[cold]
    fn next_long(&self, bits: usize) -> Result<Code, Flaw> {
        for length in LOOK as usize + 1..=LONGEST {
            let (code, (behind, offset)) = ((bits >> (LONGEST - length)) as i32, self.long[length]);
            if code < behind {
                let symbol = self.symbols.get((code + offset) as usize).ok_or(Flaw::Code)?;
                return Ok(Code::new(length, *symbol));
            }
        }
        Err(Flaw::Code)
    }

    /// The code that zero bits stand for, if any.
    pub(super) fn of_zeros(&self) -> Code {
        self.short[0]
    }
}
