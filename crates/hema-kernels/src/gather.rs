//! Which pixels of one map a pixel of another takes from, as tables of addresses for [`gemm`](crate::gemm).
//!
//! Forward and backward are one thing here: along each axis, destination `i` of a class takes from source `mul * i + offset`
//! of each tap. Padding is the address of a row of zeros.

use crate::check_len;
use crate::element::Element;
use crate::gemm::{copy_rows, padded_rows};

/// The most input channels that are gathered by copying.
pub(crate) const FEW_CHANNELS: usize = 4;

/// Whether a product's rows of so many channels are copied: where there are few, addressing would be most of the work, and a
/// row must be whole words.
pub(crate) fn copies<E: Element>(channels: usize) -> bool {
    channels <= FEW_CHANNELS || !channels.is_multiple_of(E::PER_WORD)
}

/// How positions of a source axis correspond to positions of a destination axis, for a class of destinations.
///
/// Destination `first + step * i` takes from source `mul * i + offset` for each `(tap, offset)`.
pub(crate) struct Axis {
    pub(crate) count: usize,
    pub(crate) first: usize,
    pub(crate) step: usize,
    pub(crate) mul: usize,
    pub(crate) taps: Vec<(usize, isize)>,
    pub(crate) source: usize,
}

impl Axis {
    pub(crate) fn forward(input: usize, output: usize, kernel: usize, stride: usize, pad: usize) -> Self {
        let taps = (0..kernel).map(|k| (k, k as isize - pad as isize)).collect();
        Self { count: output, first: 0, step: 1, mul: stride, taps, source: input }
    }

    /// The inputs `class, class + stride, ...` collecting from the outputs they reached.
    pub(crate) fn backward(
        input: usize,
        output: usize,
        kernel: usize,
        stride: usize,
        pad: usize,
        class: usize,
    ) -> Self {
        let taps = (0..kernel)
            .map(|k| (k, (class + pad) as isize - k as isize))
            .filter(|(_, distance)| distance % stride as isize == 0)
            .map(|(k, distance)| (k, distance / stride as isize))
            .collect();
        let count = input.saturating_sub(class).div_ceil(stride);
        Self { count, first: class, step: stride, mul: 1, taps, source: output }
    }

    pub(crate) fn source(&self, i: usize, offset: isize) -> Option<usize> {
        usize::try_from((self.mul * i) as isize + offset).ok().filter(|&at| at < self.source)
    }
}

/// A source map of `channels` channels, and which of its pixels a class of destination pixels takes from.
pub(crate) struct Gather<'a, E> {
    map: &'a [E],
    channels: usize,
    batch: usize,
    pub(crate) rows: Axis,
    pub(crate) columns: Axis,
    zeros: Vec<E>,
}

impl<'a, E: Element> Gather<'a, E> {
    pub(crate) fn new(map: &'a [E], channels: usize, batch: usize, rows: Axis, columns: Axis) -> Self {
        check_len("map", map.len(), batch * rows.source * columns.source * channels);
        Self { map, channels, batch, rows, columns, zeros: vec![E::default(); channels] }
    }

    /// Destination pixels.
    pub(crate) fn pixels(&self) -> usize {
        self.batch * self.rows.count * self.columns.count
    }

    /// Index, among k x k, of each tap in use.
    pub(crate) fn taps(&self, kernel: usize) -> Vec<usize> {
        let columns = || self.columns.taps.iter().map(|c| c.0);
        self.rows.taps.iter().flat_map(|r| columns().map(move |c| r.0 * kernel + c)).collect()
    }

    /// Image, row and column index of destination pixel `i`.
    pub(crate) fn split(&self, i: usize) -> (usize, usize, usize) {
        let (row, column) = (i / self.columns.count, i % self.columns.count);
        (row / self.rows.count, row % self.rows.count, column)
    }

    /// Fills `table` with the source addresses of destination pixels `start..start + m`, tap by tap, each tap padded to whole
    /// tiles with the row of zeros. An address is of `channels` values.
    pub(crate) fn fill(&self, start: usize, m: usize, table: &mut Vec<*const E>) {
        table.clear();
        for &(_, row_offset) in &self.rows.taps {
            for &(_, column_offset) in &self.columns.taps {
                let (mut image, mut row, mut column) = self.split(start);
                let mut left = m;
                while left > 0 {
                    let run = left.min(self.columns.count - column);
                    if let Some(y) = self.rows.source(row, row_offset) {
                        let line = &self.map
                            [(image * self.rows.source + y) * self.columns.source * self.channels..]
                            [..self.columns.source * self.channels];
                        table.extend((column..column + run).map(|i| {
                            match self.columns.source(i, column_offset) {
                                // x < source columns, so the pixel lies in the line
                                Some(x) => line.as_ptr().wrapping_add(x * self.channels),
                                None => self.zeros.as_ptr(),
                            }
                        }));
                    } else {
                        table.extend(std::iter::repeat_n(self.zeros.as_ptr(), run));
                    }
                    left -= run;
                    column = 0;
                    row += 1;
                    if row == self.rows.count {
                        row = 0;
                        image += 1;
                    }
                }
                table.extend(std::iter::repeat_n(self.zeros.as_ptr(), padded_rows(m) - m));
            }
        }
    }

    /// Copies the taps of each pixel of a filled table side by side into `buffer`, with zeros up to a whole word, and makes
    /// `table` the addresses of these rows.
    pub(crate) fn materialise(&self, taps: usize, table: &mut Vec<*const E>, buffer: &mut Vec<E>) {
        let (m, c) = (table.len() / taps, self.channels);
        let width = (taps * c).next_multiple_of(E::PER_WORD);
        buffer.clear();
        buffer.resize(m * width, E::default());
        for (t, addresses) in table.chunks_exact(m).enumerate() {
            // SAFETY: addresses in a filled table are of `channels` values; row i's part for tap t lies in the buffer of m rows.
            unsafe { copy_rows(addresses, c, buffer.as_mut_ptr().add(t * c), width) };
        }
        table.clear();
        table.extend(buffer.chunks_exact(width).map(<[E]>::as_ptr));
    }
}
