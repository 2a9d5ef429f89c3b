//! Dense two-dimensional convolution, NHWC, square filters of any size and stride.
//!
//! Output pixels are numbered image by image and row by row and cut into blocks of a few dozen to a few
//! hundred; a block is one task. For each block the address of every (tap, pixel) is put into a table and
//! [`gemm`](crate::gemm) does the rest, so 1x1 and k x k, any stride and any padding, are one code path and
//! no im2col matrix exists.
//!
//! * The gradient of the input is the same operation on the output's gradient: a pixel of the input collects
//!   the taps that reached it. With stride s the pixels fall into s x s classes with the same taps each; a
//!   class is one run, and no multiplication with a structural zero is done.
//! * The gradient of the weights is in a file of its own, and so are predictions by 3 x 3 filters from bf16
//!   maps of many channels ([`winograd`]).
//! * With very few input channels (the network's first layer) the taps of a block are copied side by side
//!   into a small im2col buffer: otherwise most of the work is addressing.
//!
//! Left out on purpose: dilation and groups (depthwise has its own kernel).

mod cut;
mod grad_weight;
mod scratch;
mod winograd;

use cut::{Cut, Work};
use scratch::Scratch;
use winograd::Winograd;

use crate::layers::window::Window;
use crate::layers::{Pad, Partial, Stats};
use crate::parallel::{self, SharedMut, check_len, extents};
use crate::products::{Axis, Epilogue, Gather, Order, Packed, Sizes, copies, product, row_of, uses_amx};
use crate::simd::{Act, Element};

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
    /// Inputs, outputs, kernel and stride of the convolution.
    filters: [usize; 4],
    /// Whether they are transformed, for [`winograd`].
    winograd: bool,
}

impl Conv2d {
    fn window(&self) -> Window {
        let Self { height, width, kernel, stride, pad, .. } = *self;
        Window { height, width, kernel, stride, pad }
    }

    /// Rows of the output.
    ///
    /// # Panics
    /// If the filter does not fit.
    #[track_caller]
    pub fn out_height(&self) -> usize {
        self.window().rows()
    }

    /// Columns of the output.
    ///
    /// # Panics
    /// If the filter does not fit.
    #[track_caller]
    pub fn out_width(&self) -> usize {
        self.window().columns()
    }

    /// Values in the input (batch, height, width, inputs).
    ///
    /// # Panics
    /// If no buffer has so many.
    #[track_caller]
    pub fn in_len(&self) -> usize {
        extents::values("input", [self.batch, self.height, self.width, self.inputs])
    }

    /// Values in the output (batch, `out_height`, `out_width`, outputs).
    ///
    /// # Panics
    /// If the filter does not fit, or no buffer has so many.
    #[track_caller]
    pub fn out_len(&self) -> usize {
        extents::values("output", [self.batch, self.out_height(), self.out_width(), self.outputs])
    }

    /// Values in the weights (outputs, inputs, kernel, kernel).
    ///
    /// # Panics
    /// If no buffer has so many.
    #[track_caller]
    pub fn weight_len(&self) -> usize {
        extents::values("weight", [self.outputs, self.inputs, self.kernel, self.kernel])
    }

    /// Multiply-adds of the forward pass, or the largest number where they are more.
    ///
    /// # Panics
    /// If the filter does not fit, or no buffer has the output's values.
    #[track_caller]
    pub fn macs(&self) -> usize {
        [self.inputs, self.kernel, self.kernel].into_iter().fold(self.out_len(), usize::saturating_mul)
    }

    /// # Panics
    /// If there is no kernel for the shape.
    #[track_caller]
    pub(crate) fn check(&self) {
        let Self { batch, inputs, outputs, .. } = *self;
        assert!(
            [batch, inputs, outputs].into_iter().all(|n| n > 0) && self.window().fits(),
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

    /// How the product of `pixels` rows of a map of `map` values with the packed weights is cut into tasks.
    fn cut<E: Element>(&self, pixels: usize, map: usize, panels: usize) -> Cut {
        Cut::new(&Work {
            pixels,
            panels,
            taps: self.taps(),
            depth: self.inputs.max(self.outputs),
            map,
            weights: self.weight_len(),
            macs: self.macs(),
            amx: uses_amx::<E>(),
        })
    }

    fn gather<'a, E: Element>(&self, x: &'a [E]) -> Gather<'a, E> {
        let (k, s) = (self.kernel, self.stride);
        let rows = Axis::forward(self.height, self.out_height(), k, s, self.pad.top);
        let columns = Axis::forward(self.width, self.out_width(), k, s, self.pad.left);
        Gather::new(x, self.inputs, self.batch, rows, columns)
    }

    fn filters(&self) -> [usize; 4] {
        [self.inputs, self.outputs, self.kernel, self.stride]
    }

    /// The weights in the order the kernel reads them, for any batch and map.
    ///
    /// # Panics
    /// If there is no kernel for the shape, or the length is not its.
    pub(crate) fn pack<E: Element>(&self, weight: &[f32]) -> PackedConv<E> {
        self.check();
        check_len("weight", weight.len(), self.weight_len());
        let (taps, c, filters) = (self.taps(), self.inputs, self.filters());
        let (sizes, order) = (Sizes { taps, k: c, n: self.outputs }, Order::ColumnsFirst);
        let all: Vec<usize> = (0..taps).collect();
        if copies::<E>(c) {
            let packed = side_by_side(weight, &all, sizes, order);
            PackedConv { packed, used: vec![0], filters, winograd: false }
        } else {
            PackedConv { packed: Packed::new(weight, sizes, order), used: all, filters, winograd: false }
        }
    }

    /// [`Conv2d::pack`] for predictions, whose roundings no gradient goes through: by [`winograd`]'s tiles
    /// where they pay.
    pub(crate) fn pack_to_predict<E: Element>(&self, weight: &[f32]) -> PackedConv<E> {
        self.check();
        check_len("weight", weight.len(), self.weight_len());
        let Self { inputs, outputs, kernel, stride, .. } = *self;
        if (kernel, stride) != (3, 1) || !winograd::pays::<E>(inputs, outputs) {
            return self.pack(weight);
        }
        let sizes = Sizes { taps: self.taps(), k: inputs, n: outputs };
        let packed = winograd::pack(weight, sizes);
        PackedConv { packed, used: Vec::new(), filters: self.filters(), winograd: true }
    }

    /// `y = x * weight (+ bias)`, then `act`. `x` is (batch, height, width, inputs), `y` (batch,
    /// `out_height`, `out_width`, outputs), `weight` (outputs, inputs, kernel, kernel), `bias` (outputs).
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn forward<E: Element>(&self, x: &[E], weight: &[f32], bias: Option<&[f32]>, act: Act, y: &mut [E]) {
        self.forward_packed(x, &self.pack(weight), bias, act, y);
    }

    /// [`Conv2d::forward`] with weights packed before. Where there are few pixels, the columns are cut up as
    /// well.
    pub(crate) fn forward_packed<E: Element>(
        &self,
        x: &[E],
        weight: &PackedConv<E>,
        bias: Option<&[f32]>,
        act: Act,
        y: &mut [E],
    ) {
        self.check_forward(x, y);
        let (found, expected) = (weight.filters, self.filters());
        assert_eq!(found, expected, "inputs, outputs, kernel and stride of packed weights");
        bias.inspect(|bias| check_len("bias", bias.len(), self.outputs));
        let epilogue = Epilogue { bias, act, add: false };
        if weight.winograd {
            let winograd = Winograd {
                map: x,
                batch: self.batch,
                size: [self.height, self.width],
                out_size: [self.out_height(), self.out_width()],
                pad: [self.pad.top, self.pad.left],
            };
            return winograd.run(&weight.packed, epilogue, y);
        }
        let gather = self.gather(x);
        let base = SharedMut::new(y.as_mut_ptr());
        let cut = self.cut::<E>(gather.pixels(), x.len(), weight.packed.panels());
        cut.run(|scratch, start, m, columns| {
            let row = |pixel| base.get().wrapping_add(pixel * self.outputs);
            scratch.fill_for_product(&gather, start, m, self.outputs, row);
            // SAFETY: `fill` gives addresses of as many values as the packed weights have rows; the pixels'
            // rows of `y` and the group's columns of them are this task's alone.
            unsafe { product(&weight.packed, columns, &weight.used, &scratch.table, &scratch.out, epilogue) };
        });
    }

    /// [`Conv2d::forward`] without bias or activation that also returns the statistics of each output
    /// channel, gathered block by block while the block is in the cache.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn forward_stats<E: Element>(&self, x: &[E], weight: &[f32], y: &mut [E]) -> Stats {
        self.check_forward(x, y);
        let weight = self.pack(weight);
        let gather = self.gather(x);
        let Cut { block, groups, .. } = self.cut::<E>(gather.pixels(), x.len(), weight.packed.panels());
        if groups > 1 {
            self.forward_packed(x, &weight, None, Act::Identity, y);
            return Stats::of(y, self.outputs);
        }
        let blocks = y.chunks_mut(block * self.outputs).enumerate();
        let partials: Vec<Partial> = parallel::map_with(blocks, Scratch::new, |scratch, (i, y)| {
            let (start, m, base) = (i * block, y.len() / self.outputs, y.as_mut_ptr());
            let row = |pixel| base.wrapping_add((pixel - start) * self.outputs);
            scratch.fill_for_product(&gather, start, m, self.outputs, row);
            let all = 0..weight.packed.panels();
            // SAFETY: as in `forward_packed`; the output rows are those of this task's own chunk.
            unsafe {
                product(&weight.packed, all, &weight.used, &scratch.table, &scratch.out, Epilogue::default());
            };
            Partial::of(y, self.outputs)
        });
        Stats::merge(self.outputs, &partials)
    }

    #[track_caller]
    fn check_forward<E>(&self, x: &[E], y: &[E]) {
        self.check();
        check_len("x", x.len(), self.in_len());
        check_len("y", y.len(), self.out_len());
    }

    /// Gradient of the input: `dx` like `x`, from `dy` like `y`.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn grad_input<E: Element>(&self, dy: &[E], weight: &[f32], dx: &mut [E]) {
        self.run_grad_input(dy, weight, false, dx);
    }

    /// Adds the gradient of the input to the values of `dx`, as where a residual connection joins.
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
        let (sizes, order) = (Sizes { taps, k: self.outputs, n: c }, Order::RowsFirst);
        let copied = copies::<E>(self.outputs);
        let packed = (!copied).then(|| Packed::<E>::new(weight, sizes, order));
        let base = SharedMut::new(dx.as_mut_ptr());
        let (k, s) = (self.kernel, self.stride);
        let epilogue = Epilogue { add, ..Epilogue::default() };
        // a stride may be longer than the map, which then has fewer classes
        let classes = [self.height.min(s), self.width.min(s)];
        for class in 0..classes[0] * classes[1] {
            let (row, column) = (class / classes[1], class % classes[1]);
            let rows = Axis::backward(self.height, self.out_height(), k, s, self.pad.top, row);
            let columns = Axis::backward(self.width, self.out_width(), k, s, self.pad.left, column);
            let gather = Gather::new(dy, self.outputs, self.batch, rows, columns);
            let mut used = gather.taps(k);
            let own = copied.then(|| side_by_side(weight, &used, sizes, order));
            if copied {
                // side by side, all taps are one, and none is none
                used.truncate(1);
                used.fill(0);
            }
            let packed = own.as_ref().or(packed.as_ref()).expect("packed one way or the other");
            let cut = self.cut::<E>(gather.pixels(), dy.len(), packed.panels());
            cut.run(|scratch, start, m, columns| {
                scratch.fill_for_product(&gather, start, m, c, |pixel| {
                    let (image, row, column) = gather.split(pixel);
                    let y = gather.rows.first + gather.rows.step * row;
                    let x = gather.columns.first + gather.columns.step * column;
                    base.get().wrapping_add(((image * self.height + y) * self.width + x) * c)
                });
                // SAFETY: addresses as in `forward_packed`; a pixel of the input belongs to one class and one
                // block of it, so the output rows and the group's columns of them are this task's alone, and
                // they lie in `dx` because row and column are within the map.
                unsafe { product(packed, columns, &used, &scratch.table, &scratch.out, epilogue) };
            });
        }
    }
}

/// The matrices of some of the taps, one below the other, as one: the right-hand side of taps copied side by
/// side.
fn side_by_side<E: Element>(weight: &[f32], taps: &[usize], sizes: Sizes, order: Order) -> Packed<E> {
    let Sizes { k, n, .. } = sizes;
    let depth = row_of::<E>(taps.len() * k);
    let mut rows = vec![0.0; depth * n];
    for (row, out) in rows.chunks_exact_mut(n).enumerate().take(taps.len() * k) {
        for (column, out) in out.iter_mut().enumerate() {
            *out = weight[order.position(sizes, taps[row / k], row % k, column)];
        }
    }
    Packed::new(&rows, Sizes { taps: 1, k: depth, n }, Order::RowsFirst)
}

#[cfg(test)]
mod tests;
