//! Passes of an optimizer over one weight tensor, in which every value is read and written once.
//!
//! Left out on purpose: which weights decay, schedules, state by name; those are the trainer's.

use crate::parallel::{self, check_len};
use crate::simd::{Kernel, Simd, dispatch, for_vectors, lanes_sum};

/// Values of one task.
const CHUNK: usize = 1 << 13;

/// Numbers of one step of `AdamW` (Loshchilov and Hutter, 2019), as in PyTorch.
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    /// Learning rate, divided by the first mean's bias correction.
    pub rate: f32,
    /// 1 - learning rate * weight decay.
    pub shrink: f32,
    /// Decay rates of the running means of the gradient and of its square.
    pub betas: [f32; 2],
    /// 1 / square root of the second mean's bias correction.
    pub unbiased: f32,
    /// Added to the root of the second mean.
    pub epsilon: f32,
    /// Factor of the gradient, for clipping.
    pub scale: f32,
}

/// Numbers of one step of Lion (Chen et al., 2023).
#[derive(Clone, Copy, Debug)]
pub struct Lion {
    /// Learning rate.
    pub rate: f32,
    /// 1 - learning rate * weight decay.
    pub shrink: f32,
    /// Share of the running mean in the direction, and its decay rate.
    pub betas: [f32; 2],
    /// Factor of the gradient, for clipping.
    pub scale: f32,
}

impl AdamW {
    /// Updates `weight` and the running means of the gradient and its square.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn update(&self, weight: &mut [f32], grad: &[f32], mean: &mut [f32], square: &mut [f32]) {
        check_len("grad", grad.len(), weight.len());
        check_len("mean", mean.len(), weight.len());
        check_len("square", square.len(), weight.len());
        let state = mean.chunks_mut(CHUNK).zip(square.chunks_mut(CHUNK));
        let chunks = weight.chunks_mut(CHUNK).zip(grad.chunks(CHUNK)).zip(state);
        parallel::for_each(chunks, |((weight, grad), (mean, square))| {
            // SAFETY: chunks of the same length.
            unsafe { dispatch(AdamWStep { step: self, weight, grad, mean, square }) }
        });
    }
}

impl Lion {
    /// Updates `weight` and the running mean of the gradient.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn update(&self, weight: &mut [f32], grad: &[f32], mean: &mut [f32]) {
        check_len("grad", grad.len(), weight.len());
        check_len("mean", mean.len(), weight.len());
        let chunks = weight.chunks_mut(CHUNK).zip(grad.chunks(CHUNK)).zip(mean.chunks_mut(CHUNK));
        // SAFETY: chunks of the same length.
        parallel::for_each(chunks, |((weight, grad), mean)| unsafe {
            dispatch(LionStep { step: self, weight, grad, mean });
        });
    }
}

/// Sum of the squares of all values.
pub fn sum_of_squares(x: &[f32]) -> f64 {
    // SAFETY: any slice will do.
    let square = |x: &[f32]| f64::from(unsafe { dispatch(SumOfSquares { x }) });
    parallel::map(x.chunks(CHUNK), square).into_iter().sum()
}

/// Moves every value of `mean` by this share of the way to that of `new`.
///
/// # Panics
/// If the lengths differ.
pub fn lerp(mean: &mut [f32], new: &[f32], share: f32) {
    check_len("new", new.len(), mean.len());
    // two loads and a store a value: memory is the limit, whatever the instructions
    parallel::for_each(mean.chunks_mut(CHUNK).zip(new.chunks(CHUNK)), |(mean, new)| {
        for (mean, new) in mean.iter_mut().zip(new) {
            *mean += share * (new - *mean);
        }
    });
}

/// # Safety
/// The four slices are equally long.
struct AdamWStep<'a> {
    step: &'a AdamW,
    weight: &'a mut [f32],
    grad: &'a [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
}

impl Kernel for AdamWStep<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { step, weight, grad, mean, square } = self;
        let [b1, b2] = step.betas;
        let n = weight.len();
        for_vectors!(S, n, |i, left| {
            // SAFETY: `left` values remain from i in the four slices, which are equally long.
            unsafe {
                let (weight, mean, square) =
                    (weight.as_mut_ptr().add(i), mean.as_mut_ptr().add(i), square.as_mut_ptr().add(i));
                let g = s.mul(s.load_n(grad.as_ptr().add(i), left), s.splat(step.scale));
                let m = s.fma(g, s.splat(1.0 - b1), s.mul(s.load_n(mean, left), s.splat(b1)));
                let v = s.fma(s.mul(g, g), s.splat(1.0 - b2), s.mul(s.load_n(square, left), s.splat(b2)));
                let spread = s.fma(s.sqrt(v), s.splat(step.unbiased), s.splat(step.epsilon));
                let change = s.mul(s.mul(m, s.recip(spread)), s.splat(step.rate));
                let w = s.sub(s.mul(s.load_n(weight, left), s.splat(step.shrink)), change);
                s.store_n(mean, left, m);
                s.store_n(square, left, v);
                s.store_n(weight, left, w);
            }
        });
    }
}

/// # Safety
/// The three slices are equally long.
struct LionStep<'a> {
    step: &'a Lion,
    weight: &'a mut [f32],
    grad: &'a [f32],
    mean: &'a mut [f32],
}

impl Kernel for LionStep<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { step, weight, grad, mean } = self;
        let [b1, b2] = step.betas;
        let (up, down) = (s.splat(step.rate), s.splat(-step.rate));
        let n = weight.len();
        for_vectors!(S, n, |i, left| {
            // SAFETY: `left` values remain from i in the three slices, which are equally long.
            unsafe {
                let (weight, mean) = (weight.as_mut_ptr().add(i), mean.as_mut_ptr().add(i));
                let g = s.mul(s.load_n(grad.as_ptr().add(i), left), s.splat(step.scale));
                let m = s.load_n(mean, left);
                let direction = s.fma(g, s.splat(1.0 - b1), s.mul(m, s.splat(b1)));
                let against = s.sub(s.splat(0.0), direction);
                // the sign of zero is zero
                let change = s.add(s.keep_positive(direction, up), s.keep_positive(against, down));
                let w = s.sub(s.mul(s.load_n(weight, left), s.splat(step.shrink)), change);
                s.store_n(mean, left, s.fma(g, s.splat(1.0 - b2), s.mul(m, s.splat(b2))));
                s.store_n(weight, left, w);
            }
        });
    }
}

/// # Safety
/// None.
struct SumOfSquares<'a> {
    x: &'a [f32],
}

impl Kernel for SumOfSquares<'_> {
    type Out = f32;

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) -> f32 {
        let n = self.x.len();
        let mut lanes = s.splat(0.0);
        for_vectors!(S, n, |i, left| {
            // SAFETY: `left` values remain from i.
            let v = unsafe { s.load_n(self.x.as_ptr().add(i), left) };
            lanes = s.fma(v, v, lanes);
        });
        lanes_sum(s, lanes)
    }
}

#[cfg(test)]
mod tests {
    use super::{AdamW, CHUNK, Lion, lerp, sum_of_squares};
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::{assert_close, values};

    #[test]
    fn passes_follow_their_formulas_at_every_length() {
        at_every_level(|_| {
            for n in [0, 1, 15, 33, CHUNK + 7] {
                let (w, g) = (values(n, 1), values(n, 2));
                let (m, v): (Vec<f32>, Vec<f32>) =
                    (values(n, 3), values(n, 4).iter().map(|v| v * v).collect());
                let (rate, shrink, scale) = (0.01, 0.999, 0.5);
                let adamw = AdamW { rate, shrink, betas: [0.9, 0.999], unbiased: 3.0, epsilon: 1e-8, scale };
                let (mut w1, mut m1, mut v1) = (w.clone(), m.clone(), v.clone());
                adamw.update(&mut w1, &g, &mut m1, &mut v1);
                let each = |f: &dyn Fn(usize) -> f32| -> Vec<f32> { (0..n).map(f).collect() };
                let mean = each(&|i| 0.9 * m[i] + 0.1 * scale * g[i]);
                let square = each(&|i| 0.999 * v[i] + 0.001 * (scale * g[i]).powi(2));
                assert_close("mean", &m1, &mean, 1e-6);
                assert_close("square", &v1, &square, 1e-6);
                let expected = each(&|i| shrink * w[i] - rate * mean[i] / (square[i].sqrt() * 3.0 + 1e-8));
                assert_close("weight", &w1, &expected, 1e-5);

                let lion = Lion { rate, shrink, betas: [0.9, 0.99], scale };
                let (mut w1, mut m1) = (w.clone(), m.clone());
                lion.update(&mut w1, &g, &mut m1);
                let sign = |x: f32| if x == 0.0 { 0.0 } else { x.signum() };
                let expected = each(&|i| shrink * w[i] - rate * sign(0.9 * m[i] + 0.1 * scale * g[i]));
                assert_close("weight", &w1, &expected, 1e-6);
                assert_close("mean", &m1, &each(&|i| 0.99 * m[i] + 0.01 * scale * g[i]), 1e-6);

                let mut mean = m.clone();
                lerp(&mut mean, &g, 0.25);
                assert_close("mean", &mean, &each(&|i| 0.75 * m[i] + 0.25 * g[i]), 1e-6);

                let expected: f64 = g.iter().map(|g| f64::from(*g).powi(2)).sum();
                assert!((sum_of_squares(&g) - expected).abs() <= 1e-5 * expected, "{n}");
            }
            let still = Lion { rate: 1.0, shrink: 1.0, betas: [0.9, 0.99], scale: 1.0 };
            let (mut w, mut m) = ([3.0], [0.0]);
            still.update(&mut w, &[0.0], &mut m);
            assert_eq!(w, [3.0]);
        });
    }
}
