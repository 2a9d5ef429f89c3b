//! Layer normalisation: every pixel over its channels (Ba, Kiros and Hinton, 2016).
//!
//! * Forward: a row is read three times from the cache: for its mean, for its variance, and to write it.
//! * Backward: one pass over rows, which sums the parameters' gradients on the way; tasks are a fixed number
//!   of rows and their sums are added in order.

use super::chunk;
use crate::parallel::{self, check_len};
use crate::simd::{Element, Kernel, MAX_LANES, Simd, dispatch, for_vectors, lanes_sum};

/// A layer normalisation: every pixel of a map over its channels (Ba, Kiros and Hinton, 2016).
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm<'a> {
    /// Factor per channel.
    pub weight: &'a [f32],
    /// Offset per channel.
    pub bias: &'a [f32],
    /// Added to the variance.
    pub eps: f32,
}

const ONES: [f32; MAX_LANES] = [1.0; MAX_LANES];

/// Mean of a row, and 1 / its standard deviation.
pub type RowStats = [f32; 2];

/// Gradients of a [`LayerNorm`]'s parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNormGrads {
    /// Gradient of the factor.
    pub weight: Vec<f32>,
    /// Gradient of the offset.
    pub bias: Vec<f32>,
}

impl LayerNorm<'_> {
    fn check<E>(&self, x: &[E]) -> usize {
        let channels = self.weight.len();
        check_len("bias", self.bias.len(), channels);
        assert!(
            channels > 0 && x.len().is_multiple_of(channels),
            "whole rows of {channels} channels expected"
        );
        channels
    }

    /// `y = weight * (x - mean) / sqrt(var + eps) + bias` for every row; returns the rows' statistics.
    ///
    /// # Panics
    /// If lengths do not match.
    pub fn forward<E: Element>(&self, x: &[E], y: &mut [E]) -> Vec<RowStats> {
        let channels = self.check(x);
        check_len("y", y.len(), x.len());
        let mut stats = vec![[0.0; 2]; x.len() / channels];
        let size = chunk(channels);
        let chunks = y.chunks_mut(size).zip(x.chunks(size)).zip(stats.chunks_mut(size / channels));
        parallel::for_each(chunks, |((y, x), stats)| {
            // SAFETY: as many whole rows of the parameters' length as there are statistics.
            unsafe {
                dispatch(ForwardRows { x, weight: self.weight, bias: self.bias, eps: self.eps, stats, y });
            }
        });
        stats
    }

    /// Gradients: `d` holds that of the output and receives that of the input `x`.
    ///
    /// # Panics
    /// If lengths do not match.
    pub fn backward<E: Element>(&self, x: &[E], stats: &[RowStats], d: &mut [E]) -> LayerNormGrads {
        let channels = self.check(x);
        check_len("d", d.len(), x.len());
        check_len("stats", stats.len(), x.len() / channels);
        let size = chunk(channels);
        let chunks = d.chunks_mut(size).zip(x.chunks(size)).zip(stats.chunks(size / channels));
        let partials: Vec<Vec<f32>> = parallel::map(chunks, |((d, x), stats)| {
            let mut sums = vec![0.0; 2 * channels];
            let (weight, bias) = sums.split_at_mut(channels);
            // SAFETY: as many whole rows of the parameters' and the sums' length as there are statistics.
            unsafe {
                dispatch(BackwardRows { x, weight: self.weight, stats, d, dweight: weight, dbias: bias });
            };
            sums
        });
        let mut total = vec![0.0_f64; 2 * channels];
        for sums in &partials {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += f64::from(*sum));
        }
        let mut weight: Vec<f32> = total.into_iter().map(|sum| sum as f32).collect();
        let bias = weight.split_off(channels);
        LayerNormGrads { weight, bias }
    }
}

/// # Safety
/// `x` and `y` are as many whole rows of the parameters' length as there are `stats`.
struct ForwardRows<'a, E> {
    x: &'a [E],
    weight: &'a [f32],
    bias: &'a [f32],
    eps: f32,
    stats: &'a mut [RowStats],
    y: &'a mut [E],
}

impl<E: Element> Kernel for ForwardRows<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { x, weight, bias, eps, stats, y } = self;
        let channels = weight.len();
        let share = 1.0 / channels as f32;
        let rows = x.chunks_exact(channels).zip(y.chunks_exact_mut(channels));
        for ((x, y), stats) in rows.zip(stats) {
            let mut sum = s.splat(0.0);
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in the row.
                sum = s.add(sum, unsafe { E::load_n(s, x.as_ptr().add(c), n) });
            });
            let mean = lanes_sum(s, sum) * share;
            let by = s.splat(mean);
            let mut squares = s.splat(0.0);
            for_vectors!(S, channels, |c, n| {
                // SAFETY: as above; there are as many ones as a vector has lanes at most, and lanes beyond
                // `n` are 0.
                unsafe {
                    let there = s.load_n(ONES.as_ptr(), n);
                    let away = s.mul(there, s.sub(E::load_n(s, x.as_ptr().add(c), n), by));
                    squares = s.fma(away, away, squares);
                }
            });
            let rstd = 1.0 / ((lanes_sum(s, squares) * share).max(0.0) + eps).sqrt();
            *stats = [mean, rstd];
            let (scale, shift) = (s.splat(rstd), s.splat(-mean * rstd));
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in both rows and both parameters.
                unsafe {
                    let normal = s.fma(E::load_n(s, x.as_ptr().add(c), n), scale, shift);
                    let (w, b) = (s.load_n(weight.as_ptr().add(c), n), s.load_n(bias.as_ptr().add(c), n));
                    E::store_n(s, y.as_mut_ptr().add(c), n, s.fma(normal, w, b));
                }
            });
        }
    }
}

/// # Safety
/// `x` and `d` are as many whole rows of the parameters' and the sums' length as there are `stats`.
struct BackwardRows<'a, E> {
    x: &'a [E],
    weight: &'a [f32],
    stats: &'a [RowStats],
    d: &'a mut [E],
    dweight: &'a mut [f32],
    dbias: &'a mut [f32],
}

impl<E: Element> Kernel for BackwardRows<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { x, weight, stats, d, dweight, dbias } = self;
        let channels = weight.len();
        let share = 1.0 / channels as f32;
        let rows = x.chunks_exact(channels).zip(d.chunks_exact_mut(channels));
        for ((x, d), [mean, rstd]) in rows.zip(stats) {
            let (scale, shift) = (s.splat(*rstd), s.splat(-mean * rstd));
            let (mut plain, mut weighted) = (s.splat(0.0), s.splat(0.0));
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in both rows and all parameters and sums; lanes beyond
                // are 0 in `dy`.
                unsafe {
                    let normal = s.fma(E::load_n(s, x.as_ptr().add(c), n), scale, shift);
                    let dy = E::load_n(s, d.as_ptr().add(c), n);
                    let (w, b) = (dweight.as_mut_ptr().add(c), dbias.as_mut_ptr().add(c));
                    s.store_n(w, n, s.fma(dy, normal, s.load_n(w, n)));
                    s.store_n(b, n, s.add(dy, s.load_n(b, n)));
                    let dn = s.mul(dy, s.load_n(weight.as_ptr().add(c), n));
                    plain = s.add(plain, dn);
                    weighted = s.fma(dn, normal, weighted);
                }
            });
            let plain = s.splat(lanes_sum(s, plain) * share);
            let weighted = s.splat(lanes_sum(s, weighted) * share);
            for_vectors!(S, channels, |c, n| {
                // SAFETY: as above.
                unsafe {
                    let normal = s.fma(E::load_n(s, x.as_ptr().add(c), n), scale, shift);
                    let dn = s.mul(E::load_n(s, d.as_ptr().add(c), n), s.load_n(weight.as_ptr().add(c), n));
                    let dx = s.mul(scale, s.sub(s.sub(dn, plain), s.mul(normal, weighted)));
                    E::store_n(s, d.as_mut_ptr().add(c), n, dx);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LayerNorm;
    use crate::simd::{Element, bf16};
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::{assert_close, map, tolerance, values, wide};

    const EPS: f64 = 1e-3;

    /// Output and gradients (input, factor, offset) in double precision.
    fn reference(x: &[f32], weight: &[f32], bias: &[f32], dy: &[f32]) -> [Vec<f32>; 4] {
        let c = weight.len();
        let (mut y, mut dx) = (Vec::new(), Vec::new());
        let (mut dweight, mut dbias) = (vec![0.0_f64; c], vec![0.0_f64; c]);
        for (x, dy) in x.chunks(c).zip(dy.chunks(c)) {
            let mean = x.iter().map(|v| f64::from(*v)).sum::<f64>() / c as f64;
            let var = x.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / c as f64;
            let rstd = 1.0 / (var + EPS).sqrt();
            let normal: Vec<f64> = x.iter().map(|v| (f64::from(*v) - mean) * rstd).collect();
            let dn: Vec<f64> = dy.iter().zip(weight).map(|(d, w)| f64::from(*d) * f64::from(*w)).collect();
            let plain = dn.iter().sum::<f64>() / c as f64;
            let weighted = dn.iter().zip(&normal).map(|(d, n)| d * n).sum::<f64>() / c as f64;
            for i in 0..c {
                y.push((normal[i] * f64::from(weight[i]) + f64::from(bias[i])) as f32);
                dx.push((rstd * (dn[i] - plain - normal[i] * weighted)) as f32);
                dweight[i] += f64::from(dy[i]) * normal[i];
                dbias[i] += f64::from(dy[i]);
            }
        }
        let narrow = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
        [y, dx, narrow(dweight), narrow(dbias)]
    }

    fn compare<E: Element>(rows: usize, channels: usize, level: &str) {
        let x: Vec<E> = wide(&map::<E>(rows * channels, 1)).iter().map(|v| E::from_f32(v + 3.0)).collect();
        let mut d = map::<E>(x.len(), 2);
        let (weight, bias) = (values(channels, 3), values(channels, 4));
        let norm = LayerNorm { weight: &weight, bias: &bias, eps: EPS as f32 };
        let [y, dx, dweight, dbias] = reference(&wide(&x), &weight, &bias, &wide(&d));
        let mut found = map::<E>(x.len(), 5);
        let stats = norm.forward(&x, &mut found);
        let grads = norm.backward(&x, &stats, &mut d);
        let name = format!("{rows} x {channels} {} {level}", E::NAME);
        let close = tolerance::<E>();
        assert_close(&format!("{name} output"), &wide(&found), &y, close);
        // of two channels hardly anything is left
        assert_close(&format!("{name} input"), &wide(&d), &dx, close.max(1e-3));
        assert_close(&format!("{name} factor"), &grads.weight, &dweight, 1e-4);
        assert_close(&format!("{name} offset"), &grads.bias, &dbias, 1e-4);
    }

    #[test]
    fn matches_the_reference_for_every_width() {
        at_every_level(|level| {
            for channels in [2, 7, 16, 33, 40, 96] {
                for rows in [1, 5, 70] {
                    compare::<f32>(rows, channels, level.name());
                    compare::<bf16>(rows, channels, level.name());
                }
            }
            // more than one task
            compare::<f32>(3000, 40, level.name());
        });
    }
}
