//! Dense two-dimensional convolution, NHWC, square filters of any size and stride.
//!
//! Output pixels are numbered image by image and row by row and cut into blocks of a few dozen to a few hundred; a block is
//! one task. For each block the address of every (tap, pixel) is put into a table and [`gemm`](crate::gemm) does the rest, so
//! 1x1 and k x k, any stride and any padding, are one code path and no im2col matrix exists.
//!
//! * The gradient of the input is the same operation on the output's gradient: a pixel of the input collects the taps that
//!   reached it. With stride s the pixels fall into s x s classes with the same taps each; a class is one run, and no
//!   multiplication with a structural zero is done.
//! * The gradient of the weights cuts the pixels into a few parts whose sums are added in order, and, where the filter bank
//!   is large, the rows of the result as well.
//! * With very few input channels (the network's first layer) the taps of a block are copied side by side into a small
//!   im2col buffer: otherwise most of the work is addressing.
//!
//! Left out on purpose: dilation and groups (depthwise has its own kernel), Winograd.

use crate::act::Act;
use crate::element::Element;
use crate::gather::{Axis, FEW_CHANNELS, Gather, copies};
use crate::gemm::{Epilogue, OuterRows, Packed, Strides, join_rows, outer, padded_rows, product};
use crate::norm::{Partial, Stats};
use crate::workspace::scratch;
use crate::{SharedMut, check_len, par_chunks};
use rayon::prelude::*;

/// Zero padding of each side of a map, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Pad {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Pad {
    /// The same padding on all sides.
    pub fn all(p: usize) -> Self {
        Self { top: p, left: p, bottom: p, right: p }
    }

    /// TensorFlow's SAME padding: the output has `ceil(input / stride)` pixels and an odd pixel goes to the bottom and right.
    pub fn same(height: usize, width: usize, kernel: usize, stride: usize) -> Self {
        let total = |size: usize| ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
        let (h, w) = (total(height), total(width));
        Self { top: h / 2, left: w / 2, bottom: h - h / 2, right: w - w / 2 }
    }
}

/// The shape of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Images.
    pub batch: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Rows and columns of the filters.
    pub kernel: usize,
    /// Step of the filters in both directions.
    pub stride: usize,
    /// Zero padding of the input.
    pub pad: Pad,
}

/// Weights of a [`Conv2d`]'s forward pass in the order the kernel reads them.
pub(crate) struct PackedConv<E> {
    packed: Packed<E>,
    /// Its taps to be used, in the order of the table.
    used: Vec<usize>,
}

/// Buffers of one task, reused by the tasks a thread runs after each other.
struct Scratch<E> {
    table: Vec<*const E>,
    other: Vec<*const E>,
    out: Vec<*mut E>,
    im2col: Vec<E>,
    rows: [OuterRows; 2],
}

impl<E> Scratch<E> {
    fn new() -> Self {
        let rows = [OuterRows::new(), OuterRows::new()];
        Self { table: Vec::new(), other: Vec::new(), out: Vec::new(), im2col: Vec::new(), rows }
    }
}

// SAFETY: the addresses are refilled by each task before use; between tasks they are dead values.
unsafe impl<E: Send> Send for Scratch<E> {}

impl Conv2d {
    /// Rows of the output.
    pub fn out_height(&self) -> usize {
        (self.height + self.pad.top + self.pad.bottom - self.kernel) / self.stride + 1
    }

    /// Columns of the output.
    pub fn out_width(&self) -> usize {
        (self.width + self.pad.left + self.pad.right - self.kernel) / self.stride + 1
    }

    /// Values in the input (batch, height, width, inputs).
    pub fn in_len(&self) -> usize {
        self.batch * self.height * self.width * self.inputs
    }

    /// Values in the output (batch, `out_height`, `out_width`, outputs).
    pub fn out_len(&self) -> usize {
        self.batch * self.out_height() * self.out_width() * self.outputs
    }

    /// Values in the weights (outputs, inputs, kernel, kernel).
    pub fn weight_len(&self) -> usize {
        self.outputs * self.inputs * self.kernel * self.kernel
    }

    /// Multiply-adds of the forward pass.
    pub fn macs(&self) -> usize {
        self.out_len() * self.inputs * self.kernel * self.kernel
    }

    #[track_caller]
    fn check(&self) {
        let Self { batch, height, width, inputs, outputs, kernel, stride, pad } = *self;
        assert!(
            [batch, height, width, inputs, outputs, kernel, stride].into_iter().all(|n| n > 0)
                && height + pad.top + pad.bottom >= kernel
                && width + pad.left + pad.right >= kernel,
            "convolution: found {self:?}, expected positive sizes and a padded map no smaller than the filter"
        );
    }

    /// Whether the convolution is a product of two matrices, the pixels' rows as they lie in memory.
    fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.pad == Pad::default()
    }

    fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Pixels per task: about a quarter of L2 for both sides, whole tiles, and enough tasks to share out.
    fn block(&self, pixels: usize) -> usize {
        let fits = (1 << 16) / (self.inputs.max(self.outputs));
        fits.min(pixels.div_ceil(16)).clamp(48, 512).next_multiple_of(8)
    }

    fn gather<'a, E: Element>(&self, x: &'a [E]) -> Gather<'a, E> {
        let (k, s) = (self.kernel, self.stride);
        let rows = Axis::forward(self.height, self.out_height(), k, s, self.pad.top);
        let columns = Axis::forward(self.width, self.out_width(), k, s, self.pad.left);
        Gather::new(x, self.inputs, self.batch, rows, columns)
    }

    /// The weights in the order the kernel reads them, for any batch and map.
    pub(crate) fn pack<E: Element>(&self, weight: &[f32]) -> PackedConv<E> {
        check_len("weight", weight.len(), self.weight_len());
        let (taps, c) = (self.taps(), self.inputs);
        let at = Strides { tap: 1, k: taps, n: c * taps };
        let all: Vec<usize> = (0..taps).collect();
        if copies::<E>(c) {
            PackedConv { packed: side_by_side(weight, &all, c, self.outputs, at), used: vec![0] }
        } else {
            PackedConv { packed: Packed::new(weight, taps, c, self.outputs, at), used: all }
        }
    }

    /// `y = x * weight (+ bias)`, then `act`. `x` is (batch, height, width, inputs), `y` (batch, `out_height`, `out_width`,
    /// outputs), `weight` (outputs, inputs, kernel, kernel), `bias` (outputs).
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn forward<E: Element>(&self, x: &[E], weight: &[f32], bias: Option<&[f32]>, act: Act, y: &mut [E]) {
        self.forward_packed(x, &self.pack(weight), bias, act, y);
    }

    /// [`Conv2d::forward`] with weights packed before. Where there are few pixels, the columns are cut up as well.
    pub(crate) fn forward_packed<E: Element>(
        &self,
        x: &[E],
        weight: &PackedConv<E>,
        bias: Option<&[f32]>,
        act: Act,
        y: &mut [E],
    ) {
        const TASKS: usize = 4;
        self.check_forward(x, y);
        bias.inspect(|bias| check_len("bias", bias.len(), self.outputs));
        let gather = self.gather(x);
        let pixels = gather.pixels();
        let block = self.block(pixels);
        let (blocks, panels) = (pixels.div_ceil(block), weight.packed.panels());
        let groups = TASKS.div_ceil(blocks).min(panels);
        let base = SharedMut(y.as_mut_ptr());
        let epilogue = Epilogue { bias, act, add: false };
        let task = |scratch: &mut Scratch<E>, task: usize| {
            let (i, group) = (task / groups, task % groups);
            let (start, m) = (i * block, block.min(pixels - i * block));
            let columns = group * panels / groups..(group + 1) * panels / groups;
            self.fill(&gather, start, m, scratch);
            let row = |pixel| base.get().wrapping_add(pixel * self.outputs);
            scratch.out.extend((start..start + m).map(row));
            // SAFETY: `fill` gives addresses of as many values as the packed weights have rows; the pixels' rows of `y` and the
            // group's columns of them are this task's alone.
            unsafe { product(&weight.packed, columns, &weight.used, &scratch.table, &scratch.out, epilogue) };
        };
        if blocks * groups == 1 {
            task(&mut Scratch::new(), 0);
        } else {
            (0..blocks * groups).into_par_iter().for_each_init(Scratch::new, task);
        }
    }

    /// [`Conv2d::forward`] without bias or activation that also returns the statistics of each output channel, gathered block
    /// by block while the block is in the cache.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn forward_stats<E: Element>(&self, x: &[E], weight: &[f32], y: &mut [E]) -> Stats {
        self.check_forward(x, y);
        let weight = self.pack(weight);
        let gather = self.gather(x);
        let block = self.block(gather.pixels());
        let partials: Vec<Partial> = y
            .par_chunks_mut(block * self.outputs)
            .enumerate()
            .map_init(Scratch::new, |scratch, (i, y)| {
                self.fill(&gather, i * block, y.len() / self.outputs, scratch);
                scratch.out.extend(y.chunks_exact_mut(self.outputs).map(<[E]>::as_mut_ptr));
                let all = 0..weight.packed.panels();
                // SAFETY: as in `forward_packed`; the output rows are those of this task's own chunk.
                unsafe {
                    product(
                        &weight.packed,
                        all,
                        &weight.used,
                        &scratch.table,
                        &scratch.out,
                        Epilogue::default(),
                    );
                };
                Partial::of(y, self.outputs)
            })
            .collect();
        Stats::merge(self.outputs, &partials)
    }

    #[track_caller]
    fn check_forward<E>(&self, x: &[E], y: &[E]) {
        self.check();
        check_len("x", x.len(), self.in_len());
        check_len("y", y.len(), self.out_len());
    }

    /// Makes the table of the forward pass for `m` pixels and empties that of the output.
    fn fill<E: Element>(&self, gather: &Gather<E>, start: usize, m: usize, scratch: &mut Scratch<E>) {
        gather.fill(start, m, &mut scratch.table);
        if copies::<E>(self.inputs) {
            gather.materialise(self.taps(), &mut scratch.table, &mut scratch.im2col);
        }
        scratch.out.clear();
    }

    /// Gradient of the input: `dx` like `x`, from `dy` like `y`.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn grad_input<E: Element>(&self, dy: &[E], weight: &[f32], dx: &mut [E]) {
        self.run_grad_input(dy, weight, false, dx);
    }

    /// [`Conv2d::grad_input`] added to what `dx` holds, as where a residual connection joins.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn grad_input_add<E: Element>(&self, dy: &[E], weight: &[f32], dx: &mut [E]) {
        self.run_grad_input(dy, weight, true, dx);
    }

    fn run_grad_input<E: Element>(&self, dy: &[E], weight: &[f32], add: bool, dx: &mut [E]) {
        self.check();
        check_len("dy", dy.len(), self.out_len());
        check_len("weight", weight.len(), self.weight_len());
        check_len("dx", dx.len(), self.in_len());
        let (taps, c) = (self.taps(), self.inputs);
        let at = Strides { tap: 1, k: c * taps, n: taps };
        let copied = copies::<E>(self.outputs);
        let packed = (!copied).then(|| Packed::<E>::new(weight, taps, self.outputs, c, at));
        let base = SharedMut(dx.as_mut_ptr());
        let (k, s) = (self.kernel, self.stride);
        let epilogue = Epilogue { add, ..Epilogue::default() };
        for class in 0..s * s {
            let rows = Axis::backward(self.height, self.out_height(), k, s, self.pad.top, class / s);
            let columns = Axis::backward(self.width, self.out_width(), k, s, self.pad.left, class % s);
            let gather = Gather::new(dy, self.outputs, self.batch, rows, columns);
            let mut used = gather.taps(k);
            let count = used.len();
            let own = copied.then(|| side_by_side(weight, &used, self.outputs, c, at));
            if copied {
                // side by side, all taps are one, and none is none
                used.truncate(1);
                used.fill(0);
            }
            let packed = own.as_ref().or(packed.as_ref()).expect("packed one way or the other");
            let pixels = gather.pixels();
            let block = self.block(pixels);
            (0..pixels.div_ceil(block)).into_par_iter().for_each_init(Scratch::new, |scratch, i| {
                let (start, m) = (i * block, block.min(pixels - i * block));
                gather.fill(start, m, &mut scratch.table);
                if copied && count > 0 {
                    gather.materialise(count, &mut scratch.table, &mut scratch.im2col);
                }
                scratch.out.clear();
                scratch.out.extend((start..start + m).map(|pixel| {
                    let (image, row, column) = gather.split(pixel);
                    let y = gather.rows.first + gather.rows.step * row;
                    let x = gather.columns.first + gather.columns.step * column;
                    base.get().wrapping_add(((image * self.height + y) * self.width + x) * c)
                }));
                // SAFETY: addresses as in `forward_packed`; a pixel of the input belongs to one class and one block of it, so
                // the output rows are this task's alone, and they lie in `dx` because row and column are within the map.
                unsafe { product(packed, 0..packed.panels(), &used, &scratch.table, &scratch.out, epilogue) };
            });
        }
    }

    /// Gradient of the weights: `dweight` like `weight`, from `x` and `dy`.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn grad_weight<E: Element>(&self, x: &[E], dy: &[E], dweight: &mut [f32]) {
        self.check();
        check_len("x", x.len(), self.in_len());
        check_len("dy", dy.len(), self.out_len());
        check_len("dweight", dweight.len(), self.weight_len());
        let few = self.inputs <= FEW_CHANNELS;
        let gather = self.gather(x);
        let pixels = gather.pixels();
        let plan = WeightPlan::new(self, pixels, few);
        let size = plan.taps * plan.ps * plan.qs;
        // one part in the weights' own order needs no sums of its own
        let direct = plan.parts == 1 && plan.outputs_first && self.taps() == 1;
        let mut sums = scratch().take::<f32>(if direct { 0 } else { plan.parts * size });
        let base = SharedMut(if direct { dweight.as_mut_ptr() } else { sums.as_mut_ptr() });
        // every group wants all columns; where these are a plain matrix they are joined once for all
        let joined = (plan.groups > 1 && self.is_pointwise() && E::PER_WORD > 1)
            .then(|| join_map(if plan.outputs_first { x } else { dy }, plan.qs));
        let tasks = plan.parts * plan.groups;
        (0..tasks).into_par_iter().for_each_init(Scratch::new, |scratch, task| {
            let (part, group) = (task / plan.groups, task % plan.groups);
            let first_p = (group * plan.group_rows).min(plan.ps);
            let ps = plan.group_rows.min(plan.ps - first_p);
            if ps == 0 {
                return;
            }
            for t in 0..plan.taps {
                // SAFETY: rows first_p.. of tap t of this part, inside `sums`, are this task's alone.
                unsafe {
                    let out = base.get().add(part * size + (t * plan.ps + first_p) * plan.qs);
                    std::slice::from_raw_parts_mut(out, ps * plan.qs).fill(0.0);
                }
            }
            let end = ((part + 1) * plan.part).min(pixels);
            let mut start = part * plan.part;
            while start < end {
                let m = plan.block.min(end - start);
                gather.fill(start, m, &mut scratch.table);
                if few {
                    gather.materialise(self.taps(), &mut scratch.table, &mut scratch.im2col);
                }
                scratch.other.clear();
                scratch
                    .other
                    .extend(dy[start * self.outputs..].chunks_exact(self.outputs).take(m).map(<[E]>::as_ptr));
                let [a, b] = &mut scratch.rows;
                // SAFETY: both tables hold m addresses of `ps` and `qs` values of maps that outlive the task; part, tap and
                // group select a range of `sums` that is this task's alone.
                unsafe {
                    if plan.outputs_first {
                        a.set(&scratch.other, first_p, ps);
                    } else if joined.is_none() {
                        b.set(&scratch.other, 0, plan.qs);
                    }
                    if let Some(joined) = &joined {
                        b.set_joined(&joined[start / 2 * plan.qs..][..m.div_ceil(2) * plan.qs], plan.qs);
                    }
                    for (t, addresses) in scratch.table.chunks_exact(padded_rows(m)).enumerate() {
                        if plan.outputs_first {
                            if joined.is_none() {
                                b.set(&addresses[..m], 0, plan.qs);
                            }
                        } else {
                            a.set(&addresses[..m], first_p, ps);
                        }
                        let out = base.get().add(part * size + (t * plan.ps + first_p) * plan.qs);
                        outer::<E>(a, b, ps, plan.qs, out);
                    }
                }
                start += m;
            }
        });
        if !direct {
            self.unpack(&plan, &sums, dweight);
        }
        scratch().give(sums);
        if let Some(joined) = joined {
            scratch().give(joined);
        }
    }

    /// Adds the parts and brings them from [`WeightPlan`]'s order (part, tap, p, q) into (outputs, inputs, kernel, kernel).
    fn unpack(&self, plan: &WeightPlan, sums: &[f32], dweight: &mut [f32]) {
        let (taps, c) = (self.taps(), self.inputs);
        let size = plan.taps * plan.ps * plan.qs;
        let (by_o, by_i) = if plan.outputs_first { (plan.qs, 1) } else { (1, plan.qs) };
        // side by side, the taps are part of the "channel"
        let by_tap = if plan.taps == 1 { c * by_i } else { plan.ps * plan.qs };
        // filters of one task: neighbours, because in one of the two orders their values lie side by side
        let filters = 16;
        par_chunks(dweight, filters * c * taps, |task, dweight| {
            dweight.fill(0.0);
            for sums in sums.chunks_exact(size) {
                for t in 0..taps {
                    for i in 0..c {
                        let sums = &sums[t * by_tap + i * by_i + task * filters * by_o..];
                        for (o, dweight) in dweight.chunks_exact_mut(c * taps).enumerate() {
                            dweight[i * taps + t] += sums[o * by_o];
                        }
                    }
                }
            }
        });
    }
}

/// The matrices of some taps, each `k` x `n`, as one: the right-hand side of taps copied side by side.
fn side_by_side<E: Element>(weight: &[f32], taps: &[usize], k: usize, n: usize, at: Strides) -> Packed<E> {
    let depth = (taps.len() * k).next_multiple_of(E::PER_WORD);
    let mut rows = vec![0.0; depth * n];
    for (row, out) in rows.chunks_exact_mut(n).enumerate().take(taps.len() * k) {
        for (column, out) in out.iter_mut().enumerate() {
            *out = weight[taps[row / k] * at.tap + row % k * at.k + column * at.n];
        }
    }
    Packed::new(&rows, 1, depth, n, Strides { tap: 0, k: n, n: 1 })
}

/// Every two rows of `n` values joined to a row of words, as [`OuterRows`] does for a few rows at a time.
fn join_map<E: Element>(map: &[E], n: usize) -> Vec<f32> {
    const ROWS: usize = 64;
    let mut words = scratch().take((map.len() / n).div_ceil(2) * n);
    words.par_chunks_mut(ROWS / 2 * n).zip(map.par_chunks(ROWS * n)).for_each(|(words, map)| {
        let rows: Vec<*const E> = map.chunks_exact(n).map(<[E]>::as_ptr).collect();
        // SAFETY: the rows have n values, and there are n words for every two of them.
        unsafe { join_rows(&rows, 0, n, words.as_mut_ptr()) };
    });
    words
}

/// How the gradient of the weights is cut up; a function of the shape alone.
struct WeightPlan {
    /// Products per pixel: the taps, or 1 where they are copied side by side.
    taps: usize,
    /// Whether the output channels are the rows (broadcast) and the input channels the columns (vectors).
    outputs_first: bool,
    ps: usize,
    qs: usize,
    /// Pixels are cut into this many parts of `part` pixels.
    parts: usize,
    part: usize,
    /// Rows are cut into this many groups of `group_rows`.
    groups: usize,
    group_rows: usize,
    /// Pixels whose rows are worked on together, so that they stay in the cache.
    block: usize,
}

impl WeightPlan {
    fn new(conv: &Conv2d, pixels: usize, few: bool) -> Self {
        const TASKS: usize = 16;
        const TILE: usize = 8;
        let (taps, inputs) = if few { (1, conv.inputs * conv.taps()) } else { (conv.taps(), conv.inputs) };
        let outputs = conv.outputs;
        // the side that wastes fewer lanes becomes the vectors; where neither does, the one that leaves the weights in order, or
        // the longer one
        let cost = |p: usize, q: usize| p.next_multiple_of(TILE) * q.next_multiple_of(16);
        let (as_rows, as_columns) = (cost(outputs, inputs), cost(inputs, outputs));
        let longer = conv.kernel == 1 || inputs >= outputs;
        let outputs_first = as_rows < as_columns || (as_rows == as_columns && longer);
        let (ps, qs) = if outputs_first { (outputs, inputs) } else { (inputs, outputs) };
        // each part costs one more set of sums: few of them where the sums are large
        let affordable = ((1 << 20) / (taps * ps * qs)).clamp(1, TASKS);
        let parts = pixels.div_ceil(512).clamp(1, affordable);
        let part = pixels.div_ceil(parts).next_multiple_of(TILE);
        let groups = (TASKS / parts).min(ps.div_ceil(TILE)).max(1);
        let group_rows = ps.div_ceil(groups).next_multiple_of(TILE);
        let block = ((1 << 16) / (inputs + outputs)).clamp(64, 256).next_multiple_of(TILE);
        Self { taps, outputs_first, ps, qs, parts, part, groups, group_rows, block }
    }
}

#[cfg(test)]
mod tests {
    use super::{Conv2d, Pad};
    use crate::act::Act;
    use crate::element::{Element, bf16};
    use crate::norm::Stats;
    use crate::reference::{self, assert_close, map, tolerance, values, wide};
    use crate::simd::Level;
    use crate::simd::testing::at_every_level;

    /// Odd sizes of everything, and channel counts on both sides of the vector and panel widths.
    fn shapes() -> Vec<Conv2d> {
        let mut shapes = Vec::new();
        let channels = [(1, 1), (3, 5), (3, 32), (8, 17), (13, 16), (16, 64), (31, 48), (33, 7), (50, 70)];
        for (i, &(inputs, outputs)) in channels.iter().enumerate() {
            for (j, &(kernel, stride)) in
                [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (5, 1), (5, 2), (7, 3)].iter().enumerate()
            {
                let (batch, height, width) =
                    (1 + (i + j) % 3, 1 + (3 * i + 5 * j) % 13, 1 + (7 * i + j) % 13);
                let mut pad = Pad::same(height, width, kernel, stride);
                if (i + j) % 2 == 0 && height >= kernel && width >= kernel {
                    pad = Pad { top: 0, left: 1, bottom: 2, right: 0 };
                }
                shapes.push(Conv2d { batch, height, width, inputs, outputs, kernel, stride, pad });
            }
        }
        shapes
    }

    #[test]
    fn forward_and_gradients_match_the_reference() {
        at_every_level(|level| {
            for shape in shapes() {
                check::<f32>(&shape, level);
                check::<bf16>(&shape, level);
            }
        });
    }

    /// Sizes at which a problem is cut into several blocks, parts and groups.
    #[test]
    fn several_tasks_match_the_reference() {
        at_every_level(|level| {
            for (height, inputs, outputs, kernel, stride) in [
                (40, 3, 16, 3, 2),
                (33, 16, 24, 3, 1),
                (24, 40, 8, 1, 1),
                (6, 72, 136, 1, 1),
                (1, 100, 300, 1, 1),
            ] {
                let pad = Pad::same(height, height, kernel, stride);
                let shape = Conv2d { batch: 3, height, width: height, inputs, outputs, kernel, stride, pad };
                check::<f32>(&shape, level);
                check::<bf16>(&shape, level);
            }
        });
    }

    fn check<E: Element>(shape: &Conv2d, level: Level) {
        let (name, tolerance) = (format!("{shape:?} {} {}", E::NAME, level.name()), tolerance::<E>());
        let (x, w) = (map::<E>(shape.in_len(), 1), wide(&map::<E>(shape.weight_len(), 2)));
        let (dy, bias) = (map::<E>(shape.out_len(), 3), values(shape.outputs, 4));
        let expected = reference::conv(shape, 1, &wide(&x), &w);

        let mut y = map::<E>(shape.out_len(), 5);
        let stats = shape.forward_stats(&x, &w, &mut y);
        assert_close(&name, &wide(&y), &expected, tolerance);
        let direct = Stats::of(&y, shape.outputs);
        // a mean may be small beside the values it is the mean of
        assert_close(&name, &stats.mean, &direct.mean, 1e-4);
        assert_close(&name, &stats.var, &direct.var, 1e-5);

        shape.forward(&x, &w, Some(&bias), Act::Silu, &mut y);
        let with_bias: Vec<f32> = expected
            .iter()
            .enumerate()
            .map(|(i, v)| reference::act(Act::Silu, v + bias[i % shape.outputs]))
            .collect();
        assert_close(&name, &wide(&y), &with_bias, tolerance);

        let mut dx = map::<E>(x.len(), 6);
        shape.grad_input(&dy, &w, &mut dx);
        let expected = reference::conv_grad_input(shape, 1, &wide(&dy), &w);
        assert_close(&name, &wide(&dx), &expected, tolerance);
        let before = wide(&dx);
        shape.grad_input_add(&dy, &w, &mut dx);
        let twice: Vec<f32> = before.iter().map(|d| 2.0 * d).collect();
        assert_close(&name, &wide(&dx), &twice, tolerance);

        // sums of exact products: as good from narrow maps as from wide ones
        let mut dw = vec![9.0; w.len()];
        shape.grad_weight(&x, &dy, &mut dw);
        assert_close(&name, &dw, &reference::conv_grad_weight(shape, 1, &wide(&x), &wide(&dy)), 1e-5);
    }

    /// The reference's own gradients: the loss `sum(y * dy)` is linear in each argument, so differences are exact but for
    /// rounding.
    #[test]
    fn reference_gradients_agree_with_finite_differences() {
        for (groups, inputs, outputs) in [(1, 2, 3), (2, 4, 6), (3, 3, 3)] {
            let pad = Pad { top: 1, left: 0, bottom: 2, right: 1 };
            let shape = Conv2d { batch: 2, height: 4, width: 5, inputs, outputs, kernel: 3, stride: 2, pad };
            let x = values(shape.in_len(), 1);
            let w = values(shape.weight_len() / groups, 2);
            let dy = values(shape.out_len(), 3);
            let loss = |x: &[f32], w: &[f32]| -> f64 {
                let y = reference::conv(&shape, groups, x, w);
                y.iter().zip(&dy).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            let slope = |f: &dyn Fn(f32) -> f64| ((f(0.5) - f(-0.5)) as f32).clamp(-1e6, 1e6);
            let moved = |v: &[f32], i: usize, by: f32| {
                let mut v = v.to_vec();
                v[i] += by;
                v
            };
            let dx: Vec<f32> = (0..x.len()).map(|i| slope(&|by| loss(&moved(&x, i, by), &w))).collect();
            let dw: Vec<f32> = (0..w.len()).map(|i| slope(&|by| loss(&x, &moved(&w, i, by)))).collect();
            assert_close("dx", &reference::conv_grad_input(&shape, groups, &dy, &w), &dx, 1e-5);
            assert_close("dw", &reference::conv_grad_weight(&shape, groups, &x, &dy), &dw, 1e-5);
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let pad = Pad::same(17, 17, 3, 1);
                let shape = Conv2d {
                    batch: 4,
                    height: 17,
                    width: 17,
                    inputs: 12,
                    outputs: 20,
                    kernel: 3,
                    stride: 1,
                    pad,
                };
                let (x, w) = (values(shape.in_len(), 1), values(shape.weight_len(), 2));
                let (mut y, mut dw) = (vec![0.0; shape.out_len()], vec![0.0; w.len()]);
                let stats = shape.forward_stats(&x, &w, &mut y);
                shape.grad_weight(&x, &y, &mut dw);
                (y, dw, stats)
            })
        };
        at_every_level(|_| assert_eq!(run(1), run(5)));
    }

    #[test]
    #[should_panic(expected = "length of `x`: found 3, expected 4")]
    fn wrong_length_is_named() {
        let shape = Conv2d {
            batch: 1,
            height: 2,
            width: 2,
            inputs: 1,
            outputs: 1,
            kernel: 1,
            stride: 1,
            pad: Pad::default(),
        };
        shape.forward(&[0.0f32; 3], &[1.0], None, Act::Identity, &mut [0.0; 4]);
    }

    #[test]
    #[should_panic(expected = "a padded map no smaller than the filter")]
    fn impossible_shape_is_named() {
        let pad = Pad::default();
        let shape =
            Conv2d { batch: 1, height: 2, width: 2, inputs: 1, outputs: 1, kernel: 3, stride: 1, pad };
        shape.forward::<f32>(&[0.0; 4], &[0.0; 9], None, Act::Identity, &mut []);
    }

    #[test]
    fn same_padding_is_tensorflows() {
        let pad = |size, kernel, stride| {
            let p = Pad::same(size, size, kernel, stride);
            (p.top, p.bottom)
        };
        assert_eq!(pad(96, 3, 2), (0, 1));
        assert_eq!(pad(96, 3, 1), (1, 1));
        assert_eq!(pad(7, 5, 2), (2, 2));
        assert_eq!(pad(6, 5, 2), (1, 2));
        assert_eq!(pad(1, 1, 2), (0, 0));
    }
}
