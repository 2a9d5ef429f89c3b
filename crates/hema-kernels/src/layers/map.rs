//! Passes that treat an NHWC map image by image: global average pooling, squeeze-excite's scaling, the
//! residual sum.
//!
//! An image is one task. All are bound by memory; each reads and writes a map once.
//!
//! Left out on purpose: max pooling and windows.

use crate::parallel::{self, check_len, extents, par_chunks};
use crate::simd::{Element, Kernel, Simd, dispatch, for_vectors};

/// An NHWC map as images of `pixels` rows of `channels` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// Images.
    pub batch: usize,
    /// Pixels of an image, height times width.
    pub pixels: usize,
    /// Channels.
    pub channels: usize,
}

impl Map {
    /// Values in the map.
    ///
    /// # Panics
    /// If no buffer has so many.
    #[track_caller]
    pub fn numel(&self) -> usize {
        extents::values("map", [self.batch, self.pixels, self.channels])
    }

    /// Values of an image, of a map that has been checked.
    pub(crate) fn image(&self) -> usize {
        self.pixels * self.channels
    }

    #[track_caller]
    pub(super) fn check_map<E>(&self, name: &str, x: &[E]) {
        assert!(self.numel() > 0, "an empty map: {self:?}");
        check_len(name, x.len(), self.numel());
    }

    /// Checks the length of one value for each image and channel, of a map that has been checked.
    #[track_caller]
    pub(super) fn check_vectors(&self, name: &str, v: &[f32]) {
        check_len(name, v.len(), self.batch * self.channels);
    }

    /// Global average pooling: `y` (batch, channels) is the mean over the pixels of `x`.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn mean<E: Element>(&self, x: &[E], y: &mut [f32]) {
        self.check_map("x", x);
        self.check_vectors("y", y);
        let images = y.chunks_mut(self.channels).zip(x.chunks(self.image()));
        parallel::for_each(images, |(y, x)| mean_image(x, y));
    }

    /// The sum of each channel over all pixels of all images: the gradient of a bias.
    ///
    /// # Panics
    /// If the length does not match the map.
    pub fn sums<E: Element>(&self, x: &[E]) -> Vec<f32> {
        self.check_map("x", x);
        let mut means = vec![0.0; self.batch * self.channels];
        self.mean(x, &mut means);
        let mut sums = vec![0.0_f64; self.channels];
        for means in means.chunks_exact(self.channels) {
            sums.iter_mut().zip(means).for_each(|(sum, mean)| *sum += f64::from(*mean));
        }
        sums.into_iter().map(|sum| (sum * self.pixels as f64) as f32).collect()
    }

    /// Gradient of [`Map::mean`]: `dx` from `dy` (batch, channels).
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn mean_backward<E: Element>(&self, dy: &[f32], dx: &mut [E]) {
        self.check_map("dx", dx);
        self.check_vectors("dy", dy);
        let share = 1.0 / self.pixels as f32;
        par_chunks(dx, self.image(), |i, dx| {
            let dy = &dy[i * self.channels..][..self.channels];
            let dy: Vec<E> = dy.iter().map(|d| E::from_f32(d * share)).collect();
            dx.chunks_exact_mut(self.channels).for_each(|row| row.copy_from_slice(&dy));
        });
    }

    /// `x *= by` (batch, channels), the same for all pixels of an image.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn scale<E: Element>(&self, x: &mut [E], by: &[f32]) {
        self.check_map("x", x);
        self.check_vectors("by", by);
        par_chunks(x, self.image(), |i, x| scale_image(x, &by[i * self.channels..][..self.channels]));
    }

    /// `y` (batch, channels) is the sum over the pixels of `a * b`: the gradient of [`Map::scale`]'s factor
    /// from its `x` and `dy`.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn dot<E: Element>(&self, a: &[E], b: &[E], y: &mut [f32]) {
        self.check_map("a", a);
        self.check_map("b", b);
        self.check_vectors("y", y);
        par_chunks(y, self.channels, |i, y| {
            let at = i * self.image()..(i + 1) * self.image();
            // SAFETY: `a` and `b` are equally many whole rows of the length of `y`.
            unsafe { dispatch(DotRows { a: &a[at.clone()], b: &b[at], y }) }
        });
    }

    /// `y += x`.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn add<E: Element>(&self, x: &[E], y: &mut [E]) {
        self.add_at_least(x, f32::NEG_INFINITY, y);
    }

    /// `y = max(least, y + x)`.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub(crate) fn add_at_least<E: Element>(&self, x: &[E], least: f32, y: &mut [E]) {
        self.check_map("x", x);
        self.check_map("y", y);
        par_chunks(y, self.image(), |i, y| add_scaled(&x[i * self.image()..][..y.len()], 1.0, least, y));
    }

    /// `d = 0` where `y` is not above 0: the gradient of `max(0, _)` from its output.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn keep_positive<E: Element>(&self, y: &[E], d: &mut [E]) {
        self.check_map("y", y);
        self.check_map("d", d);
        par_chunks(d, self.image(), |i, d| {
            // SAFETY: equally long by the slicing.
            unsafe { dispatch(KeepPositive { y: &y[i * self.image()..][..d.len()], d }) }
        });
    }

    /// `d *= by[image]`: turns the gradient of a residual sum into that of the branch that stochastic depth
    /// scales.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn scale_images<E: Element>(&self, by: &[f32], d: &mut [E]) {
        self.check_map("d", d);
        check_len("by", by.len(), self.batch);
        let by: Vec<f32> = by.iter().flat_map(|k| std::iter::repeat_n(*k, self.channels)).collect();
        self.scale(d, &by);
    }

    /// `y = x`.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub(crate) fn copy<E: Element>(&self, x: &[E], y: &mut [E]) {
        self.check_map("x", x);
        self.check_map("y", y);
        par_chunks(y, self.image(), |i, y| y.copy_from_slice(&x[i * self.image()..][..y.len()]));
    }
}

/// `y` = the mean of the rows of `x`, one image.
pub(crate) fn mean_image<E: Element>(x: &[E], y: &mut [f32]) {
    let share = y.len() as f32 / x.len() as f32;
    y.fill(0.0);
    // SAFETY: `add_rows` reads only whole rows of the length of `y`.
    unsafe { dispatch(AddRows { x, y }) };
    for y in y {
        *y *= share;
    }
}

/// `d = d * by + offset` for the rows of one image.
pub(crate) fn scale_add_image<E: Element>(d: &mut [E], by: &[f32], offset: &[f32]) {
    check_len("offset", offset.len(), by.len());
    // SAFETY: `scale_add_rows` walks only whole rows of the length of the two equally long vectors.
    unsafe { dispatch(ScaleAddRows { d, by, offset }) }
}

/// `x *= by` for the rows of one image.
pub(crate) fn scale_image<E: Element>(x: &mut [E], by: &[f32]) {
    // SAFETY: `scale_rows` walks only whole rows of the length of `by`.
    unsafe { dispatch(ScaleRows { x, by }) }
}

/// `y = x + by * z` for the rows of one image.
pub(crate) fn add_scaled_rows<E: Element>(x: &[E], z: &[E], by: &[f32], y: &mut [E]) {
    check_len("x", x.len(), y.len());
    check_len("z", z.len(), y.len());
    // SAFETY: `sum_scaled_rows` walks only whole rows of the length of `by` of three equally long maps.
    unsafe { dispatch(SumScaledRows { x, z, by, y }) }
}

/// `y = max(least, x + by * y)`.
pub(crate) fn add_scaled<E: Element>(x: &[E], by: f32, least: f32, y: &mut [E]) {
    check_len("x", x.len(), y.len());
    // SAFETY: equally long.
    unsafe { dispatch(AddScaled { x, by, least, y }) }
}

/// Adds the sum of the rows of `x` to `y`.
///
/// # Safety
/// `x` is whole rows of the length of `y`.
struct AddRows<'a, E> {
    x: &'a [E],
    y: &'a mut [f32],
}

impl<E: Element> Kernel for AddRows<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { x, y } = self;
        let channels = y.len();
        for_vectors!(S, channels, |c, n| {
            let mut sum = s.splat(0.0);
            for x in x.chunks_exact(channels) {
                // SAFETY: `n` channels remain from c in each row.
                sum = s.add(sum, unsafe { E::load_n(s, x.as_ptr().add(c), n) });
            }
            // SAFETY: `n` channels remain from c.
            unsafe {
                let y = y.as_mut_ptr().add(c);
                s.store_n(y, n, s.add(sum, s.load_n(y, n)));
            }
        });
    }
}

/// # Safety
/// `x`, `z` and `y` are equally long.
struct SumScaledRows<'a, E> {
    x: &'a [E],
    z: &'a [E],
    by: &'a [f32],
    y: &'a mut [E],
}

impl<E: Element> Kernel for SumScaledRows<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { x, z, by, y } = self;
        let channels = by.len();
        let rows = x.chunks_exact(channels).zip(z.chunks_exact(channels)).zip(y.chunks_exact_mut(channels));
        for ((x, z), y) in rows {
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in each row and in the factors.
                unsafe {
                    let (x, z) = (E::load_n(s, x.as_ptr().add(c), n), E::load_n(s, z.as_ptr().add(c), n));
                    E::store_n(s, y.as_mut_ptr().add(c), n, s.fma(z, s.load_n(by.as_ptr().add(c), n), x));
                }
            });
        }
    }
}

/// `x *= by`.
///
/// # Safety
/// `x` is whole rows of the length of `by`.
struct ScaleRows<'a, E> {
    x: &'a mut [E],
    by: &'a [f32],
}

impl<E: Element> Kernel for ScaleRows<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { x, by } = self;
        let channels = by.len();
        for x in x.chunks_exact_mut(channels) {
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in each row.
                unsafe {
                    let x = x.as_mut_ptr().add(c);
                    E::store_n(s, x, n, s.mul(E::load_n(s, x, n), s.load_n(by.as_ptr().add(c), n)));
                }
            });
        }
    }
}

/// # Safety
/// `x` and `y` are equally long.
struct AddScaled<'a, E> {
    x: &'a [E],
    by: f32,
    least: f32,
    y: &'a mut [E],
}

impl<E: Element> Kernel for AddScaled<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { x, by, least, y } = self;
        let len = y.len();
        let (by, least) = (s.splat(by), s.splat(least));
        for_vectors!(S, len, |i, n| {
            // SAFETY: `n` values remain from i in both slices.
            unsafe {
                let y = y.as_mut_ptr().add(i);
                let sum = s.fma(E::load_n(s, y, n), by, E::load_n(s, x.as_ptr().add(i), n));
                E::store_n(s, y, n, s.max(least, sum));
            }
        });
    }
}

/// # Safety
/// `y` and `d` are equally long.
struct KeepPositive<'a, E> {
    y: &'a [E],
    d: &'a mut [E],
}

impl<E: Element> Kernel for KeepPositive<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { y, d } = self;
        let len = d.len();
        for_vectors!(S, len, |i, n| {
            // SAFETY: `n` values remain from i in both slices.
            unsafe {
                let d = d.as_mut_ptr().add(i);
                E::store_n(s, d, n, s.keep_positive(E::load_n(s, y.as_ptr().add(i), n), E::load_n(s, d, n)));
            }
        });
    }
}

/// `y` = the sum over rows of `a * b`.
///
/// # Safety
/// `a` and `b` are equally many whole rows of the length of `y`.
struct DotRows<'a, E> {
    a: &'a [E],
    b: &'a [E],
    y: &'a mut [f32],
}

impl<E: Element> Kernel for DotRows<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { a, b, y } = self;
        let channels = y.len();
        for_vectors!(S, channels, |c, n| {
            let mut sum = s.splat(0.0);
            for (a, b) in a.chunks_exact(channels).zip(b.chunks_exact(channels)) {
                // SAFETY: `n` channels remain from c in each row.
                sum = unsafe {
                    s.fma(E::load_n(s, a.as_ptr().add(c), n), E::load_n(s, b.as_ptr().add(c), n), sum)
                };
            }
            // SAFETY: `n` channels remain from c.
            unsafe { s.store_n(y.as_mut_ptr().add(c), n, sum) };
        });
    }
}

/// `d = d * by + offset`.
///
/// # Safety
/// `d` is whole rows of the length of both vectors.
struct ScaleAddRows<'a, E> {
    d: &'a mut [E],
    by: &'a [f32],
    offset: &'a [f32],
}

impl<E: Element> Kernel for ScaleAddRows<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { d, by, offset } = self;
        let channels = by.len();
        for d in d.chunks_exact_mut(channels) {
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in each row and vector.
                unsafe {
                    let (by, offset) = (s.load_n(by.as_ptr().add(c), n), s.load_n(offset.as_ptr().add(c), n));
                    let d = d.as_mut_ptr().add(c);
                    E::store_n(s, d, n, s.fma(E::load_n(s, d, n), by, offset));
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Map, add_scaled, scale_add_image};
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::{assert_close, values};

    #[test]
    fn every_pass_matches_its_definition() {
        at_every_level(|_| {
            for (batch, pixels, channels) in [(1, 1, 1), (2, 9, 19), (3, 36, 16), (2, 25, 40)] {
                let map = Map { batch, pixels, channels };
                let n = map.numel();
                let (x, dy, shortcut) = (values(n, 1), values(n, 2), values(n, 3));
                let (by, keep) = (values(batch * channels, 4), values(batch, 5));
                let vector = |i: usize| i / (pixels * channels) * channels + i % channels;
                let image = |i: usize| i / (pixels * channels);
                let from = |f: &dyn Fn(usize) -> f32| -> Vec<f32> { (0..n).map(f).collect() };
                let summed = |f: &dyn Fn(usize) -> f32| {
                    let mut sums = vec![0.0; batch * channels];
                    (0..n).for_each(|i| sums[vector(i)] += f(i));
                    sums
                };
                let (mut y, mut short) = (vec![9.0; n], vec![9.0; by.len()]);

                map.mean(&x, &mut short);
                assert_close("mean", &short, &summed(&|i| x[i] / pixels as f32), 1e-5);
                map.mean_backward(&by, &mut y);
                assert_close("mean backward", &y, &from(&|i| by[vector(i)] / pixels as f32), 1e-6);
                y.copy_from_slice(&x);
                map.scale(&mut y, &by);
                assert_close("scale", &y, &from(&|i| x[i] * by[vector(i)]), 1e-6);
                map.dot(&x, &dy, &mut short);
                assert_close("dot", &short, &summed(&|i| dy[i] * x[i]), 1e-5);
                let offset = values(by.len(), 6);
                for (i, (y, x)) in y.chunks_mut(map.image()).zip(x.chunks(map.image())).enumerate() {
                    let at = i * channels..(i + 1) * channels;
                    y.copy_from_slice(x);
                    scale_add_image(y, &by[at.clone()], &offset[at]);
                }
                assert_close("scale add", &y, &from(&|i| x[i] * by[vector(i)] + offset[vector(i)]), 1e-6);
                y.copy_from_slice(&x);
                add_scaled(&shortcut, 0.5, f32::NEG_INFINITY, &mut y);
                assert_close("drop path", &y, &from(&|i| x[i] * 0.5 + shortcut[i]), 1e-6);
                map.add(&dy, &mut y);
                assert_close("add", &y, &from(&|i| x[i] * 0.5 + shortcut[i] + dy[i]), 1e-6);
                map.copy(&dy, &mut y);
                map.keep_positive(&x, &mut y);
                assert_close("relu backward", &y, &from(&|i| if x[i] > 0.0 { dy[i] } else { 0.0 }), 1e-6);
                y.copy_from_slice(&x);
                map.add_at_least(&shortcut, 0.0, &mut y);
                assert_close("sum and relu", &y, &from(&|i| (x[i] + shortcut[i]).max(0.0)), 1e-6);
                map.copy(&dy, &mut y);
                map.scale_images(&keep, &mut y);
                assert_close("drop path backward", &y, &from(&|i| dy[i] * keep[image(i)]), 1e-6);
            }
        });
    }
}
