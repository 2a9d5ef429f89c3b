//! Batch normalisation over the channels of an NHWC map, with the activation that follows it in the same
//! pass.
//!
//! * Statistics: per block of rows, shifted sums in `f32` (the shift is the block's first row, so large means
//!   do no harm); blocks are merged in `f64` in order (Chan et al.).
//! * Forward: one pass, `y = act(scale * x + shift)`; eval mode is the same pass with running statistics.
//! * Backward: two passes. The first recomputes the pre-activation from `x`, makes `dz = dy * act'`, sums
//!   `dz` and `dz * (x - mean)` and turns `dy` into `scale * dz` in place, which is `dx` already where the
//!   statistics are constants; else the second adds the part that flows through them. Recomputing costs less
//!   than a saved map would.
//!
//! Passes with sums take four rows at a time, so that sums and parameters are loaded once for four rows while
//! memory is still read in order.

use super::{ROWS, Stats, check_rows, chunk};
use crate::parallel::{self, check_len, par_chunks};
use crate::simd::{Act, Activation, Element, Kernel, Simd, dispatch, for_vectors, with_activation};

/// A batch normalisation's parameters and the activation after it (Ioffe and Szegedy, 2015).
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Factor per channel.
    pub gamma: &'a [f32],
    /// Offset per channel.
    pub beta: &'a [f32],
    /// Added to the variance.
    pub eps: f32,
    /// Applied to the normalised value.
    pub act: Act,
    /// The statistics are constants, not those of the map: gradients do not flow through them.
    pub fixed: bool,
}

/// Gradients of a [`Norm`]'s parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct NormGrads {
    /// Gradient of the factor.
    pub gamma: Vec<f32>,
    /// Gradient of the offset.
    pub beta: Vec<f32>,
}

impl Norm<'_> {
    fn check(&self, stats: &Stats) -> usize {
        let channels = self.gamma.len();
        check_len("beta", self.beta.len(), channels);
        check_len("mean", stats.mean.len(), channels);
        check_len("var", stats.var.len(), channels);
        channels
    }

    fn invstd(&self, stats: &Stats) -> Vec<f32> {
        stats.var.iter().map(|v| 1.0 / (v + self.eps).sqrt()).collect()
    }

    /// The normalisation as `scale * x + shift`; multiply a convolution's filters by `scale` and give it the
    /// bias `shift` to fold the two for inference.
    ///
    /// # Panics
    /// If the numbers of channels differ.
    pub fn fold(&self, stats: &Stats) -> (Vec<f32>, Vec<f32>) {
        self.check(stats);
        let scale: Vec<f32> = self.invstd(stats).iter().zip(self.gamma).map(|(i, g)| i * g).collect();
        let shift = self.beta.iter().zip(&stats.mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
        (scale, shift)
    }

    /// `y = act(gamma * (x - mean) / sqrt(var + eps) + beta)`; `x` and `y` are rows of as many values as
    /// there are channels. `stats` are the batch's in training, the running ones otherwise.
    ///
    /// # Panics
    /// If lengths do not match.
    pub fn forward<E: Element>(&self, x: &[E], stats: &Stats, y: &mut [E]) {
        let channels = self.check(stats);
        check_rows("x", x, channels);
        check_len("y", y.len(), x.len());
        self.forward_chunks(x, stats, chunk(channels), y, |_, _| ());
    }

    /// [`Norm::forward`] a chunk of `size` values (whole rows) at a time; `then` is called with each chunk's
    /// number and the chunk while that is in the cache, and its results returned in order.
    pub(crate) fn forward_chunks<E: Element, T: Send>(
        &self,
        x: &[E],
        stats: &Stats,
        size: usize,
        y: &mut [E],
        then: impl Fn(usize, &mut [E]) -> T + Sync + Send,
    ) -> Vec<T> {
        let channels = self.check(stats);
        check_rows("x", x, channels);
        check_rows("chunk", &x[..size.min(x.len())], channels);
        check_len("y", y.len(), x.len());
        let (scale, shift) = self.fold(stats);
        let task = |(i, y): (usize, &mut [E])| {
            let x = &x[i * size..][..y.len()];
            // SAFETY: `x` and `y` are equally many whole rows of the parameters' length.
            unsafe { dispatch(Affine { act: self.act, x, scale: &scale, shift: &shift, y }) };
            then(i, y)
        };
        parallel::map(y.chunks_mut(size).enumerate(), task)
    }

    /// Gradients, where `stats` are those of `x` itself or, with [`Norm::fixed`], constants. `d` holds the
    /// gradient after the activation and receives that of `x`: in place, because writing to other memory
    /// would cost reading it first.
    ///
    /// # Panics
    /// If lengths do not match.
    pub fn backward<E: Element>(&self, x: &[E], stats: &Stats, d: &mut [E]) -> NormGrads {
        let channels = self.check(stats);
        check_rows("x", x, channels);
        self.backward_chunks(x, stats, chunk(channels), d, |_, _| ())
    }

    /// [`Norm::backward`] with chunks of `size` values (whole rows); `first` is called with each chunk's
    /// number and the chunk of `d` to prepare it.
    pub(crate) fn backward_chunks<E: Element>(
        &self,
        x: &[E],
        stats: &Stats,
        size: usize,
        d: &mut [E],
        first: impl Fn(usize, &mut [E]) + Sync + Send,
    ) -> NormGrads {
        let (grads, scale, invstd) = self.backward_sums(x, stats, size, d, first);
        if self.fixed {
            return grads;
        }
        let channels = self.gamma.len();
        let rows = (x.len() / channels) as f32;
        // dx = scale * (dz - mean(dz) - xhat * mean(dz * xhat)), as scale * dz + b * x + c
        let b: Vec<f32> = (0..channels).map(|c| -scale[c] * invstd[c] * grads.gamma[c] / rows).collect();
        let c: Vec<f32> =
            (0..channels).map(|c| -scale[c] * grads.beta[c] / rows - b[c] * stats.mean[c]).collect();
        let size = chunk(channels);
        par_chunks(d, size, |i, d| {
            let x = &x[i * size..][..d.len()];
            // SAFETY: equally many whole rows of the parameters' length.
            unsafe { dispatch(AddAffine { x, scale: &b, shift: &c, d }) }
        });
        grads
    }

    /// Turns `dy` into `scale * dz` in place; returns the parameters' gradients, the scale and 1 / standard
    /// deviation.
    fn backward_sums<E: Element>(
        &self,
        x: &[E],
        stats: &Stats,
        size: usize,
        d: &mut [E],
        first: impl Fn(usize, &mut [E]) + Sync + Send,
    ) -> (NormGrads, Vec<f32>, Vec<f32>) {
        let channels = self.check(stats);
        check_rows("x", x, channels);
        check_rows("chunk", &x[..size.min(x.len())], channels);
        check_len("d", d.len(), x.len());
        let (scale, shift) = self.fold(stats);
        let partials: Vec<Vec<f32>> = parallel::map(d.chunks_mut(size).enumerate(), |(i, d)| {
            let x = &x[i * size..][..d.len()];
            first(i, d);
            let mut sums = vec![0.0; 2 * channels];
            let (plain, weighted) = sums.split_at_mut(channels);
            // SAFETY: the maps are equally many whole rows of the parameters' and the sums' length.
            unsafe {
                dispatch(GradSums {
                    act: self.act,
                    x,
                    scale: &scale,
                    shift: &shift,
                    mean: &stats.mean,
                    d,
                    plain,
                    weighted,
                });
            };
            sums
        });
        let mut total = vec![0.0f64; 2 * channels];
        for sums in &partials {
            total.iter_mut().zip(sums).for_each(|(t, s)| *t += f64::from(*s));
        }
        let invstd = self.invstd(stats);
        let (plain, weighted) = total.split_at(channels);
        let gamma = weighted.iter().zip(&invstd).map(|(w, i)| (w * f64::from(*i)) as f32).collect();
        let beta = plain.iter().map(|p| *p as f32).collect();
        (NormGrads { gamma, beta }, scale, invstd)
    }
}

/// `y = act(scale * x + shift)`.
///
/// # Safety
/// `x` and `y` are equally many whole rows of the parameters' length.
struct Affine<'a, E> {
    act: Act,
    x: &'a [E],
    scale: &'a [f32],
    shift: &'a [f32],
    y: &'a mut [E],
}

impl<E: Element> Kernel for Affine<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { act, x, scale, shift, y } = self;
        let channels = scale.len();
        with_activation!(act, A => {
            for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)) {
                for_vectors!(S, channels, |c, n| {
                    // SAFETY: `n` channels remain from c in each row and each parameter.
                    unsafe {
                        let (a, b) = (s.load_n(scale.as_ptr().add(c), n), s.load_n(shift.as_ptr().add(c), n));
                        let z = s.fma(a, E::load_n(s, x.as_ptr().add(c), n), b);
                        E::store_n(s, y.as_mut_ptr().add(c), n, A::value::<S, E>(s, z));
                    }
                });
            }
        });
    }
}

/// `d = d + scale * x + shift`.
///
/// # Safety
/// `x` and `d` are equally many whole rows of the parameters' length.
struct AddAffine<'a, E> {
    x: &'a [E],
    scale: &'a [f32],
    shift: &'a [f32],
    d: &'a mut [E],
}

impl<E: Element> Kernel for AddAffine<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { x, scale, shift, d } = self;
        let channels = scale.len();
        for (x, d) in x.chunks_exact(channels).zip(d.chunks_exact_mut(channels)) {
            for_vectors!(S, channels, |i, n| {
                // SAFETY: `n` channels remain from i in each row and each parameter.
                unsafe {
                    let (a, b) = (s.load_n(scale.as_ptr().add(i), n), s.load_n(shift.as_ptr().add(i), n));
                    let z = s.fma(a, E::load_n(s, x.as_ptr().add(i), n), b);
                    let d = d.as_mut_ptr().add(i);
                    E::store_n(s, d, n, s.add(E::load_n(s, d, n), z));
                }
            });
        }
    }
}

/// `d = scale * dz`, where `dz = d * act'(scale * x + shift)`; adds `dz` and `dz * (x - mean)`, summed over
/// rows, to `plain` and `weighted`.
///
/// # Safety
/// `x` and `d` are equally many whole rows of the parameters' and the sums' length.
struct GradSums<'a, E> {
    act: Act,
    x: &'a [E],
    scale: &'a [f32],
    shift: &'a [f32],
    mean: &'a [f32],
    d: &'a mut [E],
    plain: &'a mut [f32],
    weighted: &'a mut [f32],
}

impl<E: Element> Kernel for GradSums<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self, s: S) {
        let whole = self.x.len() / (ROWS * self.scale.len()) * ROWS * self.scale.len();
        let (x, x_rest) = self.x.split_at(whole);
        let (d, d_rest) = std::mem::take(&mut self.d).split_at_mut(whole);
        with_activation!(self.act, A => {
            // SAFETY: the kernel's conditions.
            unsafe {
                self.rows::<S, A, ROWS>(s, x, d);
                self.rows::<S, A, 1>(s, x_rest, d_rest);
            }
        });
    }
}

impl<E: Element> GradSums<'_, E> {
    /// Takes `R` rows at a time.
    ///
    /// # Safety
    /// The conditions of the kernel, for these parts of its maps.
    #[inline(always)]
    unsafe fn rows<S: Simd, A: Activation, const R: usize>(&mut self, s: S, x: &[E], d: &mut [E]) {
        // in variables of their own, or every store would have them loaded from `self` again
        let Self { scale, shift, mean, .. } = *self;
        let (plain, weighted) = (self.plain.as_mut_ptr(), self.weighted.as_mut_ptr());
        let channels = scale.len();
        for (x, d) in x.chunks_exact(R * channels).zip(d.chunks_exact_mut(R * channels)) {
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in each row and each parameter.
                unsafe {
                    let a = s.load_n(scale.as_ptr().add(c), n);
                    let b = s.load_n(shift.as_ptr().add(c), n);
                    let m = s.load_n(mean.as_ptr().add(c), n);
                    let mut p = s.load_n(plain.add(c), n);
                    let mut w = s.load_n(weighted.add(c), n);
                    // before the first store, which for all the compiler knows could change them
                    let xs: [S::V; R] =
                        std::array::from_fn(|r| E::load_n(s, x.as_ptr().add(r * channels + c), n));
                    for (r, x) in xs.into_iter().enumerate() {
                        let d = d.as_mut_ptr().add(r * channels + c);
                        let g = A::grad::<S, E>(s, s.fma(a, x, b), E::load_n(s, d, n));
                        E::store_n(s, d, n, s.mul(a, g));
                        p = s.add(p, g);
                        w = s.fma(g, s.sub(x, m), w);
                    }
                    s.store_n(plain.add(c), n, p);
                    s.store_n(weighted.add(c), n, w);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Norm, Stats};
    use crate::simd::Act;
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::{self, assert_close, values};

    const EPS: f32 = 1e-3;

    fn narrow(x: &[f64]) -> Vec<f32> {
        x.iter().map(|v| *v as f32).collect()
    }

    #[test]
    fn forward_and_backward_match_finite_differences() {
        at_every_level(|level| {
            for (rows, c) in [(2, 1), (5, 3), (9, 17), (14, 8)] {
                for act in [Act::Identity, Act::Relu, Act::Silu] {
                    let name = format!("{rows}x{c} {act:?} {}", level.name());
                    let x = values(rows * c, 1);
                    let gamma: Vec<f32> = values(c, 2).iter().map(|g| 1.0 + 0.5 * g).collect();
                    let (beta, dy) = (values(c, 3), values(rows * c, 4));
                    let wide: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
                    let (expected, mean, var) = reference::norm(&wide, &gamma, &beta, EPS, act);

                    let stats = Stats::of(&x, c);
                    assert_close(&name, &stats.mean, &narrow(&mean), 1e-5);
                    assert_close(&name, &stats.var, &narrow(&var), 1e-5);
                    let norm = Norm { gamma: &gamma, beta: &beta, eps: EPS, act, fixed: false };
                    let mut y = vec![9.0; x.len()];
                    norm.forward(&x, &stats, &mut y);
                    assert_close(&name, &y, &narrow(&expected), 1e-5);

                    let loss = |x: &[f64], gamma: &[f32], beta: &[f32]| -> f64 {
                        let y = reference::norm(x, gamma, beta, EPS, act).0;
                        y.iter().zip(&dy).map(|(y, d)| y * f64::from(*d)).sum()
                    };
                    let mut dx = dy.clone();
                    let grads = norm.backward(&x, &stats, &mut dx);
                    let slopes: Vec<f32> = (0..x.len())
                        .map(|i| {
                            let at = |by: f64| {
                                let mut x = wide.clone();
                                x[i] += by;
                                loss(&x, &gamma, &beta)
                            };
                            ((at(1e-6) - at(-1e-6)) / 2e-6) as f32
                        })
                        .collect();
                    assert_close(&name, &dx, &slopes, 1e-4);
                    let moved = |v: &[f32], i: usize, by: f32| {
                        let mut v = v.to_vec();
                        v[i] += by;
                        v
                    };
                    // a power of two, so that the step survives rounding to f32
                    let step = 1.0 / 4096.0;
                    let slope =
                        |f: &dyn Fn(f32) -> f64| ((f(step) - f(-step)) / (2.0 * f64::from(step))) as f32;
                    let dgamma: Vec<f32> =
                        (0..c).map(|i| slope(&|by| loss(&wide, &moved(&gamma, i, by), &beta))).collect();
                    let dbeta: Vec<f32> =
                        (0..c).map(|i| slope(&|by| loss(&wide, &gamma, &moved(&beta, i, by)))).collect();
                    assert_close(&name, &grads.gamma, &dgamma, 1e-3);
                    assert_close(&name, &grads.beta, &dbeta, 1e-3);
                }
            }
        });
    }

    #[test]
    fn frozen_statistics_are_constants() {
        at_every_level(|_| {
            let (rows, c) = (70, 21);
            let (x, dy) = (values(rows * c, 1), values(rows * c, 2));
            let (gamma, beta) = (values(c, 3), values(c, 4));
            let stats =
                Stats { mean: values(c, 5), var: values(c, 6).iter().map(|v| 0.1 + v.abs()).collect() };
            let norm = Norm { gamma: &gamma, beta: &beta, eps: EPS, act: Act::Silu, fixed: true };
            let (scale, shift) = norm.fold(&stats);
            let mut dx = dy.clone();
            let grads = norm.backward(&x, &stats, &mut dx);
            let dz: Vec<f32> = (0..x.len())
                .map(|i| dy[i] * reference::act_slope(Act::Silu, x[i] * scale[i % c] + shift[i % c]))
                .collect();
            let expected: Vec<f32> = dz.iter().enumerate().map(|(i, d)| d * scale[i % c]).collect();
            assert_close("dx", &dx, &expected, 1e-5);
            let sum = |f: &dyn Fn(usize) -> f32| -> Vec<f32> {
                (0..c).map(|i| (0..rows).map(|r| f(r * c + i)).sum()).collect()
            };
            assert_close("dbeta", &grads.beta, &sum(&|i| dz[i]), 1e-5);
            let xhat = |i: usize| (x[i] - stats.mean[i % c]) / (stats.var[i % c] + EPS).sqrt();
            assert_close("dgamma", &grads.gamma, &sum(&|i| dz[i] * xhat(i)), 1e-5);
        });
    }

    /// A mean a thousand times the spread: the plain sum of squares would have no correct digit of the
    /// variance left.
    #[test]
    fn statistics_survive_a_large_mean() {
        at_every_level(|_| {
            let (rows, c) = (20_000, 19);
            let x: Vec<f32> = values(rows * c, 1).iter().map(|v| 1000.0 + v).collect();
            let stats = Stats::of(&x, c);
            for (i, (mean, var)) in stats.mean.iter().zip(&stats.var).enumerate() {
                let column = || x.iter().skip(i).step_by(c).map(|v| f64::from(*v));
                let exact = column().sum::<f64>() / rows as f64;
                let spread = column().map(|v| (v - exact).powi(2)).sum::<f64>() / rows as f64;
                assert!((f64::from(*mean) - exact).abs() < 1e-4, "mean {mean}, expected {exact}");
                assert!((f64::from(*var) - spread).abs() < 1e-4 * spread, "var {var}, expected {spread}");
            }
        });
    }

    #[test]
    fn many_blocks_equal_one() {
        at_every_level(|_| {
            let (rows, c) = (5000, 40);
            let (x, dy) = (values(rows * c, 1), values(rows * c, 2));
            let (gamma, beta) = (values(c, 3), values(c, 4));
            let norm = Norm { gamma: &gamma, beta: &beta, eps: EPS, act: Act::Relu, fixed: false };
            let stats = Stats::of(&x, c);
            let mut dx = dy.clone();
            let grads = norm.backward(&x, &stats, &mut dx);
            // the defining properties of the gradient: orthogonal to constants and to the normalised values
            for i in 0..c {
                let column = || dx.iter().zip(&x).skip(i).step_by(c);
                let sum: f64 = column().map(|(d, _)| f64::from(*d)).sum();
                let along: f64 = column().map(|(d, x)| f64::from(*d) * f64::from(x - stats.mean[i])).sum();
                let size: f64 = column().map(|(d, _)| f64::from(d.abs())).sum();
                assert!(sum.abs() <= 1e-5 * size && along.abs() <= 1e-3 * size, "{sum} {along} of {size}");
            }
            let dbeta: Vec<f32> = (0..c)
                .map(|i| {
                    let at = |r: usize| r * c + i;
                    let z = |at: usize| {
                        gamma[i] * (x[at] - stats.mean[i]) / (stats.var[i] + EPS).sqrt() + beta[i]
                    };
                    (0..rows).filter(|&r| z(at(r)) > 0.0).map(|r| f64::from(dy[at(r)])).sum::<f64>() as f32
                })
                .collect();
            assert_close("dbeta", &grads.beta, &dbeta, 1e-3);
        });
    }
}
