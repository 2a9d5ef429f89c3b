//! How the product of a convolution is cut into tasks: a function of its shape and the instruction set alone.
//!
//! Whichever is larger, the map that the rows are of or the weights, goes through the cache once: a task has
//! a few rows and all columns, or all rows (or very many) and a few columns. The numbers below were found by
//! measuring.

use std::ops::Range;

use super::scratch::Scratch;
use crate::parallel;
use crate::products::{AMX_ROWS, ROW_MULTIPLE};
use crate::simd::Element;

/// The most rows of a task.
const MAX_ROWS: usize = 512;
/// The fewest tasks of a product.
const MIN_TASKS: usize = 4;

/// Multiply-adds of a task by vectors. Small products are soon done: cutting them up would cost more.
const TASK_MACS: usize = 1 << 20;
/// The most tasks by vectors.
const MAX_TASKS: usize = 16;
/// Tasks up to which blocks of rows make up for a lack of columns: three leave one of two threads idle for a
/// third of the time.
const EVEN_TASKS: usize = 8;
/// Values of both sides of a task by vectors, about a quarter of L2.
const TASK_VALUES: usize = 1 << 16;
/// The fewest rows of a task by vectors.
const MIN_ROWS: usize = 48;
/// The fewest tasks that the rows of a large map are cut into.
const MIN_BLOCKS: usize = 16;

/// Multiply-adds of a task by AMX tiles.
const AMX_TASK_MACS: usize = 1 << 23;
/// The most tasks by AMX tiles.
const AMX_MAX_TASKS: usize = 12;
/// Values of the rows of a task, for all taps, that each group of columns brings into AMX tiles anew: half of
/// L2.
const AMX_TASK_VALUES: usize = 1 << 19;
/// Rows that two AMX tiles hold.
const AMX_PAIR: usize = 2 * AMX_ROWS;
/// The fewest rows of a task by AMX tiles.
const AMX_MIN_ROWS: usize = 96;

/// A product to cut.
pub(super) struct Work {
    /// Rows.
    pub(super) pixels: usize,
    /// Panels of columns.
    pub(super) panels: usize,
    /// Matrices that are added up.
    pub(super) taps: usize,
    /// The longer side of each matrix.
    pub(super) depth: usize,
    /// Values of the map that the rows are of.
    pub(super) map: usize,
    /// Values of the weights.
    pub(super) weights: usize,
    /// Multiply-adds of the whole convolution.
    pub(super) macs: usize,
    /// Whether products of these maps are made by AMX tiles.
    pub(super) amx: bool,
}

impl Work {
    /// The fewest tasks, and the rows of each.
    fn tasks_and_rows(&self) -> (usize, usize) {
        match (self.weights > self.map, self.amx && self.taps > 1) {
            (true, false) => self.few_columns(),
            (true, true) => self.few_columns_amx(),
            (false, false) => {
                (MIN_TASKS, self.fitting_rows().clamp(MIN_ROWS, MAX_ROWS).next_multiple_of(ROW_MULTIPLE))
            }
            (false, true) => self.few_rows_amx(),
        }
    }

    /// Multiply-adds in units of a task's.
    fn tasks(&self) -> usize {
        self.macs / if self.amx { AMX_TASK_MACS } else { TASK_MACS }
    }

    /// Rows that leave room in the cache, and make enough tasks to share out.
    fn fitting_rows(&self) -> usize {
        (TASK_VALUES / self.depth).min(self.pixels.div_ceil(MIN_BLOCKS))
    }

    fn few_columns(&self) -> (usize, usize) {
        let tasks = self.tasks().clamp(MIN_TASKS, MAX_TASKS);
        let blocks = self.pixels.div_ceil(MAX_ROWS).max(tasks.min(EVEN_TASKS).div_ceil(self.panels));
        (tasks, self.pixels.div_ceil(blocks).next_multiple_of(ROW_MULTIPLE).max(ROW_MULTIPLE))
    }

    fn few_columns_amx(&self) -> (usize, usize) {
        let fitting = (AMX_TASK_VALUES / (self.taps * self.depth)).clamp(AMX_PAIR, MAX_ROWS);
        let blocks = self.pixels.div_ceil(fitting / AMX_PAIR * AMX_PAIR).max(1);
        let rows = self.pixels.div_ceil(blocks).next_multiple_of(AMX_PAIR).max(AMX_PAIR);
        (self.tasks().clamp(MIN_TASKS, AMX_MAX_TASKS), rows)
    }

    fn few_rows_amx(&self) -> (usize, usize) {
        let blocks = self.pixels.div_ceil(self.fitting_rows().clamp(AMX_MIN_ROWS, MAX_ROWS));
        // as many for each of two threads
        let even = if blocks > 1 { blocks.next_multiple_of(2) } else { 1 };
        (MIN_TASKS, self.pixels.div_ceil(even).next_multiple_of(AMX_ROWS).max(AMX_ROWS))
    }
}

/// Tasks of a product: blocks of rows times groups of panels of columns.
pub(super) struct Cut {
    pub(super) pixels: usize,
    /// Rows of a task.
    pub(super) block: usize,
    pub(super) panels: usize,
    pub(super) groups: usize,
}

impl Cut {
    /// The tasks of a product.
    pub(super) fn new(work: &Work) -> Self {
        let Work { pixels, panels, .. } = *work;
        let (tasks, block) = work.tasks_and_rows();
        // rows that are left for one row of AMX tiles are multiplied by two panels at once
        let most = if work.amx && work.taps > 1 { panels.div_ceil(2) } else { panels };
        let groups = tasks.div_ceil(pixels.div_ceil(block).max(1)).min(most);
        Self { pixels, block, panels, groups }
    }

    /// Runs `task(scratch, first row, rows, panels)` for each task.
    pub(super) fn run<E: Element>(
        &self,
        task: impl Fn(&mut Scratch<E>, usize, usize, Range<usize>) + Sync + Send,
    ) {
        let tasks = self.pixels.div_ceil(self.block) * self.groups;
        let run = |scratch: &mut Scratch<E>, i: usize| {
            let (start, group) = (i / self.groups * self.block, i % self.groups);
            let columns = group * self.panels / self.groups..(group + 1) * self.panels / self.groups;
            task(scratch, start, self.block.min(self.pixels - start), columns);
        };
        parallel::map_with(0..tasks, Scratch::new, run);
    }
}
