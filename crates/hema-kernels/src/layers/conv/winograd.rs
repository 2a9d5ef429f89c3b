//! Predictions by 3 x 3 filters of stride 1 with 16 multiplications for four outputs instead of 36:
//! Winograd's F(2 x 2, 3 x 3) (Lavin and Gray, 2016, arXiv 1509.09308).
//!
//! The output is cut into tiles of 2 x 2 pixels. The 4 x 4 inputs under a tile are transformed, and so are
//! the filters; each of the 16 positions is then a product of matrices, tiles by channels, and another
//! transformation makes outputs of the products. A task does all three for a few dozen tiles, which stay in
//! L2.
//!
//! For bf16 maps only: transformed inputs, filters and products are rounded as well, by which the error of an
//! output grows from 0.2 to about 0.4 % of its usual magnitude, as much as the maps around it have. fp32 maps
//! promise more digits than would be left.
//!
//! Left out on purpose: training (a deep network's first gradient was off by 24 % with tiles where it is by
//! 18 % without, and zeros of a gradient became small numbers, which Adam takes for a direction), and larger
//! tiles, which lose a bf16's bits.

use std::ops::Range;

use super::cut::Cut;
use super::scratch::Scratch;
use crate::parallel::{SharedMut, par_chunks, scratch};
use crate::products::{
    Epilogue, Order, Packed, REGISTER_ROWS, ROW_MULTIPLE, Sizes, copies, product, uses_amx,
};
use crate::simd::{
    Activation, Element, Kernel, MAX_LANES, Simd, dispatch, for_vectors, lanes, with_activation,
};

/// Values in a transformed tile.
const POSITIONS: usize = 16;

/// Values of a filter.
const TAPS: usize = 9;

/// Whether tiles are the faster way from `inputs` to `outputs` channels, whatever the map.
///
/// Counts instructions a tile and vector of channels: products, and about a hundred for each of the two
/// transformations. Weights that are large are those of small maps, where reading 16 values for 9 costs more
/// than is saved. Where products take an eighth of the instructions, the transformations would be most of the
/// work.
pub(super) fn pays<E: Element>(inputs: usize, outputs: usize) -> bool {
    const TRANSFORMATION: usize = 100;
    const MOST_FILTERS: usize = 1 << 16;
    let products = |positions: usize| positions * inputs * outputs / E::PER_WORD;
    let tiled = || products(POSITIONS) + TRANSFORMATION * (inputs + outputs);
    let possible = E::PER_WORD > 1 && !copies::<E>(inputs) && !uses_amx::<E>();
    possible && inputs * outputs <= MOST_FILTERS && 5 * tiled() < 4 * products(4 * TAPS)
}

/// Filters (outputs, inputs, 9), transformed and packed. `sizes` are those of the product, its taps those of
/// the filter.
pub(super) fn pack<E: Element>(weight: &[f32], sizes: Sizes) -> Packed<E> {
    /// Filters of one task.
    const CHUNK: usize = 1 << 12;
    let filters = weight.len() / TAPS;
    let mut transformed = scratch().take::<f32>(filters * POSITIONS);
    par_chunks(&mut transformed, CHUNK * POSITIONS, |i, out| {
        let count = out.len() / POSITIONS;
        // SAFETY: `count` filters on both sides.
        unsafe { dispatch(TransformFilters { filters: &weight[i * CHUNK * TAPS..][..count * TAPS], out }) };
    });
    let packed = Packed::new(&transformed, Sizes { taps: POSITIONS, ..sizes }, Order::ColumnsFirst);
    scratch().give(transformed);
    packed
}

/// A convolution by tiles of the map that it reads; the output has pixel (0, 0) of the filter at (-top,
/// -left).
pub(super) struct Winograd<'a, E> {
    pub(super) map: &'a [E],
    pub(super) batch: usize,
    /// Rows and columns of the map.
    pub(super) size: [usize; 2],
    /// Rows and columns of the output.
    pub(super) out_size: [usize; 2],
    /// Zeros above and to the left of the map.
    pub(super) pad: [usize; 2],
}

impl<E: Element> Winograd<'_, E> {
    /// Writes the output: `batch` maps of `out_size`, of as many channels as the packed filters have columns.
    pub(super) fn run(&self, filters: &Packed<E>, epilogue: Epilogue, out: &mut [E]) {
        let Sizes { k: inputs, n: outputs, .. } = filters.sizes;
        let [height, width] = self.out_size;
        assert_eq!(out.len(), self.batch * height * width * outputs, "length of the output");
        let zeros = vec![E::default(); inputs];
        let base = SharedMut::new(out.as_mut_ptr());
        self.cut(filters).run(|scratch, start, m, columns| {
            let Scratch { table, out, tiles: [transformed, products], .. } = scratch;
            table.clear();
            (start..start + m).for_each(|tile| self.gather(tile, inputs, &zeros, table));
            transformed.resize(POSITIONS * m * inputs, E::default());
            products.resize(POSITIONS * m * outputs, E::default());
            // SAFETY: 16 addresses of `inputs` values for each tile, and as many values in the buffer.
            unsafe { dispatch(TransformInputs { table, channels: inputs, out: transformed }) };
            for position in 0..POSITIONS {
                table.clear();
                let rows = transformed[position * m * inputs..][..m * inputs].chunks_exact(inputs);
                table.extend(rows.map(<[E]>::as_ptr));
                table.extend(std::iter::repeat_n(zeros.as_ptr(), REGISTER_ROWS - 1));
                out.clear();
                let rows = products[position * m * outputs..][..m * outputs].chunks_exact_mut(outputs);
                out.extend(rows.map(<[E]>::as_mut_ptr));
                // SAFETY: rows of `inputs` values, padded as the product wants them, and of `outputs` values
                // of a buffer of this task's own.
                unsafe { product(filters, columns.clone(), &[position], table, out, Epilogue::default()) };
            }
            out.clear();
            (start..start + m).for_each(|tile| self.scatter(tile, outputs, base.get(), out));
            let columns = columns_of(filters, columns);
            // SAFETY: 16 rows of `outputs` values for each tile, and four addresses of as many or null; a
            // pixel belongs to one tile, so the group's columns of it are this task's alone.
            unsafe {
                dispatch(TransformOutputs { products, channels: outputs, columns, table: out, epilogue });
            };
        });
    }

    /// Tiles in a column and a row of an output.
    fn tiles(&self) -> [usize; 2] {
        self.out_size.map(|size| size.div_ceil(2))
    }

    /// Blocks of tiles that leave room in L2, and groups of columns where there are few blocks.
    fn cut(&self, filters: &Packed<E>) -> Cut {
        const BYTES: usize = 1 << 19;
        const TASKS: usize = 4;
        let [rows, columns] = self.tiles();
        let tiles = self.batch * rows * columns;
        let bytes = POSITIONS * (filters.sizes.k + filters.sizes.n) * size_of::<E>();
        let block = (BYTES / bytes / ROW_MULTIPLE).max(1) * ROW_MULTIPLE;
        let groups = TASKS.div_ceil(tiles.div_ceil(block).max(1)).min(filters.panels());
        Cut { pixels: tiles, block, panels: filters.panels(), groups }
    }

    /// Image, and first row and column of the output, of a tile.
    fn place(&self, tile: usize) -> (usize, [usize; 2]) {
        let [rows, columns] = self.tiles();
        (tile / (rows * columns), [2 * (tile / columns % rows), 2 * (tile % columns)])
    }

    /// The addresses of the 16 pixels under a tile.
    fn gather(&self, tile: usize, channels: usize, zeros: &[E], table: &mut Vec<*const E>) {
        let (image, [row, column]) = self.place(tile);
        let [height, width] = self.size;
        let image = &self.map[image * height * width * channels..][..height * width * channels];
        let within = |i: usize, pad: usize, size: usize| i.checked_sub(pad).filter(|&i| i < size);
        for y in (row..row + 4).map(|y| within(y, self.pad[0], height)) {
            for x in (column..column + 4).map(|x| within(x, self.pad[1], width)) {
                table.push(match (y, x) {
                    (Some(y), Some(x)) => image[(y * width + x) * channels..].as_ptr(),
                    _ => zeros.as_ptr(),
                });
            }
        }
    }

    /// The addresses of a tile's four outputs, null where they lie beyond the map.
    fn scatter(&self, tile: usize, channels: usize, base: *mut E, table: &mut Vec<*mut E>) {
        let (image, [row, column]) = self.place(tile);
        let [height, width] = self.out_size;
        for (y, x) in [(row, column), (row, column + 1), (row + 1, column), (row + 1, column + 1)] {
            table.push(if y < height && x < width {
                base.wrapping_add(((image * height + y) * width + x) * channels)
            } else {
                std::ptr::null_mut()
            });
        }
    }
}

/// The columns of a product that lie in the given panels.
fn columns_of<E: Element>(filters: &Packed<E>, of: Range<usize>) -> Range<usize> {
    let lanes = lanes();
    let until = |end: usize| filters.widths().take(end).sum::<usize>() * lanes;
    until(of.start)..until(of.end).min(filters.sizes.n)
}

/// Transforms one axis of a filter: three values become four.
#[inline(always)]
fn filter_axis<S: Simd>(s: S, [a, b, c]: [S::V; 3]) -> [S::V; 4] {
    let half = s.splat(0.5);
    let ends = s.mul(half, s.add(a, c));
    let middle = s.mul(half, b);
    [a, s.add(ends, middle), s.sub(ends, middle), c]
}

/// Transforms one axis of the inputs.
#[inline(always)]
fn input_axis<S: Simd>(s: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 4] {
    [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(b, d)]
}

/// Transforms one axis of the products: four values become two.
#[inline(always)]
fn output_axis<S: Simd>(s: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 2] {
    [s.add(a, s.add(b, c)), s.sub(s.sub(b, c), d)]
}

/// Transforms filters of nine values to sixteen.
///
/// # Safety
/// Both are of equally many filters.
struct TransformFilters<'a> {
    filters: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for TransformFilters<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { filters, out } = self;
        let zero = s.splat(0.0);
        let count = out.len() / POSITIONS;
        let (mut from, mut to) = ([0.0f32; TAPS * MAX_LANES], [0.0f32; POSITIONS * MAX_LANES]);
        for first in (0..count).step_by(S::LANES) {
            let lanes = (count - first).min(S::LANES);
            // SAFETY: `lanes` filters remain; the buffers have room for 9 and 16 vectors.
            unsafe {
                for tap in (0..TAPS).step_by(S::LANES) {
                    let (filters, from) =
                        (filters.as_ptr().add(first * TAPS + tap), from.as_mut_ptr().add(tap * S::LANES));
                    s.transpose(filters, TAPS, lanes, (TAPS - tap).min(S::LANES), from, S::LANES);
                }
                let mut rows = [[zero; 4]; 3];
                for (i, row) in rows.iter_mut().enumerate() {
                    let from = from.as_ptr().add(3 * i * S::LANES);
                    *row = filter_axis(
                        s,
                        [s.load(from), s.load(from.add(S::LANES)), s.load(from.add(2 * S::LANES))],
                    );
                }
                for j in 0..4 {
                    let column = filter_axis(s, [rows[0][j], rows[1][j], rows[2][j]]);
                    for i in 0..4 {
                        s.store(to.as_mut_ptr().add((4 * i + j) * S::LANES), column[i]);
                    }
                }
                for position in (0..POSITIONS).step_by(S::LANES) {
                    let out = out.as_mut_ptr().add(first * POSITIONS + position);
                    let to = to.as_ptr().add(position * S::LANES);
                    s.transpose(to, S::LANES, S::LANES, lanes, out, POSITIONS);
                }
            }
        }
    }
}

/// Transforms tiles of 16 pixels; `out` is (position, tile, channel).
///
/// # Safety
/// `table` holds 16 addresses of `channels` values for each tile, `out` as many values in all.
struct TransformInputs<'a, E> {
    table: &'a [*const E],
    channels: usize,
    out: &'a mut [E],
}

impl<E: Element> Kernel for TransformInputs<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { table, channels, out } = self;
        let zero = s.splat(0.0);
        let step = out.len() / POSITIONS;
        for (i, pixels) in table.chunks_exact(POSITIONS).enumerate() {
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in each pixel and each row of the output.
                unsafe {
                    let mut columns = [[zero; 4]; 4];
                    for (j, column) in columns.iter_mut().enumerate() {
                        *column = input_axis(
                            s,
                            [
                                E::load_n(s, pixels[j].add(c), n),
                                E::load_n(s, pixels[4 + j].add(c), n),
                                E::load_n(s, pixels[8 + j].add(c), n),
                                E::load_n(s, pixels[12 + j].add(c), n),
                            ],
                        );
                    }
                    let mut out = out.as_mut_ptr().add(i * channels + c);
                    for y in 0..4 {
                        let row = input_axis(s, [columns[0][y], columns[1][y], columns[2][y], columns[3][y]]);
                        for v in row {
                            E::store_n(s, out, n, v);
                            out = out.wrapping_add(step);
                        }
                    }
                }
            });
        }
    }
}

/// Makes outputs of products, which are (position, tile, channel).
///
/// # Safety
/// `table` holds for each tile four addresses of `channels` values, of which nobody else touches the columns,
/// or null; `columns` are among the channels.
struct TransformOutputs<'a, E> {
    products: &'a [E],
    channels: usize,
    columns: Range<usize>,
    table: &'a [*mut E],
    epilogue: Epilogue<'a>,
}

impl<E: Element> Kernel for TransformOutputs<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { products, channels, columns, table, epilogue } = self;
        let zero = s.splat(0.0);
        let step = products.len() / POSITIONS;
        let width = columns.len();
        with_activation!(epilogue.act, A => {
            for (i, pixels) in table.chunks_exact(4).enumerate() {
                for_vectors!(S, width, |c, n| {
                    let c = columns.start + c;
                    // SAFETY: `n` columns remain from c in each row of the products, each output and the
                    // bias.
                    unsafe {
                        let mut from = products.as_ptr().add(i * channels + c);
                        let mut rows = [[zero; 2]; 4];
                        for row in &mut rows {
                            let mut values = [zero; 4];
                            for value in &mut values {
                                *value = E::load_n(s, from, n);
                                from = from.wrapping_add(step);
                            }
                            *row = output_axis(s, values);
                        }
                        let bias = match epilogue.bias {
                            Some(bias) => s.load_n(bias.as_ptr().add(c), n),
                            None => zero,
                        };
                        for x in 0..2 {
                            let column = output_axis(s, [rows[0][x], rows[1][x], rows[2][x], rows[3][x]]);
                            for y in 0..2 {
                                let out = pixels[2 * y + x];
                                if out.is_null() {
                                    continue;
                                }
                                let out = out.add(c);
                                E::store_n(s, out, n, A::value::<S, E>(s, s.add(column[y], bias)));
                            }
                        }
                    }
                });
            }
        });
    }
}
