//! The components of a picture, how many blocks they have, and what has come of them.

use std::ops::RangeInclusive;

use super::fault::Fault;

/// Coefficients of a block.
pub(super) const COEFFICIENTS: usize = 64;

/// The picture as its frame header tells it.
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) components: Vec<Component>,
    /// Minimum coded units of a scan of several components.
    pub(super) units: usize,
}

/// One colour of the picture.
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks in a unit of a scan of several components.
    pub(super) blocks_in_unit: usize,
    /// Blocks of a scan of this component alone.
    pub(super) blocks: usize,
    /// The place of its quantisation table.
    pub(super) quantisation: usize,
    /// The lowest bit that has come of each coefficient.
    pub(super) lowest_bits: [Option<u8>; COEFFICIENTS],
    /// Of each block, a bit for every coefficient that is not zero so far; empty before the first scan that
    /// could tell.
    pub(super) set: Vec<u64>,
}

/// The header of a scan.
pub(super) struct Parameters {
    /// Of each component: its position in the frame, and the places of its tables for means and others.
    pub(super) components: Vec<[usize; 3]>,
    /// The coefficients.
    pub(super) band: RangeInclusive<usize>,
    /// Whether it brings further bits of what has come before.
    pub(super) refines: bool,
    /// The lowest bit that it brings.
    pub(super) lowest_bit: u8,
}

impl Parameters {
    /// Reads a scan header.
    pub(super) fn read(header: &[u8], frame: &Frame) -> Option<Self> {
        let (count, rest) = header.split_first()?;
        let (specifications, rest) = rest.split_at_checked(usize::from(*count) * 2)?;
        let [first, last, bits, ..] = *rest else { return None };
        let component = |[id, tables]: &[u8; 2]| {
            let position = frame.components.iter().position(|component| component.id == *id)?;
            Some([position, usize::from(tables >> 4), usize::from(tables & 15)])
        };
        let components: Vec<_> = specifications.as_chunks().0.iter().map(component).collect::<Option<_>>()?;
        if !(1..=4).contains(count) {
            return None;
        }
        if !frame.progressive {
            // what the rest says has no meaning there
            return Some(Self { components, band: 0..=COEFFICIENTS - 1, refines: false, lowest_bit: 0 });
        }
        let band = usize::from(first)..=usize::from(last);
        let is_band = if first == 0 { last == 0 } else { first <= last && last < 64 && *count == 1 };
        let (before, lowest_bit) = (bits >> 4, bits & 15);
        let is_next_bit = before == 0 || before == lowest_bit + 1;
        (is_band && is_next_bit && lowest_bit < 14).then_some(Self {
            components,
            band,
            refines: before > 0,
            lowest_bit,
        })
    }
}

impl Frame {
    /// Reads a frame header.
    pub(super) fn read(header: &[u8], progressive: bool) -> Option<Self> {
        let [_, h0, h1, w0, w1, count, rest @ ..] = header else { return None };
        let side = |bytes: [u8; 2]| usize::from(u16::from_be_bytes(bytes));
        let (width, height) = (side([*w0, *w1]), side([*h0, *h1]));
        let (specifications, _) = rest.as_chunks::<3>();
        let specifications = specifications.get(..usize::from(*count))?;
        if !(1..=4).contains(count) || width == 0 || height == 0 {
            return None;
        }
        let factors =
            |specification: &[u8; 3]| [specification[1] >> 4, specification[1] & 15].map(usize::from);
        let all: Vec<[usize; 2]> = specifications.iter().map(factors).collect();
        if all.iter().flatten().any(|factor| !(1..=4).contains(factor)) {
            return None;
        }
        let (across, down) = (all.iter().map(|f| f[0]).max()?, all.iter().map(|f| f[1]).max()?);
        let component = |(specification, [h, v]): (&[u8; 3], &[usize; 2])| Component {
            id: specification[0],
            blocks_in_unit: h * v,
            blocks: (width * h).div_ceil(across * 8) * (height * v).div_ceil(down * 8),
            quantisation: usize::from(specification[2]),
            lowest_bits: [None; COEFFICIENTS],
            set: Vec::new(),
        };
        let components = specifications.iter().zip(&all).map(component).collect();
        let units = width.div_ceil(across * 8) * height.div_ceil(down * 8);
        Some(Self { progressive, components, units })
    }

    /// Blocks of all components.
    pub(super) fn blocks(&self) -> usize {
        self.components.iter().map(|component| component.blocks).sum()
    }

    /// Coefficients of all components, with those that fill up the last units.
    pub(super) fn coefficients(&self) -> u64 {
        let in_unit: usize = self.components.iter().map(|component| component.blocks_in_unit).sum();
        (self.units * in_unit * COEFFICIENTS) as u64
    }

    /// Takes note of what a scan is going to bring.
    pub(super) fn announce(&mut self, parameters: &Parameters) -> Result<(), Fault> {
        let Parameters { components, band, refines, lowest_bit } = parameters;
        let before = refines.then_some(lowest_bit + 1);
        for [component, ..] in components {
            for bit in &mut self.components[*component].lowest_bits[band.clone()] {
                if self.progressive && *bit != before {
                    return Err(Fault::Order);
                }
                *bit = Some(*lowest_bit);
            }
        }
        Ok(())
    }

    /// Checks that every bit of every coefficient has come.
    pub(super) fn check_complete(&self) -> Result<(), Fault> {
        let mut bits = self.components.iter().flat_map(|component| component.lowest_bits);
        if bits.all(|lowest| lowest == Some(0)) { Ok(()) } else { Err(Fault::MissingScans) }
    }
}
