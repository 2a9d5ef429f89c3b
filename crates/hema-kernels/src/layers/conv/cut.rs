//! Products cut into tasks.

use std::ops::Range;

use super::scratch::Scratch;
use crate::parallel;
use crate::simd::Element;

/// Tasks of a product: blocks of rows times groups of panels of columns.
pub(super) struct Cut {
    pub(super) pixels: usize,
    /// Rows of a task.
    pub(super) block: usize,
    pub(super) panels: usize,
    pub(super) groups: usize,
}

impl Cut {
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
