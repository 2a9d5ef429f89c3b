//! Global response normalisation: every channel of an image by how much of the image's response is its own
//! (Woo et al., 2023).
//!
//! A channel's response is its norm over the pixels, its share that norm over the mean of all channels'
//! norms, and `y = x + weight * share * x + bias`. An image is one task, and stays in the cache between the
//! two passes over it: sums over pixels, then a factor for each channel.

use super::{Map, scale_add_image};
use crate::parallel::{self, check_len};
use crate::simd::{Element, Kernel, Simd, dispatch, for_vectors};

/// A global response normalisation of the channels of each image (Woo et al., 2023).
#[derive(Clone, Copy, Debug)]
pub struct ResponseNorm<'a> {
    /// Factor per channel of its normalised self.
    pub weight: &'a [f32],
    /// Offset per channel.
    pub bias: &'a [f32],
    /// Added to the mean of the norms.
    pub eps: f32,
}

/// Gradients of a [`ResponseNorm`]'s parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseNormGrads {
    /// Gradient of the factor.
    pub weight: Vec<f32>,
    /// Gradient of the offset.
    pub bias: Vec<f32>,
}

impl ResponseNorm<'_> {
    fn check<E>(&self, map: &Map, x: &[E]) {
        map.check_map("x", x);
        check_len("weight", self.weight.len(), map.channels);
        check_len("bias", self.bias.len(), map.channels);
    }

    /// Normalises `x` in its place; returns the norms (batch, channels).
    ///
    /// # Panics
    /// If a length does not match the map.
    pub fn forward<E: Element>(&self, map: &Map, x: &mut [E]) -> Vec<f32> {
        self.check(map, x);
        let mut norms = vec![0.0; map.batch * map.channels];
        parallel::for_each(x.chunks_mut(map.image()).zip(norms.chunks_mut(map.channels)), |(x, norms)| {
            // SAFETY: an image is whole rows of as many values as it has norms.
            unsafe { dispatch(SquareRows { x, sums: norms }) };
            for norm in norms.iter_mut() {
                *norm = norm.sqrt();
            }
            scale_add_image(x, &self.factors(norms), self.bias);
        });
        norms
    }

    /// Normalises `x` in its place, where the norms are known.
    ///
    /// # Panics
    /// If a length does not match the map.
    pub fn apply<E: Element>(&self, map: &Map, norms: &[f32], x: &mut [E]) {
        self.check(map, x);
        map.check_vectors("norms", norms);
        let images = x.chunks_mut(map.image()).zip(norms.chunks(map.channels));
        parallel::for_each(images, |(x, norms)| scale_add_image(x, &self.factors(norms), self.bias));
    }

    /// Gradients: `d` holds that of the output and receives that of the input `x`, whose norms are known.
    ///
    /// # Panics
    /// If a length does not match the map.
    pub fn backward<E: Element>(&self, map: &Map, x: &[E], norms: &[f32], d: &mut [E]) -> ResponseNormGrads {
        self.check(map, x);
        check_len("d", d.len(), x.len());
        map.check_vectors("norms", norms);
        let channels = map.channels;
        let images = d.chunks_mut(map.image()).zip(x.chunks(map.image())).zip(norms.chunks(channels));
        let of_images: Vec<Vec<f32>> = parallel::map(images, |((d, x), norms)| {
            let mut grads = vec![0.0; 2 * channels];
            let (weight, bias) = grads.split_at_mut(channels);
            // SAFETY: both maps are equally many whole rows of the length of the sums.
            unsafe { dispatch(DotAndSumRows { x, d, products: weight, sums: bias }) };
            let (factors, of_x) = (self.factors(norms), self.through_norms(norms, weight));
            // SAFETY: both maps are equally many whole rows of the length of the factors.
            unsafe { dispatch(CombineRows { x, of_x: &of_x, of_d: &factors, d }) };
            let share = self.share(norms);
            weight.iter_mut().zip(norms).for_each(|(product, norm)| *product *= norm * share);
            grads
        });
        let mut total = vec![0.0_f64; 2 * channels];
        for grads in &of_images {
            total.iter_mut().zip(grads).for_each(|(total, grad)| *total += f64::from(*grad));
        }
        let mut weight: Vec<f32> = total.into_iter().map(|sum| sum as f32).collect();
        let bias = weight.split_off(channels);
        ResponseNormGrads { weight, bias }
    }

    /// The factor that makes shares of an image's norms.
    fn share(&self, norms: &[f32]) -> f32 {
        let sum: f64 = norms.iter().map(|norm| f64::from(*norm)).sum();
        1.0 / ((sum / norms.len() as f64) as f32 + self.eps)
    }

    /// The factors of an image's channels.
    fn factors(&self, norms: &[f32]) -> Vec<f32> {
        let share = self.share(norms);
        self.weight.iter().zip(norms).map(|(weight, norm)| 1.0 + weight * norm * share).collect()
    }

    /// The factors of an image's channels for the part of its gradient that flows through the norms, from
    /// `products`, the sums of the image times its output's gradient.
    fn through_norms(&self, norms: &[f32], products: &[f32]) -> Vec<f32> {
        let share = self.share(norms);
        let of_shares = || self.weight.iter().zip(products).map(|(weight, product)| weight * product);
        let of_mean: f64 =
            of_shares().zip(norms).map(|(d, norm)| f64::from(d) * f64::from(*norm)).sum::<f64>()
                * f64::from(share)
                / norms.len() as f64;
        let of_norms = of_shares().map(|d| (d - of_mean as f32) * share);
        // the norm of a channel without response has no slope
        of_norms.zip(norms).map(|(d, norm)| if *norm > 0.0 { d / norm } else { 0.0 }).collect()
    }
}

/// Rows whose values are added to sums at a time: memory is read nearly in order, and sums are rarely loaded
/// and stored.
const ROWS: usize = 8;

/// Adds the sum over rows of `x * x` to `sums`.
///
/// # Safety
/// `x` is whole rows of the length of `sums`.
struct SquareRows<'a, E> {
    x: &'a [E],
    sums: &'a mut [f32],
}

impl<E: Element> Kernel for SquareRows<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { x, sums } = self;
        let channels = sums.len();
        for x in x.chunks(ROWS * channels) {
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in the sums and in each row.
                unsafe {
                    let sums = sums.as_mut_ptr().add(c);
                    let mut sum = s.load_n(sums, n);
                    for x in x.chunks_exact(channels) {
                        let x = E::load_n(s, x.as_ptr().add(c), n);
                        sum = s.fma(x, x, sum);
                    }
                    s.store_n(sums, n, sum);
                }
            });
        }
    }
}

/// Adds the sums over rows of `x * d` and of `d` to `products` and `sums`.
///
/// # Safety
/// `x` and `d` are equally many whole rows of the length of the two.
struct DotAndSumRows<'a, E> {
    x: &'a [E],
    d: &'a [E],
    products: &'a mut [f32],
    sums: &'a mut [f32],
}

impl<E: Element> Kernel for DotAndSumRows<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { x, d, products, sums } = self;
        let channels = sums.len();
        for (x, d) in x.chunks(ROWS * channels).zip(d.chunks(ROWS * channels)) {
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in both sums and in each row.
                unsafe {
                    let (products, sums) = (products.as_mut_ptr().add(c), sums.as_mut_ptr().add(c));
                    let (mut product, mut sum) = (s.load_n(products, n), s.load_n(sums, n));
                    for (x, d) in x.chunks_exact(channels).zip(d.chunks_exact(channels)) {
                        let d = E::load_n(s, d.as_ptr().add(c), n);
                        product = s.fma(E::load_n(s, x.as_ptr().add(c), n), d, product);
                        sum = s.add(sum, d);
                    }
                    s.store_n(products, n, product);
                    s.store_n(sums, n, sum);
                }
            });
        }
    }
}

/// `d = d * of_d + x * of_x`.
///
/// # Safety
/// `x` and `d` are equally many whole rows of the length of the factors.
struct CombineRows<'a, E> {
    x: &'a [E],
    of_x: &'a [f32],
    of_d: &'a [f32],
    d: &'a mut [E],
}

impl<E: Element> Kernel for CombineRows<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { x, of_x, of_d, d } = self;
        let channels = of_d.len();
        for (x, d) in x.chunks_exact(channels).zip(d.chunks_exact_mut(channels)) {
            for_vectors!(S, channels, |c, n| {
                // SAFETY: `n` channels remain from c in both rows and both factors.
                unsafe {
                    let (of_x, of_d) = (s.load_n(of_x.as_ptr().add(c), n), s.load_n(of_d.as_ptr().add(c), n));
                    let d = d.as_mut_ptr().add(c);
                    let through = s.mul(E::load_n(s, x.as_ptr().add(c), n), of_x);
                    E::store_n(s, d, n, s.fma(E::load_n(s, d, n), of_d, through));
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ResponseNorm;
    use crate::layers::Map;
    use crate::simd::{Element, bf16};
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::{assert_close, map, tolerance, values, wide};

    const EPS: f64 = 0.1;
    /// A channel that is zero everywhere.
    const DEAD: usize = 1;

    /// Output and gradients (input, factor, offset) in double precision.
    fn reference(map: &Map, x: &[f32], weight: &[f32], bias: &[f32], dy: &[f32]) -> [Vec<f32>; 4] {
        let c = map.channels;
        let (mut y, mut dx) = (Vec::new(), Vec::new());
        let (mut dweight, mut dbias) = (vec![0.0_f64; c], vec![0.0_f64; c]);
        for (x, dy) in x.chunks(map.image()).zip(dy.chunks(map.image())) {
            let over_pixels = |i: usize, f: &dyn Fn(f64, f64) -> f64| -> f64 {
                let pixels = x.iter().zip(dy).skip(i).step_by(c);
                pixels.map(|(x, dy)| f(f64::from(*x), f64::from(*dy))).sum()
            };
            let norms: Vec<f64> = (0..c).map(|i| over_pixels(i, &|x, _| x * x).sqrt()).collect();
            let whole = norms.iter().sum::<f64>() / c as f64 + EPS;
            let dshares: Vec<f64> =
                (0..c).map(|i| f64::from(weight[i]) * over_pixels(i, &|x, dy| x * dy)).collect();
            let dwhole = -dshares.iter().zip(&norms).map(|(d, norm)| d * norm).sum::<f64>() / whole.powi(2);
            for at in 0..x.len() {
                let (i, value, slope) = (at % c, f64::from(x[at]), f64::from(dy[at]));
                let by = f64::from(weight[i]) * norms[i] / whole;
                y.push((value + value * by + f64::from(bias[i])) as f32);
                let dnorm = dshares[i] / whole + dwhole / c as f64;
                let through = if norms[i] > 0.0 { dnorm * value / norms[i] } else { 0.0 };
                dx.push((slope * (1.0 + by) + through) as f32);
            }
            for i in 0..c {
                dweight[i] += over_pixels(i, &|x, dy| x * dy) * norms[i] / whole;
                dbias[i] += over_pixels(i, &|_, dy| dy);
            }
        }
        let narrow = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
        [y, dx, narrow(dweight), narrow(dbias)]
    }

    fn input<E: Element>(shape: &Map) -> Vec<E> {
        let mut x = map::<E>(shape.numel(), 1);
        x.iter_mut().skip(DEAD).step_by(shape.channels).for_each(|x| *x = E::default());
        x
    }

    fn compare<E: Element>(map: &Map, level: &str) {
        let mut x = input::<E>(map);
        let mut d = crate::test_support::reference::map::<E>(x.len(), 2);
        let (weight, bias) = (values(map.channels, 3), values(map.channels, 4));
        let norm = ResponseNorm { weight: &weight, bias: &bias, eps: EPS as f32 };
        let [y, dx, dweight, dbias] = reference(map, &wide(&x), &weight, &bias, &wide(&d));
        let before = x.clone();
        let norms = norm.forward(map, &mut x);
        let name = format!("{map:?} {} {level}", E::NAME);
        assert_close(&format!("{name} output"), &wide(&x), &y, tolerance::<E>());
        let mut again = before.clone();
        norm.apply(map, &norms, &mut again);
        assert!(again == x, "{name}: with known norms");
        let grads = norm.backward(map, &before, &norms, &mut d);
        assert_close(&format!("{name} input"), &wide(&d), &dx, tolerance::<E>());
        assert_close(&format!("{name} factor"), &grads.weight, &dweight, 1e-5);
        assert_close(&format!("{name} offset"), &grads.bias, &dbias, 1e-5);
    }

    #[test]
    fn matches_the_reference_for_every_width() {
        at_every_level(|level| {
            for channels in [2, 7, 16, 33, 40, 96, 160] {
                for (batch, pixels) in [(1, 1), (3, 5), (2, 70)] {
                    let map = Map { batch, pixels, channels };
                    compare::<f32>(&map, level.name());
                    compare::<bf16>(&map, level.name());
                }
            }
        });
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let map = Map { batch: 9, pixels: 30, channels: 40 };
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (weight, bias) = (values(40, 3), values(40, 4));
                let norm = ResponseNorm { weight: &weight, bias: &bias, eps: 1e-6 };
                let (mut x, mut d) = (input::<f32>(&map), values(map.numel(), 2));
                let norms = norm.forward(&map, &mut x);
                let grads = norm.backward(&map, &input::<f32>(&map), &norms, &mut d);
                (x, d, grads.weight, grads.bias)
            })
        };
        at_every_level(|_| assert!(run(1) == run(5)));
    }
}
