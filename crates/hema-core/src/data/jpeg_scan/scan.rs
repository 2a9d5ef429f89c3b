//! The coded data of a scan, from its first block to its last.

use std::ops::{Range, RangeInclusive};

use super::bits::{Bits, unstuff};
use super::fault::Flaw;
use super::frame::{Frame, Parameters};
use super::huffman::Table;
use super::progressive::Bands;
use super::sequential::{block, difference};
use super::tables::Tables;

/// Zero bytes in a row that no picture has where zeros stand for coefficients: 85 of them, all alike.
const ZEROS: usize = 32;

/// The largest mean of a block on the decoder's scale, where black is -1024 and white 1016. Encoders may
/// overshoot.
const BRIGHTEST: i64 = 1024 + 256;

/// A scan: what its blocks hold, and how they are coded.
pub(super) struct Scan<'a> {
    parts: Vec<Part>,
    coding: Coding<'a>,
    units: usize,
    /// Units between two restart markers.
    interval: usize,
    lowest_bit: u8,
}

/// The blocks of one component.
struct Part {
    /// Position in the frame.
    component: usize,
    /// Blocks in each unit.
    blocks: usize,
    /// The step of their mean.
    step: i64,
}

/// What is coded of each block, with the tables for it: a table, or a pair, for each part.
enum Coding<'a> {
    /// All of it.
    Blocks(Vec<(&'a Table, &'a Table)>),
    /// The first bits of its mean.
    Means(Vec<&'a Table>),
    /// One bit of its mean.
    MeanBits,
    /// The first bits of other coefficients, of one component.
    Band(&'a Table, RangeInclusive<usize>),
    /// One bit of other coefficients, of one component.
    BandBits(&'a Table, RangeInclusive<usize>),
}

/// A flaw and the unit that has it, where that is known.
type Found = (Option<usize>, Flaw);

impl<'a> Scan<'a> {
    /// The scan of a header; `None` when a table that it needs was never defined.
    pub(super) fn new(parameters: &Parameters, frame: &Frame, tables: &'a Tables) -> Option<Self> {
        let Parameters { components, band, refines, lowest_bit } = parameters;
        let dc = |[_, place, _]: &[usize; 3]| tables.dc.get(*place)?.as_ref();
        let ac = |[_, _, place]: &[usize; 3]| tables.ac.get(*place)?.as_ref();
        let coding = match (frame.progressive, *band.start() == 0, refines) {
            (false, ..) => {
                Coding::Blocks(components.iter().map(|c| Some((dc(c)?, ac(c)?))).collect::<Option<_>>()?)
            }
            (true, true, false) => Coding::Means(components.iter().map(dc).collect::<Option<_>>()?),
            (true, true, true) => Coding::MeanBits,
            (true, false, false) => Coding::Band(ac(&components[0])?, band.clone()),
            (true, false, true) => Coding::BandBits(ac(&components[0])?, band.clone()),
        };
        let alone = components.len() == 1;
        let part = |[component, ..]: &[usize; 3]| {
            let own = &frame.components[*component];
            let step = tables.steps.get(own.quantisation).copied().flatten();
            Part {
                component: *component,
                blocks: if alone { 1 } else { own.blocks_in_unit },
                step: i64::from(step.unwrap_or(0)),
            }
        };
        let parts: Vec<Part> = components.iter().map(part).collect();
        let units = if alone { frame.components[parts[0].component].blocks } else { frame.units };
        let interval = if tables.restart_interval == 0 { units } else { tables.restart_interval };
        Some(Self { parts, coding, units, interval, lowest_bit: *lowest_bit })
    }

    /// Units of the scan: blocks, or groups of blocks where it has several components.
    pub(super) fn units(&self) -> usize {
        self.units
    }

    /// Goes over the coded data and returns the bytes behind it.
    pub(super) fn check<'d>(&self, data: &'d [u8], frame: &mut Frame) -> Result<&'d [u8], Found> {
        let (mut rest, mut coded) = (data, Vec::new());
        for (restarts, start) in (0..self.units).step_by(self.interval).enumerate() {
            if restarts > 0 {
                rest = restart(rest, (restarts - 1) as u8 & 7).map_err(|flaw| (Some(start), flaw))?;
            }
            rest = unstuff(rest, &mut coded);
            let mut bits = Bits::new(&coded);
            self.check_units(start..self.units.min(start + self.interval), &mut bits, frame)?;
            let left_over = bits.left_over();
            if left_over > 0 {
                return Err((None, Flaw::LeftOver(left_over)));
            }
            if self.has_coefficients_of_zeros() {
                check_zeros(bits.taken_bytes())?;
            }
        }
        Ok(rest)
    }

    /// Goes over the units between two restart markers.
    fn check_units(&self, units: Range<usize>, bits: &mut Bits, frame: &mut Frame) -> Result<(), Found> {
        match &self.coding {
            Coding::Blocks(tables) => {
                self.each_block(units, bits, |bits, part| block(bits, tables[part].0, tables[part].1))
            }
            Coding::Means(tables) => {
                self.each_block(units, bits, |bits, part| difference(bits, tables[part]))
            }
            Coding::MeanBits => self.each_block(units, bits, |bits, _| {
                bits.pass(1);
                Ok(0)
            }),
            Coding::Band(table, band) => {
                self.each_band(units, bits, frame, Bands::new(table, band.clone()), Bands::first)
            }
            Coding::BandBits(table, band) => {
                self.each_band(units, bits, frame, Bands::new(table, band.clone()), Bands::refine)
            }
        }
    }

    /// Goes over blocks of all parts; `read` returns the difference of a block's mean from the one before.
    #[inline]
    fn each_block(
        &self,
        units: Range<usize>,
        bits: &mut Bits,
        read: impl Fn(&mut Bits, usize) -> Result<i32, Flaw>,
    ) -> Result<(), Found> {
        let mut means = [0_i64; 4];
        for unit in units {
            for (number, (part, mean)) in self.parts.iter().zip(&mut means).enumerate() {
                for _ in 0..part.blocks {
                    let difference = read(bits, number);
                    if bits.is_overdrawn() {
                        return Err((Some(unit), Flaw::Ends));
                    }
                    *mean += i64::from(difference.map_err(|flaw| (Some(unit), flaw))?);
                    if (*mean << self.lowest_bit).abs() * part.step > BRIGHTEST + part.step {
                        return Err((Some(unit), Flaw::Range));
                    }
                }
            }
        }
        Ok(())
    }

    /// Goes over blocks of the only part, by `read`.
    fn each_band<'b>(
        &self,
        units: Range<usize>,
        bits: &mut Bits,
        frame: &mut Frame,
        mut bands: Bands<'b>,
        read: impl Fn(&mut Bands<'b>, &mut Bits, &mut u64) -> Result<(), Flaw>,
    ) -> Result<(), Found> {
        let set = &mut frame.components[self.parts[0].component].set;
        set.resize(self.units, 0);
        let last = units.end - 1;
        for unit in units {
            let read = read(&mut bands, bits, &mut set[unit]);
            if bits.is_overdrawn() {
                return Err((Some(unit), Flaw::Ends));
            }
            read.map_err(|flaw| (Some(unit), flaw))?;
        }
        if bands.promised() > 0 { Err((Some(last), Flaw::Blocks)) } else { Ok(()) }
    }

    /// Whether zero bits, read on and on, are coefficients.
    fn has_coefficients_of_zeros(&self) -> bool {
        match &self.coding {
            Coding::Blocks(tables) => tables.iter().any(|(_, ac)| ac.of_zeros().is_coefficient()),
            Coding::Band(table, _) => table.of_zeros().is_coefficient(),
            Coding::Means(_) | Coding::MeanBits | Coding::BandBits(..) => false,
        }
    }
}

/// Passes over a restart marker, which must be the one with this number.
fn restart(mut data: &[u8], expected: u8) -> Result<&[u8], Flaw> {
    while let [0xff, 0xff, ..] = data {
        data = &data[1..];
    }
    match data {
        [0xff, marker @ 0xd0..=0xd7, rest @ ..] if marker & 7 == expected => Ok(rest),
        [0xff, marker @ 0xd0..=0xd7, ..] => Err(Flaw::Restart { found: marker & 7, expected }),
        _ => Err(Flaw::Ends),
    }
}

/// Looks for many zero bytes in a row.
fn check_zeros(data: &[u8]) -> Result<(), Found> {
    let mut row = 0;
    for word in data.as_chunks::<8>().0 {
        row = if *word == [0; 8] { row + 8 } else { 0 };
        if row + 8 > ZEROS {
            return Err((None, Flaw::Zeros(row)));
        }
    }
    Ok(())
}
