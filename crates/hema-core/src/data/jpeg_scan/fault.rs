//! What can be wrong with a JPEG file, in words.

use std::fmt;

/// What is wrong with a JPEG file.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// A header that contradicts itself, by its marker.
    Header(u8),
    /// More scans than this.
    TooManyScans(usize),
    /// A progressive scan that does not follow from those before it.
    Order,
    /// Some bits of some coefficients never came.
    MissingScans,
    /// A flaw in the coded data of a scan, counted from 1, and in which of its units it is, if that is known.
    In { scan: usize, unit: Option<usize>, units: usize, flaw: Flaw },
}

/// What is wrong with coded data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Flaw {
    /// It ends before its last block.
    Ends,
    /// This many bytes are left after its last block.
    LeftOver(usize),
    /// A code that no table has, or that means nothing here.
    Code,
    /// A promise of more blocks than there are.
    Blocks,
    /// A block with more coefficients than it has room for.
    Coefficients,
    /// A block darker than black or brighter than white.
    Range,
    /// This many zero bytes in a row, which no picture has.
    Zeros(usize),
    /// Another restart marker than the one whose turn it is.
    Restart { found: u8, expected: u8 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(marker) => write!(f, "its header of the kind 0xff{marker:02x} contradicts itself"),
            Self::TooManyScans(most) => write!(f, "it has more than {most} scans"),
            Self::Order => f.write_str("its scans are out of order, or some are missing"),
            Self::MissingScans => f.write_str("its last scans are missing"),
            Self::In { scan, unit, units, flaw } => {
                write!(f, "{flaw}")?;
                if let Some(unit) = unit {
                    write!(f, ", in block {} of {units}", unit + 1)?;
                }
                if *scan > 1 { write!(f, " of scan {scan}") } else { Ok(()) }
            }
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ends => f.write_str("its coded data ends early"),
            Self::LeftOver(bytes) => write!(f, "its coded data has {bytes} bytes left over"),
            Self::Code => f.write_str("its coded data holds a code without meaning"),
            Self::Blocks => f.write_str("its coded data speaks of more blocks than there are"),
            Self::Coefficients => f.write_str("its coded data overfills a block"),
            Self::Range => f.write_str("its coded data goes beyond black and white"),
            Self::Zeros(bytes) => write!(f, "its coded data holds {bytes} zero bytes in a row"),
            Self::Restart { found, expected } => {
                write!(f, "its restart marker {found} stands where {expected} belongs")
            }
        }
    }
}
