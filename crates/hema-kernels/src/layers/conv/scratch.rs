//! Buffers of a task.

use crate::products::{Gather, Layout, OuterRows};
use crate::simd::Element;

/// Buffers of one task, reused by the tasks a thread runs after each other.
pub(super) struct Scratch<E> {
    pub(super) table: Vec<*const E>,
    pub(super) other: Vec<*const E>,
    pub(super) out: Vec<*mut E>,
    /// Copies of rows that the table has the addresses of.
    pub(super) copied: Vec<E>,
    /// The pixel that each row is of.
    pub(super) of: Vec<Option<usize>>,
    /// Where the sums of rows that are of no pixel go.
    pub(super) nowhere: Vec<E>,
    /// Inputs and products of [`winograd`]'s tiles.
    pub(super) tiles: [Vec<E>; 2],
    pub(super) rows: [OuterRows; 2],
    /// Gradients of weights that are not yet in order.
    pub(super) sums: Vec<f32>,
}

impl<E> Scratch<E> {
    pub(super) fn new() -> Self {
        let rows = [OuterRows::new(), OuterRows::new()];
        let tiles = [Vec::new(), Vec::new()];
        Self {
            table: Vec::new(),
            other: Vec::new(),
            out: Vec::new(),
            copied: Vec::new(),
            of: Vec::new(),
            nowhere: Vec::new(),
            tiles,
            rows,
            sums: Vec::new(),
        }
    }

    /// Fills the table for pixels `start..start + m` and empties that of the output.
    pub(super) fn fill(&mut self, gather: &Gather<E>, start: usize, m: usize, side_by_side: bool)
    where
        E: Element,
    {
        if side_by_side {
            gather.fill_side_by_side(start, m, &mut self.table, &mut self.copied);
        } else {
            gather.fill(start, m, &mut self.table);
        }
        self.out.clear();
    }

    /// Fills the table and that of the output, of rows of `outputs` values, for the product of pixels
    /// `start..start + m`.
    pub(super) fn fill_for_product(
        &mut self,
        gather: &Gather<E>,
        start: usize,
        m: usize,
        outputs: usize,
        row: impl Fn(usize) -> *mut E,
    ) where
        E: Element,
    {
        let layout = gather.layout();
        if layout == Layout::Evenly {
            gather.fill_evenly(start, m, &mut self.table, &mut self.of, &mut self.copied);
            self.nowhere.resize(outputs, E::default());
            let nowhere = self.nowhere.as_mut_ptr();
            self.out.clear();
            self.out.extend(self.of.iter().map(|pixel| pixel.map_or(nowhere, &row)));
        } else {
            self.fill(gather, start, m, layout == Layout::SideBySide);
            self.out.extend((start..start + m).map(row));
        }
    }
}

// SAFETY: the addresses are refilled by each task before use; between tasks they are dead values.
unsafe impl<E: Send> Send for Scratch<E> {}
