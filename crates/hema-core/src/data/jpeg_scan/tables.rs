//! The tables that headers define, in four places each.

use super::huffman::Table;

/// Tables by their places, and the restart interval.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
    /// The step of the mean of a block, of each quantisation table.
    pub(super) steps: [Option<u16>; 4],
    /// Units between two restart markers; 0 for none.
    pub(super) restart_interval: usize,
}

impl Tables {
    pub(super) fn read_huffman(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((place, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk()?;
            let count = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(count)?;
            let tables = if place >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(place & 15))? = Some(Table::new(counts, symbols)?);
            segment = rest;
        }
        Some(())
    }

    pub(super) fn read_quantisation(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((place, rest)) = segment.split_first() {
            let is_wide = place >> 4 != 0;
            let (steps, rest) = rest.split_at_checked(if is_wide { 128 } else { 64 })?;
            let first = if is_wide { u16::from_be_bytes([steps[0], steps[1]]) } else { u16::from(steps[0]) };
            *self.steps.get_mut(usize::from(place & 15))? = Some(first);
            segment = rest;
        }
        Some(())
    }

    pub(super) fn read_restart_interval(&mut self, segment: &[u8]) -> Option<()> {
        self.restart_interval = usize::from(u16::from_be_bytes(*segment.first_chunk()?));
        Some(())
    }
}
