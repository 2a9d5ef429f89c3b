//! Which pixels of one map a pixel of another takes from, as tables of addresses for
//! [`product`](super::product).
//!
//! Forward and backward are one thing here: along each axis, destination `i` of a class takes from source
//! `mul * i + offset` of each tap. Padding is the address of a row of zeros.

use std::ops::Range;

use super::{AMX_ROW_VALUES, AMX_ROWS, copy_rows, padded_rows, uses_amx};
use crate::parallel::{check_len, extents};
use crate::simd::Element;

/// The most input channels that are gathered by copying.
pub(crate) const FEW_CHANNELS: usize = 4;

/// Whether a product's rows of so many channels are copied: where there are few, addressing would be most of
/// the work, and a row must be whole words.
pub(crate) fn copies<E: Element>(channels: usize) -> bool {
    channels <= FEW_CHANNELS || !channels.is_multiple_of(E::PER_WORD)
}

/// Length of a row of `values` values copied side by side: whole words, or, where products go to tiles, whole
/// rows of them, which load in place then.
pub(crate) fn row_of<E: Element>(values: usize) -> usize {
    values.next_multiple_of(if uses_amx::<E>() { AMX_ROW_VALUES } else { E::PER_WORD })
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

/// Pixels along an axis as a signed number, of which a few can be added.
#[track_caller]
fn signed(pixels: usize) -> isize {
    let most = usize::MAX >> 4;
    assert!(pixels <= most, "found {pixels} pixels along an axis, expected no more than fit into memory");
    pixels as isize
}

impl Axis {
    pub(crate) fn forward(input: usize, output: usize, kernel: usize, stride: usize, pad: usize) -> Self {
        let pad = signed(pad);
        let taps = (0..kernel).map(|k| (k, k as isize - pad)).collect();
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
        let from = signed(class) + signed(pad);
        let taps = (0..kernel)
            .map(|k| (k, from - k as isize))
            .filter(|(_, distance)| distance % stride as isize == 0)
            .map(|(k, distance)| (k, distance / stride as isize))
            .collect();
        let count = input.saturating_sub(class).div_ceil(stride);
        Self { count, first: class, step: stride, mul: 1, taps, source: output }
    }

    /// Panics if a place of a source or a destination is no signed number.
    #[track_caller]
    fn check(&self) {
        signed(self.source);
        signed(self.mul.saturating_mul(self.count));
        signed(self.step.saturating_mul(self.count).saturating_add(self.first));
    }

    /// Where destination `i` takes from, which may lie beyond the map.
    fn source(&self, i: usize, offset: isize) -> isize {
        (self.mul * i) as isize + offset
    }

    /// The destinations among `of` that take from within the map.
    fn inside(&self, offset: isize, of: &Range<usize>) -> Range<usize> {
        // the first destination whose source is at least `bound`
        let first = |bound: isize| usize::try_from(bound - offset).map_or(0, |b| b.div_ceil(self.mul));
        let start = first(0).clamp(of.start, of.end);
        start..first(self.source as isize).clamp(start, of.end)
    }

    /// The least offset of a tap, and how much more the greatest is.
    fn reach(&self) -> (isize, usize) {
        let offsets = || self.taps.iter().map(|(_, offset)| *offset);
        let (least, greatest) = (offsets().min().unwrap_or(0), offsets().max().unwrap_or(0));
        (least, (greatest - least) as usize)
    }

    /// Taps whose sources lie side by side: index of the first, its offset, and how many.
    fn runs(&self) -> Vec<(usize, isize, usize)> {
        let mut runs: Vec<(usize, isize, usize)> = Vec::new();
        for (i, &(_, offset)) in self.taps.iter().enumerate() {
            match runs.last_mut() {
                Some((_, first, length)) if *first + *length as isize == offset => *length += 1,
                _ => runs.push((i, offset, 1)),
            }
        }
        runs
    }
}

/// Neighbouring destination pixels of one line of an image.
struct Segment {
    /// Index, within the block, of the first.
    at: usize,
    image: usize,
    row: usize,
    columns: Range<usize>,
}

/// How a product finds its rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// In the map.
    InPlace,
    /// The taps of a pixel side by side, [`Gather::fill_side_by_side`].
    SideBySide,
    /// A part of the map copied so that rows are equally far apart, [`Gather::fill_evenly`].
    Evenly,
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
    /// # Panics
    /// If the map's length is not that of the sizes, or they are more than there can be.
    #[track_caller]
    pub(crate) fn new(map: &'a [E], channels: usize, batch: usize, rows: Axis, columns: Axis) -> Self {
        rows.check();
        columns.check();
        check_len("map", map.len(), extents::values("map", [batch, rows.source, columns.source, channels]));
        // addresses and copies of rows are counted by these
        extents::values("destination", [batch, rows.count, columns.count]);
        extents::values("taps of a pixel", [rows.taps.len(), columns.taps.len(), channels]);
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

    /// Panics unless there are destination pixels `start..start + m`.
    #[track_caller]
    fn check_pixels(&self, start: usize, m: usize) {
        let pixels = self.pixels();
        assert!(
            m > 0 && m <= pixels && start <= pixels - m,
            "found {m} pixels from {start} on, expected some of {pixels}"
        );
    }

    /// The lines that destination pixels `start..start + m` lie in.
    fn segments(&self, start: usize, m: usize) -> impl Iterator<Item = Segment> {
        let (mut image, mut row, mut column) = self.split(start);
        let mut at = 0;
        std::iter::from_fn(move || {
            let columns = column..self.columns.count.min(column + m - at);
            let segment = Segment { at, image, row, columns };
            at += segment.columns.len();
            column = 0;
            row += 1;
            if row == self.rows.count {
                row = 0;
                image += 1;
            }
            (!segment.columns.is_empty()).then_some(segment)
        })
    }

    /// A line of the source map, or nothing where it lies beyond the map.
    fn line(&self, image: usize, row: isize) -> Option<&'a [E]> {
        let row = usize::try_from(row).ok().filter(|&y| y < self.rows.source)?;
        let size = self.columns.source * self.channels;
        Some(&self.map[(image * self.rows.source + row) * size..][..size])
    }

    /// Fills `table` with the source addresses of destination pixels `start..start + m`, tap by tap, each tap
    /// padded to whole tiles with the row of zeros. An address is of `channels` values.
    pub(crate) fn fill(&self, start: usize, m: usize, table: &mut Vec<*const E>) {
        self.check_pixels(start, m);
        table.clear();
        let zeros = |count: usize| std::iter::repeat_n(self.zeros.as_ptr(), count);
        for &(_, row_offset) in &self.rows.taps {
            for &(_, column_offset) in &self.columns.taps {
                for segment in self.segments(start, m) {
                    let Some(line) = self.line(segment.image, self.rows.source(segment.row, row_offset))
                    else {
                        table.extend(zeros(segment.columns.len()));
                        continue;
                    };
                    let inside = self.columns.inside(column_offset, &segment.columns);
                    table.extend(zeros(inside.start - segment.columns.start));
                    table.extend(inside.clone().map(|i| {
                        // not negative, and within the line
                        let column = self.columns.source(i, column_offset) as usize;
                        line.as_ptr().wrapping_add(column * self.channels)
                    }));
                    table.extend(zeros(segment.columns.end - inside.end));
                }
                table.extend(zeros(padded_rows(m) - m));
            }
        }
    }

    /// The way to bring rows to a product. Tiles load rows that are equally far apart where they are; others
    /// have to be copied, for every tap. The lines of a single image can be padded so that they follow each
    /// other evenly, where they are no more tiles then.
    pub(crate) fn layout(&self) -> Layout {
        let (rows, columns) = (&self.rows, &self.columns);
        if copies::<E>(self.channels) {
            return Layout::SideBySide;
        }
        let taps = rows.taps.len() * columns.taps.len();
        if !uses_amx::<E>() || self.batch > 1 || rows.mul > 1 || taps < 2 {
            return Layout::InPlace;
        }
        let whole = |pixels: usize| pixels.next_multiple_of(AMX_ROWS);
        let evenly = whole(rows.count * (columns.count + columns.reach().1));
        if evenly <= whole(self.pixels()) { Layout::Evenly } else { Layout::InPlace }
    }

    /// Copies the pixels that destination pixels `start..start + m` of an image take from to `buffer`, at a
    /// stride of 1, so that for each tap the sources of neighbours, the last of a line and the first of the
    /// next included, are equally far apart. Fills `table` with their addresses, tap by tap, padded as by
    /// [`Gather::fill`], and `of` with the pixel that each row is of: those between lines, and those that
    /// make whole tiles, are of none.
    pub(crate) fn fill_evenly(
        &self,
        start: usize,
        m: usize,
        table: &mut Vec<*const E>,
        of: &mut Vec<Option<usize>>,
        buffer: &mut Vec<E>,
    ) {
        self.check_pixels(start, m);
        let Self { rows, columns, .. } = self;
        let ((above, more_rows), (before, more_columns)) = (rows.reach(), columns.reach());
        let (pitch, c) = (columns.count + more_columns, self.channels);
        let ((_, row, column), (_, last_row, last_column)) = (self.split(start), self.split(start + m - 1));
        // places count from the beginning of the first line
        let end = (last_row - row) * pitch + last_column + 1;
        let places = column..column + (end - column).next_multiple_of(AMX_ROWS);
        let reached = places.end + more_rows * pitch + more_columns;
        buffer.resize(reached.next_multiple_of(pitch) * c, E::default());
        for (line, row) in buffer.chunks_exact_mut(pitch * c).zip(row as isize + above..) {
            self.copy_line(row, before, line);
        }
        of.clear();
        of.extend(places.clone().map(|place| {
            let (line, column) = (place / pitch, place % pitch);
            (place < end && column < columns.count).then_some((row + line) * columns.count + column)
        }));
        table.clear();
        for &(_, row_offset) in &rows.taps {
            for &(_, column_offset) in &columns.taps {
                let offset = (row_offset - above) as usize * pitch + (column_offset - before) as usize;
                table.extend(places.clone().map(|place| buffer[(place + offset) * c..].as_ptr()));
                table.extend(std::iter::repeat_n(self.zeros.as_ptr(), padded_rows(of.len()) - of.len()));
            }
        }
    }

    /// Copies a line of the only image to `line`, from its pixel `first` on; zeros where that is beyond the
    /// map.
    fn copy_line(&self, row: isize, first: isize, line: &mut [E]) {
        let c = self.channels;
        line.fill(E::default());
        let source = self.line(0, row).unwrap_or_default();
        let source = source.get(first.max(0) as usize * c..).unwrap_or_default();
        let line = line.get_mut((-first).max(0) as usize * c..).unwrap_or_default();
        let count = source.len().min(line.len());
        line[..count].copy_from_slice(&source[..count]);
    }

    /// The taps of destination pixels `start..start + m` copied side by side into rows of `buffer`, with
    /// zeros up to [`row_of`] them, and `table` made the addresses of these rows, padded as by
    /// [`Gather::fill`]: one tap where there are any, else none.
    pub(crate) fn fill_side_by_side(
        &self,
        start: usize,
        m: usize,
        table: &mut Vec<*const E>,
        buffer: &mut Vec<E>,
    ) {
        self.check_pixels(start, m);
        let (c, taps) = (self.channels, self.columns.taps.len());
        let width = row_of::<E>(self.rows.taps.len() * taps * c);
        // the end of each row, which no task writes, stays zero
        buffer.resize(padded_rows(m) * width, E::default());
        // neighbouring taps are neighbours in the map too, and are copied together
        let runs = self.columns.runs();
        for (i, &(_, row_offset)) in self.rows.taps.iter().enumerate() {
            for segment in self.segments(start, m) {
                let line = self.line(segment.image, self.rows.source(segment.row, row_offset));
                for &(first, offset, length) in &runs {
                    let columns = &segment.columns;
                    // destinations all of whose taps in the run lie within the map
                    let inside = self.columns.inside(offset, columns);
                    let last = self.columns.inside(offset + length as isize - 1, columns);
                    let whole = match line {
                        Some(_) => {
                            inside.start.min(last.end)
                                ..last.end.min(inside.end).max(inside.start.min(last.end))
                        }
                        None => columns.end..columns.end,
                    };
                    let place = |column: usize| {
                        (segment.at + column - columns.start) * width + (i * taps + first) * c
                    };
                    for column in (columns.start..whole.start).chain(whole.end..columns.end) {
                        let to = &mut buffer[place(column)..][..length * c];
                        to.fill(E::default());
                        let from = self.columns.source(column, offset);
                        let until = (from + length as isize).min(self.columns.source as isize);
                        if let Some(line) = line
                            && from.max(0) < until
                        {
                            let values = &line[from.max(0) as usize * c..until as usize * c];
                            to[(from.max(0) - from) as usize * c..][..values.len()].copy_from_slice(values);
                        }
                    }
                    if let Some(line) = line
                        && !whole.is_empty()
                    {
                        let from = self.columns.source(whole.start, offset) as usize * c;
                        let to = &mut buffer[place(whole.start)..];
                        copy_rows(&line[from..], self.columns.mul * c, length * c, whole.len(), to, width);
                    }
                }
            }
        }
        table.clear();
        if width > 0 {
            table.extend(buffer.chunks_exact(width).map(<[E]>::as_ptr));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_evenly_are_the_same_rows_at_equal_distances() {
        let [height, width, channels] = [5, 6, 4];
        let map: Vec<f32> = (0..height * width * channels).map(|i| i as f32 + 1.0).collect();
        for (kernel, pad) in [(3, 1), (3, 0), (2, 1), (5, 2), (5, 4)] {
            let axis = |source| Axis::forward(source, source + 2 * pad - kernel + 1, kernel, 1, pad);
            let gather = Gather::new(&map, channels, 1, axis(height), axis(width));
            let (mut expected, mut table, mut of, mut buffer) = (vec![], vec![], vec![], vec![f32::NAN; 7]);
            for start in 0..gather.pixels() {
                for m in 1..=gather.pixels() - start {
                    gather.fill(start, m, &mut expected);
                    gather.fill_evenly(start, m, &mut table, &mut of, &mut buffer);
                    assert!(of.len().is_multiple_of(AMX_ROWS));
                    let pixels = of.iter().copied().flatten();
                    assert!(pixels.eq(start..start + m), "{start} {m}: {of:?}");
                    let taps = table.chunks_exact(padded_rows(of.len()));
                    for (found, expected) in taps.zip(expected.chunks_exact(padded_rows(m))) {
                        let rows = found.iter().zip(&of).filter(|(_, pixel)| pixel.is_some());
                        for ((&found, _), &expected) in rows.zip(expected) {
                            // SAFETY: both are addresses of a pixel's values, in the buffer and in the map or
                            // its zeros.
                            let [found, expected] = [found, expected]
                                .map(|at| unsafe { std::slice::from_raw_parts(at, channels) });
                            assert_eq!(found, expected);
                        }
                        for pair in found[..of.len()].windows(2) {
                            assert_eq!(pair[1].addr() - pair[0].addr(), channels * size_of::<f32>());
                        }
                    }
                }
            }
        }
    }
}
