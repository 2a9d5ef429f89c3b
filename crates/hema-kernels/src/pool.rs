//! Passes that treat an NHWC map image by image: global average pooling, squeeze-excite's scaling, the residual sum.
//!
//! An image is one task. All are bound by memory; each reads and writes a map once.
//!
//! Left out on purpose: max pooling and windows (no network of ours has them past the stem).

use crate::norm::for_vectors;
use crate::simd::{Simd, simd_fn};
use crate::{check_len, par_chunks};
use rayon::prelude::*;

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
    pub fn numel(&self) -> usize {
        self.batch * self.pixels * self.channels
    }

    pub(crate) fn image(&self) -> usize {
        self.pixels * self.channels
    }

    fn check_map(&self, name: &str, x: &[f32]) {
        assert!(self.numel() > 0, "an empty map: {self:?}");
        check_len(name, x.len(), self.numel());
    }

    fn check_vectors(&self, name: &str, v: &[f32]) {
        check_len(name, v.len(), self.batch * self.channels);
    }

    /// Global average pooling: `y` (batch, channels) is the mean over the pixels of `x`.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn mean(&self, x: &[f32], y: &mut [f32]) {
        self.check_map("x", x);
        self.check_vectors("y", y);
        let images = x.par_chunks(self.image());
        y.par_chunks_mut(self.channels).zip(images).for_each(|(y, x)| mean_image(x, y));
    }

    /// Gradient of [`Map::mean`]: `dx` from `dy` (batch, channels).
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn mean_backward(&self, dy: &[f32], dx: &mut [f32]) {
        self.check_vectors("dy", dy);
        self.check_map("dx", dx);
        let share = 1.0 / self.pixels as f32;
        par_chunks(dx, self.image(), |i, dx| {
            let dy: Vec<f32> = dy[i * self.channels..][..self.channels].iter().map(|d| d * share).collect();
            dx.chunks_exact_mut(self.channels).for_each(|row| row.copy_from_slice(&dy));
        });
    }

    /// `y = x * by`, where `by` (batch, channels) is the same for all pixels of an image.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn scale(&self, x: &[f32], by: &[f32], y: &mut [f32]) {
        self.check_map("x", x);
        self.check_vectors("by", by);
        self.check_map("y", y);
        par_chunks(y, self.image(), |i, y| {
            let (x, by) = (&x[i * self.image()..][..y.len()], &by[i * self.channels..][..self.channels]);
            // SAFETY: `x` and `y` are equally many whole rows of the length of `by`.
            unsafe { scale_rows(x, by, y) }
        });
    }

    /// `y` (batch, channels) is the sum over the pixels of `a * b`: the gradient of [`Map::scale`]'s factor from its `x` and `dy`.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn dot(&self, a: &[f32], b: &[f32], y: &mut [f32]) {
        self.check_map("a", a);
        self.check_map("b", b);
        self.check_vectors("y", y);
        y.par_chunks_mut(self.channels).enumerate().for_each(|(i, y)| {
            let at = i * self.image()..(i + 1) * self.image();
            // SAFETY: `a` and `b` are equally many whole rows of the length of `y`.
            unsafe { dot_rows(&a[at.clone()], &b[at], y) }
        });
    }

    /// `d = d * by + offset`, both (batch, channels): the gradient of an input that is scaled and, on another path, averaged.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn scale_add(&self, d: &mut [f32], by: &[f32], offset: &[f32]) {
        self.check_map("d", d);
        self.check_vectors("by", by);
        self.check_vectors("offset", offset);
        par_chunks(d, self.image(), |i, d| {
            let at = i * self.channels..(i + 1) * self.channels;
            scale_add_image(d, &by[at.clone()], &offset[at]);
        });
    }

    /// `y = shortcut + x * keep[image]`; without `keep`, the plain sum. With stochastic depth, `keep` is 0 or 1 / (1 - rate).
    /// The gradient of `shortcut` is that of `y`, that of `x` is [`Map::residual_backward`].
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn residual(&self, x: &[f32], shortcut: &[f32], keep: Option<&[f32]>, y: &mut [f32]) {
        self.check_map("x", x);
        self.check_map("shortcut", shortcut);
        self.check_map("y", y);
        keep.inspect(|keep| check_len("keep", keep.len(), self.batch));
        par_chunks(y, self.image(), |i, y| {
            let at = i * self.image()..(i + 1) * self.image();
            let keep = keep.map_or(1.0, |keep| keep[i]);
            for ((y, x), s) in y.iter_mut().zip(&x[at.clone()]).zip(&shortcut[at]) {
                *y = s + x * keep;
            }
        });
    }

    /// `y += x`.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn add(&self, x: &[f32], y: &mut [f32]) {
        self.check_map("x", x);
        self.check_map("y", y);
        par_chunks(y, self.image(), |i, y| {
            let x = &x[i * self.image()..][..y.len()];
            y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
        });
    }

    /// `d *= keep[image]`: turns the gradient of [`Map::residual`]'s output into that of its `x`.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub fn residual_backward(&self, keep: &[f32], d: &mut [f32]) {
        self.check_map("d", d);
        check_len("keep", keep.len(), self.batch);
        par_chunks(d, self.image(), |i, d| {
            for d in d {
                *d *= keep[i];
            }
        });
    }

    /// `y = x`.
    ///
    /// # Panics
    /// If lengths do not match the map.
    pub(crate) fn copy(&self, x: &[f32], y: &mut [f32]) {
        self.check_map("x", x);
        self.check_map("y", y);
        par_chunks(y, self.image(), |i, y| y.copy_from_slice(&x[i * self.image()..][..y.len()]));
    }
}

/// `y` = the mean of the rows of `x`, one image.
pub(crate) fn mean_image(x: &[f32], y: &mut [f32]) {
    let share = y.len() as f32 / x.len() as f32;
    y.fill(0.0);
    // SAFETY: `add_rows` reads only whole rows of the length of `y`.
    unsafe { add_rows(x, y) };
    for y in y {
        *y *= share;
    }
}

/// `d = d * by + offset` for the rows of one image.
pub(crate) fn scale_add_image(d: &mut [f32], by: &[f32], offset: &[f32]) {
    check_len("offset", offset.len(), by.len());
    // SAFETY: `scale_add_rows` walks only whole rows of the length of the two equally long vectors.
    unsafe { scale_add_rows(d, by, offset) }
}

/// `x *= by` for the rows of one image.
pub(crate) fn scale_image(x: &mut [f32], by: &[f32]) {
    for row in x.chunks_exact_mut(by.len()) {
        row.iter_mut().zip(by).for_each(|(x, b)| *x *= b);
    }
}

#[inline(always)]
unsafe fn add_rows_body<S: Simd>(s: S, x: &[f32], y: &mut [f32]) {
    let channels = y.len();
    for_vectors!(S, channels, |c, n| {
        let mut sum = s.splat(0.0);
        for x in x.chunks_exact(channels) {
            // SAFETY: `n` channels remain from c in each row.
            sum = s.add(sum, unsafe { s.load_n(x.as_ptr().add(c), n) });
        }
        // SAFETY: `n` channels remain from c.
        unsafe {
            let y = y.as_mut_ptr().add(c);
            s.store_n(y, n, s.add(sum, s.load_n(y, n)));
        }
    });
}
simd_fn!(
    /// Adds the sum of the rows of `x` to `y`.
    ///
    /// # Safety
    /// `x` is whole rows of the length of `y`.
    unsafe fn add_rows(x: &[f32], y: &mut [f32]) = add_rows_body
);

#[inline(always)]
unsafe fn scale_rows_body<S: Simd>(s: S, x: &[f32], by: &[f32], y: &mut [f32]) {
    let channels = by.len();
    for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)) {
        for_vectors!(S, channels, |c, n| {
            // SAFETY: `n` channels remain from c in each row.
            unsafe {
                let v = s.mul(s.load_n(x.as_ptr().add(c), n), s.load_n(by.as_ptr().add(c), n));
                s.store_n(y.as_mut_ptr().add(c), n, v);
            }
        });
    }
}
simd_fn!(
    /// `y = x * by`.
    ///
    /// # Safety
    /// `x` and `y` are equally many whole rows of the length of `by`.
    unsafe fn scale_rows(x: &[f32], by: &[f32], y: &mut [f32]) = scale_rows_body
);

#[inline(always)]
unsafe fn dot_rows_body<S: Simd>(s: S, a: &[f32], b: &[f32], y: &mut [f32]) {
    let channels = y.len();
    for_vectors!(S, channels, |c, n| {
        let mut sum = s.splat(0.0);
        for (a, b) in a.chunks_exact(channels).zip(b.chunks_exact(channels)) {
            // SAFETY: `n` channels remain from c in each row.
            sum = unsafe { s.fma(s.load_n(a.as_ptr().add(c), n), s.load_n(b.as_ptr().add(c), n), sum) };
        }
        // SAFETY: `n` channels remain from c.
        unsafe { s.store_n(y.as_mut_ptr().add(c), n, sum) };
    });
}
simd_fn!(
    /// `y` = the sum over rows of `a * b`.
    ///
    /// # Safety
    /// `a` and `b` are equally many whole rows of the length of `y`.
    unsafe fn dot_rows(a: &[f32], b: &[f32], y: &mut [f32]) = dot_rows_body
);

#[inline(always)]
unsafe fn scale_add_rows_body<S: Simd>(s: S, d: &mut [f32], by: &[f32], offset: &[f32]) {
    let channels = by.len();
    for d in d.chunks_exact_mut(channels) {
        for_vectors!(S, channels, |c, n| {
            // SAFETY: `n` channels remain from c in each row and vector.
            unsafe {
                let (by, offset) = (s.load_n(by.as_ptr().add(c), n), s.load_n(offset.as_ptr().add(c), n));
                let d = d.as_mut_ptr().add(c);
                s.store_n(d, n, s.fma(s.load_n(d, n), by, offset));
            }
        });
    }
}
simd_fn!(
    /// `d = d * by + offset`.
    ///
    /// # Safety
    /// `d` is whole rows of the length of both vectors.
    unsafe fn scale_add_rows(d: &mut [f32], by: &[f32], offset: &[f32]) = scale_add_rows_body
);

#[cfg(test)]
mod tests {
    use super::Map;
    use crate::reference::{assert_close, values};
    use crate::simd::testing::at_every_level;

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
                map.scale(&x, &by, &mut y);
                assert_close("scale", &y, &from(&|i| x[i] * by[vector(i)]), 1e-6);
                map.dot(&x, &dy, &mut short);
                assert_close("dot", &short, &summed(&|i| dy[i] * x[i]), 1e-5);
                y.copy_from_slice(&x);
                let offset = values(by.len(), 6);
                map.scale_add(&mut y, &by, &offset);
                assert_close("scale add", &y, &from(&|i| x[i] * by[vector(i)] + offset[vector(i)]), 1e-6);
                map.residual(&x, &shortcut, None, &mut y);
                assert_close("sum", &y, &from(&|i| x[i] + shortcut[i]), 1e-6);
                map.residual(&x, &shortcut, Some(&keep), &mut y);
                assert_close("drop path", &y, &from(&|i| x[i] * keep[image(i)] + shortcut[i]), 1e-6);
                map.add(&dy, &mut y);
                assert_close("add", &y, &from(&|i| x[i] * keep[image(i)] + shortcut[i] + dy[i]), 1e-6);
                map.copy(&dy, &mut y);
                map.residual_backward(&keep, &mut y);
                assert_close("drop path backward", &y, &from(&|i| dy[i] * keep[image(i)]), 1e-6);
            }
        });
    }
}
