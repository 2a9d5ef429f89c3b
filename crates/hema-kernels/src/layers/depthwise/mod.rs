//! Depthwise convolution, NHWC: each channel has its own filter of 3x3, 5x5 or 7x7.
//!
//! Vectors run over channels. A tile is three or six neighbouring output pixels; the addresses of the input
//! pixels it needs (padding: a row of zeros) are found once per tile, then all channels pass. Row by row of
//! the filter, the filter values and the tile's sums are in registers, and each input value is loaded once
//! for all the taps that use it. Where a row is not a whole number of tiles, the last tile overlaps the one
//! before.
//!
//! * Gradient of the input: at stride 1 the same kernel with the filter turned round; at stride 2, which a
//!   network has two or three times, a plain sum over the taps that reached each pixel.
//! * Gradient of the weights: the same tiles, with the sums of the filter in a buffer that fits L1; images
//!   are cut into a fixed number of groups, whose sums are added in order.
//!
//! Left out on purpose: other sizes and a channel multiplier (no network of ours has them).

mod tile;

use tile::{LONG, SHORT, TileForward, TileGrad, TileShape, WeightedSum};

use super::window::Window;
use super::{Map, Pad, Partial, Stats};
use crate::parallel::{self, check_len, extents, par_chunks};
use crate::products::Epilogue;
use crate::simd::{Act, Element, dispatch};

/// The shape of a depthwise convolution. Weights are (channels, 1, kernel, kernel).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depthwise {
    /// Images.
    pub batch: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of input and output.
    pub channels: usize,
    /// Rows and columns of the filters: 3, 5 or 7.
    pub kernel: usize,
    /// Step of the filters in both directions: 1 or 2.
    pub stride: usize,
    /// Zero padding of the input.
    pub pad: Pad,
}

/// Weights of a [`Depthwise`]'s forward pass in the order the kernel reads them.
pub(crate) struct PackedDepthwise {
    /// (kernel, kernel, channels)
    taps: Vec<f32>,
    /// Channels, kernel and stride of the convolution.
    filters: [usize; 3],
}

/// Groups of images that the gradient of the weights is summed in.
const GROUPS: usize = 16;

/// Addresses of one tile: `kernel` rows of input columns, and the output pixels.
struct TileTable<E> {
    input: Vec<*const E>,
    output: Vec<*const E>,
}

impl<E> Default for TileTable<E> {
    fn default() -> Self {
        Self { input: Vec::new(), output: Vec::new() }
    }
}

impl Depthwise {
    fn window(&self) -> Window {
        let Self { height, width, kernel, stride, pad, .. } = *self;
        Window { height, width, kernel, stride, pad }
    }

    /// Rows of the output.
    ///
    /// # Panics
    /// If the window does not fit.
    #[track_caller]
    pub fn out_height(&self) -> usize {
        self.window().rows()
    }

    /// Columns of the output.
    ///
    /// # Panics
    /// If the window does not fit.
    #[track_caller]
    pub fn out_width(&self) -> usize {
        self.window().columns()
    }

    /// Values in the input (batch, height, width, channels).
    ///
    /// # Panics
    /// If no buffer has so many.
    #[track_caller]
    pub fn in_len(&self) -> usize {
        extents::values("input", [self.batch, self.height, self.width, self.channels])
    }

    /// Values in the output (batch, `out_height`, `out_width`, channels).
    ///
    /// # Panics
    /// If the window does not fit, or no buffer has so many.
    #[track_caller]
    pub fn out_len(&self) -> usize {
        extents::values("output", [self.batch, self.out_height(), self.out_width(), self.channels])
    }

    /// Values in the weights.
    ///
    /// # Panics
    /// If no buffer has so many.
    #[track_caller]
    pub fn weight_len(&self) -> usize {
        extents::values("weight", [self.channels, self.kernel, self.kernel])
    }

    /// The input as images.
    pub(crate) fn in_map(&self) -> Map {
        Map { batch: self.batch, pixels: self.height * self.width, channels: self.channels }
    }

    fn tile_shape(&self, pixels: usize) -> TileShape {
        TileShape { kernel: self.kernel, stride: self.stride, pixels, channels: self.channels }
    }

    /// # Panics
    /// If there is no kernel for the shape.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert!(
            matches!(self.kernel, 3 | 5 | 7) && matches!(self.stride, 1 | 2),
            "depthwise convolution: found kernel {} and stride {}, expected 3, 5 or 7 and 1 or 2",
            self.kernel,
            self.stride
        );
        assert!(
            self.batch > 0 && self.channels > 0 && self.window().fits(),
            "depthwise convolution: found {self:?}, expected positive sizes and a padded map no smaller than the filter"
        );
    }

    /// Weights in (kernel, kernel, channels), turned round if `reversed`.
    fn taps_first(&self, weight: &[f32], reversed: bool) -> Vec<f32> {
        let taps = self.kernel * self.kernel;
        let mut packed = vec![0.0; weight.len()];
        for (c, weight) in weight.chunks_exact(taps).enumerate() {
            for (t, w) in weight.iter().enumerate() {
                packed[if reversed { taps - 1 - t } else { t } * self.channels + c] = *w;
            }
        }
        packed
    }

    /// `y = x * weight (+ bias)`, then `act`. `x` is (batch, height, width, channels), `y` (batch,
    /// `out_height`, `out_width`, channels), `bias` (channels).
    ///
    /// # Panics
    /// If a length does not match the shape, or the kernel or stride is not supported.
    pub fn forward<E: Element>(&self, x: &[E], weight: &[f32], bias: Option<&[f32]>, act: Act, y: &mut [E]) {
        self.forward_packed(x, &self.pack(weight), bias, act, y);
    }

    fn filters(&self) -> [usize; 3] {
        [self.channels, self.kernel, self.stride]
    }

    /// The weights in the order the kernel reads them, for any batch and map.
    ///
    /// # Panics
    /// If there is no kernel for the shape, or the length is not its.
    pub(crate) fn pack(&self, weight: &[f32]) -> PackedDepthwise {
        self.check();
        check_len("weight", weight.len(), self.weight_len());
        PackedDepthwise { taps: self.taps_first(weight, false), filters: self.filters() }
    }

    /// [`Depthwise::forward`] with weights packed before.
    pub(crate) fn forward_packed<E: Element>(
        &self,
        x: &[E],
        weight: &PackedDepthwise,
        bias: Option<&[f32]>,
        act: Act,
        y: &mut [E],
    ) {
        self.check();
        let (found, expected) = (weight.filters, self.filters());
        assert_eq!(found, expected, "channels, kernel and stride of packed weights");
        bias.inspect(|bias| check_len("bias", bias.len(), self.channels));
        self.run(x, &weight.taps, Epilogue { bias, act, add: false }, y, |_| ());
    }

    /// [`Depthwise::forward`] that also returns the statistics of each output channel.
    ///
    /// # Panics
    /// If a length does not match the shape, or the kernel or stride is not supported.
    pub fn forward_stats<E: Element>(&self, x: &[E], weight: &[f32], y: &mut [E]) -> Stats {
        self.check();
        check_len("weight", weight.len(), self.weight_len());
        let partials = self.run(x, &self.taps_first(weight, false), Epilogue::default(), y, |band| {
            Partial::of(band, self.channels)
        });
        Stats::merge(self.channels, &partials)
    }

    /// Runs the forward pass with packed weights, a band of rows of one or several images at a time; `seen`
    /// is called with each finished band.
    fn run<E: Element, T: Send>(
        &self,
        x: &[E],
        taps: &[f32],
        epilogue: Epilogue,
        y: &mut [E],
        seen: impl Fn(&[E]) -> T + Sync + Send,
    ) -> Vec<T> {
        check_len("x", x.len(), self.in_len());
        check_len("y", y.len(), self.out_len());
        let (width, height) = (self.out_width(), self.out_height());
        let line = width * self.channels;
        let zeros = vec![E::default(); self.channels];
        let tile = if width < LONG { SHORT } else { LONG };
        let band = ((1 << 14) / line).clamp(1, 64);
        parallel::map_with(y.chunks_mut(band * line).enumerate(), TileTable::default, |table, (i, y)| {
            for (row, y) in y.chunks_exact_mut(line).enumerate() {
                let row = i * band + row;
                for start in tile_starts(width, tile) {
                    let live = tile.min(width - start);
                    self.fill(x, &zeros, row / height, row % height, start, tile, &mut table.input);
                    let y = &mut y[start * self.channels..][..live * self.channels];
                    // SAFETY: `fill` gives kernel * columns(tile) addresses of `channels` values; `y` has
                    // `live` pixels.
                    unsafe {
                        dispatch(TileForward {
                            shape: self.tile_shape(tile),
                            input: &table.input,
                            taps,
                            epilogue,
                            y,
                        });
                    }
                }
            }
            seen(y)
        })
    }

    /// The input addresses of the tile of output pixels `start..start + tile` of a row, filter row by filter
    /// row.
    #[allow(clippy::too_many_arguments)] // a position in a map is that many numbers
    fn fill<E>(
        &self,
        x: &[E],
        zeros: &[E],
        image: usize,
        row: usize,
        start: usize,
        tile: usize,
        table: &mut Vec<*const E>,
    ) {
        table.clear();
        let columns = (tile - 1) * self.stride + self.kernel;
        for kh in 0..self.kernel {
            let line =
                (row * self.stride + kh).checked_sub(self.pad.top).filter(|&h| h < self.height).map(|h| {
                    &x[(image * self.height + h) * self.width * self.channels..][..self.width * self.channels]
                });
            table.extend((0..columns).map(|column| {
                let w = (start * self.stride + column).checked_sub(self.pad.left).filter(|&w| w < self.width);
                match (line, w) {
                    // w < width, so the pixel lies in the line
                    (Some(line), Some(w)) => line.as_ptr().wrapping_add(w * self.channels),
                    _ => zeros.as_ptr(),
                }
            }));
        }
    }

    /// Gradient of the input: `dx` like `x`, from `dy` like `y`.
    ///
    /// # Panics
    /// If a length does not match the shape, or the kernel or stride is not supported.
    pub fn grad_input<E: Element>(&self, dy: &[E], weight: &[f32], dx: &mut [E]) {
        self.check();
        check_len("dy", dy.len(), self.out_len());
        check_len("weight", weight.len(), self.weight_len());
        check_len("dx", dx.len(), self.in_len());
        let last = self.kernel - 1;
        let pad = self.pad;
        if self.stride == 1 && pad.sides().into_iter().all(|p| p <= last) {
            let pad = Pad {
                top: last - pad.top,
                left: last - pad.left,
                bottom: last - pad.bottom,
                right: last - pad.right,
            };
            let turned = Self { height: self.out_height(), width: self.out_width(), pad, ..*self };
            turned.run(dy, &self.taps_first(weight, true), Epilogue::default(), dx, |_| ());
            return;
        }
        let taps = self.taps_first(weight, false);
        let (out_height, out_width, c) = (self.out_height(), self.out_width(), self.channels);
        // where, of the outputs of an axis, the input at `at` went through tap `k`
        let output = |at: usize, k: usize, pad: usize, size: usize| {
            let distance = (at + pad).checked_sub(k)?;
            let reached = distance / self.stride;
            (distance % self.stride == 0 && reached < size).then_some(reached)
        };
        par_chunks(dx, self.width * c, |line, dx| {
            let (image, h) = (line / self.height, line % self.height);
            let mut pairs = Vec::with_capacity(taps.len() / c);
            for (w, dx) in dx.chunks_exact_mut(c).enumerate() {
                pairs.clear();
                for kh in 0..self.kernel {
                    let Some(oh) = output(h, kh, pad.top, out_height) else { continue };
                    for kw in 0..self.kernel {
                        let Some(ow) = output(w, kw, pad.left, out_width) else { continue };
                        let dy = &dy[((image * out_height + oh) * out_width + ow) * c..][..c];
                        pairs.push((dy.as_ptr(), taps[(kh * self.kernel + kw) * c..][..c].as_ptr()));
                    }
                }
                // SAFETY: all addresses are of `c` values, as many as `dx` has.
                unsafe { dispatch(WeightedSum { pairs: &pairs, y: dx }) };
            }
        });
    }

    /// Gradient of the weights: `dweight` like `weight`, from `x` and `dy`.
    ///
    /// # Panics
    /// If a length does not match the shape, or the kernel or stride is not supported.
    pub fn grad_weight<E: Element>(&self, x: &[E], dy: &[E], dweight: &mut [f32]) {
        self.check();
        check_len("x", x.len(), self.in_len());
        check_len("dy", dy.len(), self.out_len());
        check_len("dweight", dweight.len(), self.weight_len());
        let (width, height, c) = (self.out_width(), self.out_height(), self.channels);
        let zeros = vec![E::default(); c];
        let tile = if width < LONG { SHORT } else { LONG };
        // lines of the output, of all images, cut into groups
        let lines = self.batch * height;
        let group = lines.div_ceil(GROUPS);
        let sums: Vec<Vec<f32>> =
            parallel::map_with(0..lines.div_ceil(group), TileTable::default, |table, i| {
                let mut sums = vec![0.0; self.weight_len()];
                for line in i * group..lines.min((i + 1) * group) {
                    let dy = &dy[line * width * c..][..width * c];
                    let mut done = 0;
                    for start in tile_starts(width, tile) {
                        self.fill(x, &zeros, line / height, line % height, start, tile, &mut table.input);
                        table.output.clear();
                        // pixels of the tile before, and past the row, must not count
                        table.output.extend((start..start + tile).map(|w| {
                            if w < done || w >= width { zeros.as_ptr() } else { dy[w * c..][..c].as_ptr() }
                        }));
                        done = start + tile;
                        // SAFETY: all addresses are of `c` values; as many as the tile has columns and
                        // pixels.
                        unsafe {
                            dispatch(TileGrad {
                                shape: self.tile_shape(tile),
                                input: &table.input,
                                output: &table.output,
                                sums: &mut sums,
                            });
                        }
                    }
                }
                sums
            });
        let mut total = vec![0.0; self.weight_len()];
        for sums in &sums {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        for (t, total) in total.chunks_exact(c).enumerate() {
            let tap = dweight[t..].iter_mut().step_by(self.kernel * self.kernel);
            tap.zip(total).for_each(|(d, total)| *d = *total);
        }
    }
}

/// First pixels of the tiles that cover a row; the last tile is moved back to end with the row.
fn tile_starts(width: usize, tile: usize) -> impl Iterator<Item = usize> {
    (0..width).step_by(tile).map(move |start| start.min(width.saturating_sub(tile)))
}

// SAFETY: the addresses are refilled for each tile before use; between tiles they are dead values.
unsafe impl<E> Send for TileTable<E> {}

#[cfg(test)]
mod tests;
