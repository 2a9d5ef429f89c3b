//! The gradient of a dense convolution's weights: an outer product over pixels ([`outer`]) for every tap.
//!
//! Pixels are cut into a few parts whose sums are added in order and, where the filter bank is large, the
//! rows of the result as well.
//!
//! Products of a narrow type take words, values joined in pairs. Where there is one tap, a pixel is joined
//! with the next. Each of several taps would have to join its pixels anew, so there a pixel is joined with
//! the same one of the next image, which is its partner for every tap, and maps are joined beforehand.

use std::ops::Range;

use super::Conv2d;
use super::scratch::Scratch;
use crate::parallel::{self, SharedMut, check_len, par_chunks, scratch};
use crate::products::{FEW_CHANNELS, Gather, JoinRows, outer, padded_rows, uses_amx};
use crate::simd::{Element, Kernel, MAX_LANES, Simd, dispatch};

impl Conv2d {
    /// Gradient of the weights: `dweight` like `weight`, from `x` and `dy`.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn grad_weight<E: Element>(&self, x: &[E], dy: &[E], dweight: &mut [f32]) {
        self.check();
        check_len("x", x.len(), self.in_len());
        check_len("dy", dy.len(), self.out_len());
        check_len("dweight", dweight.len(), self.weight_len());
        if E::PER_WORD > 1 && self.taps() > 1 && self.inputs > FEW_CHANNELS && self.batch > 1 {
            let pairs = Self { batch: self.batch.div_ceil(E::PER_WORD), ..*self };
            let [x, dy] = [x, dy].map(|map| join_neighbours(map, map.len() / self.batch));
            pairs.sum_products::<f32, E>(&x, &dy, dweight);
            scratch().give(x);
            scratch().give(dy);
        } else {
            self.sum_products::<E, E>(x, dy, dweight);
        }
    }

    /// [`Conv2d::grad_weight`] of maps of `M`, which are `E` or words of it.
    fn sum_products<M: Element, E: Element>(&self, x: &[M], dy: &[M], dweight: &mut [f32]) {
        let few = self.inputs <= FEW_CHANNELS;
        let gather = self.gather(x);
        let pixels = gather.pixels();
        let plan = WeightPlan::new::<E>(self, pixels, few);
        let size = plan.taps * plan.ps * plan.qs;
        // where a task makes all there is of its filters, it stores them in their places: sums that all tasks
        // share would go to memory and back
        let whole = plan.parts == 1 && plan.outputs_first;
        let direct = whole && self.taps() == 1;
        let mut sums = scratch().take::<f32>(if whole { 0 } else { plan.parts * size });
        let (base, weights) = (SharedMut::new(sums.as_mut_ptr()), SharedMut::new(dweight.as_mut_ptr()));
        // every group wants all columns; where these are a plain matrix they are joined once for all
        let joined = (plan.groups > 1 && self.is_pointwise() && M::PER_WORD > 1)
            .then(|| join_neighbours(if plan.outputs_first { x } else { dy }, plan.qs));
        let products = Products { plan: &plan, gather, dy, outputs: self.outputs, few, joined };
        parallel::map_with(0..plan.parts * plan.groups, Scratch::new, |scratch, task| {
            let (part, group) = (task / plan.groups, task % plan.groups);
            let first = (group * plan.group_rows).min(plan.ps);
            let rows = plan.group_rows.min(plan.ps - first);
            if rows == 0 {
                return;
            }
            // no part is without pixels, or its sums would not be written
            let part_pixels = part * plan.part..((part + 1) * plan.part).min(pixels);
            assert!(!part_pixels.is_empty(), "part {part} of {pixels} pixels");
            let own = if whole && !direct { plan.taps * rows * plan.qs } else { 0 };
            scratch.sums.resize(own.max(scratch.sums.len()), 0.0);
            let own_sums = scratch.sums.as_mut_ptr();
            let place = |tap: usize| match (direct, whole) {
                (true, _) => weights.get().wrapping_add(first * plan.qs),
                (_, true) => own_sums.wrapping_add(tap * rows * plan.qs),
                _ => base.get().wrapping_add(part * size + (tap * plan.ps + first) * plan.qs),
            };
            // SAFETY: part, tap and group select a range of the sums or the weights that is this task's
            // alone.
            unsafe { products.sum::<E>(scratch, part_pixels, first..first + rows, place) };
            if own > 0 {
                let filter = plan.qs * plan.taps;
                let sums = plan.sums(self, &scratch.sums[..own], rows);
                // SAFETY: the group's filters are this task's alone; reordering has no conditions.
                unsafe {
                    let first = weights.get().add(first * filter);
                    let out = std::slice::from_raw_parts_mut(first, rows * filter);
                    dispatch(Reorder { sums: &sums, first: 0, sizes: [self.inputs, self.taps()], out });
                }
            }
        });
        if !whole {
            self.unpack(&plan, &sums, dweight);
        }
        scratch().give(sums);
        if let Some(joined) = products.joined {
            scratch().give(joined);
        }
    }

    /// Adds the parts and brings them from [`WeightPlan`]'s order (part, tap, p, q) into (outputs, inputs,
    /// kernel, kernel).
    fn unpack(&self, plan: &WeightPlan, sums: &[f32], dweight: &mut [f32]) {
        /// Filters of one task: neighbours, because in one of the two orders their values lie side by side.
        const FILTERS: usize = 16;
        let (taps, c) = (self.taps(), self.inputs);
        let sums = plan.sums(self, sums, plan.ps);
        par_chunks(dweight, FILTERS * c * taps, |task, filters| {
            // SAFETY: it has no conditions.
            unsafe {
                dispatch(Reorder { sums: &sums, first: task * FILTERS, sizes: [c, taps], out: filters });
            }
        });
    }
}

/// The outer products that a gradient of weights is the sum of.
struct Products<'a, M> {
    plan: &'a WeightPlan,
    gather: Gather<'a, M>,
    dy: &'a [M],
    outputs: usize,
    /// Whether taps are copied side by side.
    few: bool,
    /// The columns, joined to words for all groups of rows.
    joined: Option<Vec<f32>>,
}

impl<M: Element> Products<'_, M> {
    /// Stores the sums over some of the pixels, for some of the rows, from `place(tap)` on.
    ///
    /// # Safety
    /// In these places is room for as many rows, of as many values as the plan has columns, that only this
    /// call touches.
    unsafe fn sum<E: Element>(
        &self,
        scratch: &mut Scratch<M>,
        pixels: Range<usize>,
        rows: Range<usize>,
        place: impl Fn(usize) -> *mut f32,
    ) {
        let WeightPlan { qs, outputs_first, .. } = *self.plan;
        for start in pixels.clone().step_by(self.plan.block) {
            let m = self.plan.block.min(pixels.end - start);
            scratch.fill(&self.gather, start, m, self.few);
            scratch.other.clear();
            let dy = self.dy[start * self.outputs..].chunks_exact(self.outputs).take(m);
            scratch.other.extend(dy.map(<[M]>::as_ptr));
            let [a, b] = &mut scratch.rows;
            // SAFETY: both tables hold m addresses of as many values as there are rows and columns, of maps
            // that outlive this call; the sums' places are the caller's.
            unsafe {
                if outputs_first {
                    a.set(&scratch.other, rows.start, rows.len());
                } else if self.joined.is_none() {
                    b.set(&scratch.other, 0, qs);
                }
                if let Some(joined) = &self.joined {
                    b.set_joined(&joined[start / 2 * qs..][..m.div_ceil(2) * qs], qs);
                }
                for (tap, addresses) in scratch.table.chunks_exact(padded_rows(m)).enumerate() {
                    if !outputs_first {
                        a.set(&addresses[..m], rows.start, rows.len());
                    } else if self.joined.is_none() {
                        b.set(&addresses[..m], 0, qs);
                    }
                    outer::<E>(a, b, [rows.len(), qs], place(tap), start > pixels.start);
                }
            }
        }
    }
}

/// Parts of a gradient of weights, and where in each of them a value lies.
pub(crate) struct Sums<'a> {
    parts: &'a [f32],
    /// Values of a part.
    size: usize,
    by_filter: usize,
    by_channel: usize,
    by_tap: usize,
}

impl Sums<'_> {
    /// Adds the parts of `rows` rows of `n` values each, whose places in a part `place` knows, turns them
    /// over and stores the rows that come of it `step` apart from `at` on.
    ///
    /// # Safety
    /// The processor has the level's instructions; there are no more rows and values than a vector has.
    #[inline(always)]
    unsafe fn turn<S: Simd>(
        &self,
        s: S,
        [rows, n]: [usize; 2],
        place: impl Fn(usize) -> usize,
        out: &mut [f32],
        [at, step]: [usize; 2],
    ) {
        let [mut from, mut to] = [[[0.0; MAX_LANES]; MAX_LANES]; 2];
        // SAFETY: the caller's conditions, which the squares have room for; the bounds of sums and output are
        // checked.
        unsafe {
            for (row, from) in from.iter_mut().enumerate().take(rows) {
                let mut sum = s.splat(0.0);
                for part in self.parts.chunks_exact(self.size) {
                    sum = s.add(sum, s.load_n(part[place(row)..][..n].as_ptr(), n));
                }
                s.store(from.as_mut_ptr(), sum);
            }
            s.transpose(from.as_ptr().cast(), MAX_LANES, rows, n, to.as_mut_ptr().cast(), MAX_LANES);
            for (i, row) in to.iter().enumerate().take(n) {
                s.store_n(out[at + i * step..][..rows].as_mut_ptr(), rows, s.load(row.as_ptr()));
            }
        }
    }
}

/// Adds the parts for the filters from `first` on, of so many channels and taps, into `out`, (filters,
/// channels, taps).
///
/// # Safety
/// None but that of every such function: the places are checked.
struct Reorder<'a> {
    sums: &'a Sums<'a>,
    first: usize,
    sizes: [usize; 2],
    out: &'a mut [f32],
}

impl Kernel for Reorder<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { sums, first, sizes, out } = self;
        let [channels, taps] = sizes;
        let values = channels * taps;
        let filters = out.len() / values;
        let part = |begin: usize, end: usize| (end - begin).min(S::LANES);
        if sums.by_channel == 1 {
            for filter in 0..filters {
                for channel in (0..channels).step_by(S::LANES) {
                    for tap in (0..taps).step_by(S::LANES) {
                        let place =
                            |row| (first + filter) * sums.by_filter + channel + (tap + row) * sums.by_tap;
                        let to = [filter * values + channel * taps + tap, taps];
                        // SAFETY: the caller's condition.
                        unsafe { sums.turn(s, [part(tap, taps), part(channel, channels)], place, out, to) };
                    }
                }
            }
            return;
        }
        for filter in (0..filters).step_by(S::LANES) {
            for value in (0..values).step_by(S::LANES) {
                let place = |row| {
                    let (channel, tap) = ((value + row) / taps, (value + row) % taps);
                    first + filter + channel * sums.by_channel + tap * sums.by_tap
                };
                let to = [filter * values + value, values];
                // SAFETY: the caller's condition.
                unsafe { sums.turn(s, [part(value, values), part(filter, filters)], place, out, to) };
            }
        }
    }
}

/// Every two rows of `n` values of a map joined to a row of words; a last one without a partner is joined
/// with zeros.
fn join_neighbours<E: Element>(map: &[E], n: usize) -> Vec<f32> {
    let pairs = ((1 << 14) / n).max(1); // of one task
    let mut words = scratch().take((map.len() / n).div_ceil(2) * n);
    parallel::for_each(words.chunks_mut(pairs * n).zip(map.chunks(2 * pairs * n)), |(words, map)| {
        let rows: Vec<*const E> = map.chunks_exact(n).map(<[E]>::as_ptr).collect();
        // SAFETY: the rows have n values, and there are n words for every two of them.
        unsafe { dispatch(JoinRows { rows: &rows, from: 0, n, out: words.as_mut_ptr() }) };
    });
    words
}

/// How the gradient of the weights is cut up; a function of the shape and the instruction set alone.
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
    fn new<E: Element>(conv: &Conv2d, pixels: usize, few: bool) -> Self {
        /// Rows that sums in registers have at most.
        const TILE: usize = 8;
        /// Columns that waste no lane at any level.
        const LANES: usize = 16;
        /// Values that a gradient and its parts may have together.
        const SUMS: usize = 1 << 20;
        /// Pixels of a part at least.
        const PART: usize = 512;
        /// Values of the rows of a block, for vectors and for AMX tiles: moving a block's sums takes tiles as
        /// long as adding a hundred pixels to them, and their processors have 2 MiB of L2.
        const BLOCK_VALUES: [usize; 2] = [1 << 16, 1 << 18];
        let amx = uses_amx::<E>();
        // each group brings the pixels' rows into AMX tiles anew, for every tap
        let most = if amx && conv.taps() > 1 { 8 } else { 16 };
        let (taps, inputs) = if few { (1, conv.inputs * conv.taps()) } else { (conv.taps(), conv.inputs) };
        let outputs = conv.outputs;
        // each part costs one more set of sums: few of them where the sums are large
        let affordable = (SUMS / (taps * inputs * outputs)).clamp(1, most);
        // the side that wastes fewer lanes becomes the vectors; where neither does, the one that leaves the
        // weights in order, or the longer one
        let cost = |p: usize, q: usize| p.next_multiple_of(TILE) * q.next_multiple_of(LANES);
        let (as_rows, as_columns) = (cost(outputs, inputs), cost(inputs, outputs));
        let longer = conv.kernel == 1 || affordable == 1 || inputs >= outputs;
        let outputs_first = as_rows < as_columns || (as_rows == as_columns && longer);
        let (ps, qs) = if outputs_first { (outputs, inputs) } else { (inputs, outputs) };
        let parts = pixels.div_ceil(PART).clamp(1, affordable);
        let part = pixels.div_ceil(parts).next_multiple_of(TILE);
        let groups = (most / parts).min(ps.div_ceil(TILE)).max(1);
        let group_rows = ps.div_ceil(groups).next_multiple_of(TILE);
        let block =
            (BLOCK_VALUES[usize::from(amx)] / (inputs + outputs)).clamp(64, 256).next_multiple_of(TILE);
        Self { taps, outputs_first, ps, qs, parts, part, groups, group_rows, block }
    }

    /// Where the values of parts lie that have so many rows for each tap.
    fn sums<'a>(&self, conv: &Conv2d, parts: &'a [f32], rows: usize) -> Sums<'a> {
        let (by_filter, by_channel) = if self.outputs_first { (self.qs, 1) } else { (1, self.qs) };
        // side by side, the taps are part of the "channel"
        let by_tap = if self.taps == 1 { conv.inputs * by_channel } else { rows * self.qs };
        Sums { parts, size: self.taps * rows * self.qs, by_filter, by_channel, by_tap }
    }
}
