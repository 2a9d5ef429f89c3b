//! Kernels on tiles of neighbouring output pixels.

use crate::products::Epilogue;
use crate::simd::{Activation, Element, Kernel, Simd, for_vectors, with_activation};

/// Pixels of a long tile.
pub(super) const LONG: usize = 6;
/// Pixels of a short tile.
pub(super) const SHORT: usize = 3;

/// The shape of a tile, and of the filters that pass over it.
#[derive(Clone, Copy)]
pub(super) struct TileShape {
    /// Rows and columns of the filters: 3, 5 or 7.
    pub(super) kernel: usize,
    /// Step of the filters: 1 or 2.
    pub(super) stride: usize,
    /// Output pixels: [`LONG`] or [`SHORT`].
    pub(super) pixels: usize,
    pub(super) channels: usize,
}

/// Calls `$kernel.tile::<S, kernel, stride, pixels, columns>($s)` for the supported shapes.
macro_rules! by_shape {
    ($kernel:ident, $s:ident) => {
        match ($kernel.shape.kernel, $kernel.shape.stride, $kernel.shape.pixels) {
            (3, 1, SHORT) => $kernel.tile::<S, 3, 1, SHORT, { SHORT + 2 }>($s),
            (3, 1, _) => $kernel.tile::<S, 3, 1, LONG, { LONG + 2 }>($s),
            (3, _, SHORT) => $kernel.tile::<S, 3, 2, SHORT, { 2 * SHORT + 1 }>($s),
            (3, _, _) => $kernel.tile::<S, 3, 2, LONG, { 2 * LONG + 1 }>($s),
            (5, 1, SHORT) => $kernel.tile::<S, 5, 1, SHORT, { SHORT + 4 }>($s),
            (5, 1, _) => $kernel.tile::<S, 5, 1, LONG, { LONG + 4 }>($s),
            (5, _, SHORT) => $kernel.tile::<S, 5, 2, SHORT, { 2 * SHORT + 3 }>($s),
            (5, _, _) => $kernel.tile::<S, 5, 2, LONG, { 2 * LONG + 3 }>($s),
            (_, 1, SHORT) => $kernel.tile::<S, 7, 1, SHORT, { SHORT + 6 }>($s),
            (_, 1, _) => $kernel.tile::<S, 7, 1, LONG, { LONG + 6 }>($s),
            (_, _, SHORT) => $kernel.tile::<S, 7, 2, SHORT, { 2 * SHORT + 5 }>($s),
            (_, _, _) => $kernel.tile::<S, 7, 2, LONG, { 2 * LONG + 5 }>($s),
        }
    };
}

/// Computes the output pixels of one tile.
///
/// # Safety
/// `input` holds addresses of as many values as there are channels, `taps` is (kernel, kernel, channels), `y`
/// at most as many whole pixels as the tile has.
pub(super) struct TileForward<'a, E> {
    pub(super) shape: TileShape,
    pub(super) input: &'a [*const E],
    pub(super) taps: &'a [f32],
    pub(super) epilogue: Epilogue<'a>,
    pub(super) y: &'a mut [E],
}

impl<E: Element> Kernel for TileForward<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        // SAFETY: the kernel's conditions.
        unsafe { by_shape!(self, s) }
    }
}

impl<E: Element> TileForward<'_, E> {
    /// # Safety
    /// The conditions of the kernel; its shape is that of the parameters.
    #[inline(always)]
    unsafe fn tile<S: Simd, const K: usize, const STRIDE: usize, const T: usize, const COLUMNS: usize>(
        self,
        s: S,
    ) {
        let Self { shape: TileShape { channels, .. }, input, taps, epilogue, y } = self;
        assert_eq!(input.len(), K * COLUMNS);
        let live = y.len() / channels;
        for_vectors!(S, channels, |c, n| {
            // SAFETY: the bias has `n` values from c.
            let start = epilogue.bias.map_or(s.splat(0.0), |b| unsafe { s.load_n(b.as_ptr().add(c), n) });
            let mut acc = [start; T];
            for kh in 0..K {
                // SAFETY: each address, tap and output pixel has `n` values from c.
                unsafe {
                    let w: [S::V; K] = std::array::from_fn(|kw| {
                        s.load_n(taps.as_ptr().add((kh * K + kw) * channels + c), n)
                    });
                    for column in 0..COLUMNS {
                        let x = E::load_n(s, input.get_unchecked(kh * COLUMNS + column).add(c), n);
                        for p in 0..T {
                            if column >= p * STRIDE && column < p * STRIDE + K {
                                acc[p] = s.fma(x, w[column - p * STRIDE], acc[p]);
                            }
                        }
                    }
                }
            }
            with_activation!(epilogue.act, A => {
                for p in 0..T {
                    if p < live {
                        // SAFETY: as above.
                        unsafe { E::store_n(s, y.as_mut_ptr().add(p * channels + c), n, A::value::<S, E>(s, acc[p])) };
                    }
                }
            });
        });
    }
}

/// Adds one tile's part of the gradient of the weights to `sums`, (kernel, kernel, channels).
///
/// # Safety
/// `input` and `output` hold addresses of as many values as there are channels.
pub(super) struct TileGrad<'a, E> {
    pub(super) shape: TileShape,
    pub(super) input: &'a [*const E],
    pub(super) output: &'a [*const E],
    pub(super) sums: &'a mut [f32],
}

impl<E: Element> Kernel for TileGrad<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        // SAFETY: the kernel's conditions.
        unsafe { by_shape!(self, s) }
    }
}

impl<E: Element> TileGrad<'_, E> {
    /// # Safety
    /// The conditions of the kernel; its shape is that of the parameters.
    #[inline(always)]
    unsafe fn tile<S: Simd, const K: usize, const STRIDE: usize, const T: usize, const COLUMNS: usize>(
        self,
        s: S,
    ) {
        let Self { shape: TileShape { channels, .. }, input, output, sums } = self;
        assert!(input.len() == K * COLUMNS && output.len() == T);
        for_vectors!(S, channels, |c, n| {
            // SAFETY: each address and tap has `n` values from c.
            unsafe {
                let dy: [S::V; T] = std::array::from_fn(|p| E::load_n(s, output.get_unchecked(p).add(c), n));
                for kh in 0..K {
                    let sums = sums.as_mut_ptr().add(kh * K * channels + c);
                    let mut acc: [S::V; K] = std::array::from_fn(|kw| s.load_n(sums.add(kw * channels), n));
                    for column in 0..COLUMNS {
                        let x = E::load_n(s, input.get_unchecked(kh * COLUMNS + column).add(c), n);
                        for p in 0..T {
                            if column >= p * STRIDE && column < p * STRIDE + K {
                                let kw = column - p * STRIDE;
                                acc[kw] = s.fma(x, dy[p], acc[kw]);
                            }
                        }
                    }
                    for (kw, acc) in acc.into_iter().enumerate() {
                        s.store_n(sums.add(kw * channels), n, acc);
                    }
                }
            }
        });
    }
}

/// `y` = the sum of the products of the rows of each pair.
///
/// # Safety
/// All addresses are of as many values as `y` has.
pub(super) struct WeightedSum<'a, E> {
    pub(super) pairs: &'a [(*const E, *const f32)],
    pub(super) y: &'a mut [E],
}

impl<E: Element> Kernel for WeightedSum<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { pairs, y } = self;
        let channels = y.len();
        for_vectors!(S, channels, |c, n| {
            let mut acc = s.splat(0.0);
            for &(a, b) in pairs {
                // SAFETY: every address has `n` values from c.
                acc = unsafe { s.fma(E::load_n(s, a.add(c), n), s.load_n(b.add(c), n), acc) };
            }
            // SAFETY: as does `y`.
            unsafe { E::store_n(s, y.as_mut_ptr().add(c), n, acc) };
        });
    }
}
