//! Activations: the vector arithmetic the fused kernels use, and stand-alone passes over a buffer.
//!
//! `exp` is Cephes' scheme (reduction by a two-part ln 2, a polynomial of degree six); relative error below
//! 2e-7. Maps of `bf16`, which have eight significant bits, get a sigmoid good to eleven. Derivatives are
//! taken from the pre-activation, so nothing but the layer's input need be kept for the backward pass.
//!
//! Left out on purpose: exact limits beyond |x| = 80, where the sigmoid is held at e^-80.

use super::math::normal_integral;
use super::{Element, Kernel, Simd, dispatch};
use crate::parallel::{check_len, par_chunks};

/// Activation function applied after a normalisation or a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Act {
    /// `z`
    #[default]
    Identity,
    /// `max(0, z)`
    Relu,
    /// `z * sigmoid(z)`
    Silu,
    /// `1 / (1 + e^-z)`
    Sigmoid,
    /// `min(max(0, z), 6)`
    Relu6,
    /// `z * min(max(0, z + 3), 6) / 6` (Howard et al., 2019)
    HardSwish,
    /// `z * Phi(z)` with the normal distribution's exact integral (Hendrycks and Gimpel, 2016)
    Gelu,
}

/// One activation as a type, so that the loops around it are compiled once for each.
pub(crate) trait Activation {
    fn value<S: Simd, E: Element>(s: S, z: S::V) -> S::V;
    /// `dy` times the derivative at `z`.
    fn grad<S: Simd, E: Element>(s: S, z: S::V, dy: S::V) -> S::V;
}

pub(crate) struct Identity;
pub(crate) struct Relu;
pub(crate) struct Silu;
pub(crate) struct Sigmoid;
pub(crate) struct Relu6;
pub(crate) struct HardSwish;
pub(crate) struct Gelu;

impl Activation for Identity {
    #[inline(always)]
    fn value<S: Simd, E: Element>(_: S, z: S::V) -> S::V {
        z
    }
    #[inline(always)]
    fn grad<S: Simd, E: Element>(_: S, _: S::V, dy: S::V) -> S::V {
        dy
    }
}

impl Activation for Relu {
    #[inline(always)]
    fn value<S: Simd, E: Element>(s: S, z: S::V) -> S::V {
        s.max(s.splat(0.0), z)
    }
    #[inline(always)]
    fn grad<S: Simd, E: Element>(s: S, z: S::V, dy: S::V) -> S::V {
        s.keep_positive(z, dy)
    }
}

impl Activation for Silu {
    #[inline(always)]
    fn value<S: Simd, E: Element>(s: S, z: S::V) -> S::V {
        s.mul(z, E::sigmoid(s, z))
    }
    #[inline(always)]
    fn grad<S: Simd, E: Element>(s: S, z: S::V, dy: S::V) -> S::V {
        // g (1 + z (1 - g)) with g the sigmoid
        let g = E::sigmoid(s, z);
        let inner = s.sub(z, s.mul(z, g));
        s.mul(dy, s.fma(g, inner, g))
    }
}

impl Activation for Sigmoid {
    #[inline(always)]
    fn value<S: Simd, E: Element>(s: S, z: S::V) -> S::V {
        E::sigmoid(s, z)
    }
    #[inline(always)]
    fn grad<S: Simd, E: Element>(s: S, z: S::V, dy: S::V) -> S::V {
        let g = E::sigmoid(s, z);
        s.mul(dy, s.mul(g, s.sub(s.splat(1.0), g)))
    }
}

impl Activation for Relu6 {
    #[inline(always)]
    fn value<S: Simd, E: Element>(s: S, z: S::V) -> S::V {
        s.min(s.splat(6.0), s.max(s.splat(0.0), z))
    }
    #[inline(always)]
    fn grad<S: Simd, E: Element>(s: S, z: S::V, dy: S::V) -> S::V {
        s.keep_positive(z, s.keep_positive(s.sub(s.splat(6.0), z), dy))
    }
}

impl Activation for HardSwish {
    #[inline(always)]
    fn value<S: Simd, E: Element>(s: S, z: S::V) -> S::V {
        let gate = s.min(s.splat(6.0), s.max(s.splat(0.0), s.add(z, s.splat(3.0))));
        s.mul(z, s.mul(gate, s.splat(1.0 / 6.0)))
    }
    #[inline(always)]
    fn grad<S: Simd, E: Element>(s: S, z: S::V, dy: S::V) -> S::V {
        // z / 3 + 1 / 2 up to and at 3, where a map of bf16 often is, and 1 beyond
        let inner = s.mul(dy, s.fma(z, s.splat(1.0 / 3.0), s.splat(0.5)));
        let beyond = s.keep_positive(s.sub(z, s.splat(3.0)), s.sub(dy, inner));
        s.keep_positive(s.add(z, s.splat(3.0)), s.add(inner, beyond))
    }
}

impl Activation for Gelu {
    #[inline(always)]
    fn value<S: Simd, E: Element>(s: S, z: S::V) -> S::V {
        s.mul(z, normal_integral(s, z).0)
    }
    #[inline(always)]
    fn grad<S: Simd, E: Element>(s: S, z: S::V, dy: S::V) -> S::V {
        let (integral, bell) = normal_integral(s, z);
        let density = s.mul(bell, s.splat(0.398_942_3));
        s.mul(dy, s.fma(z, density, integral))
    }
}

/// Calls `$body` with `$a` bound to the type of the activation `$act`.
macro_rules! with_activation {
    ($act:expr, $a:ident => $body:expr) => {
        match $act {
            $crate::simd::act::Act::Identity => {
                type $a = $crate::simd::act::Identity;
                $body
            }
            $crate::simd::act::Act::Relu => {
                type $a = $crate::simd::act::Relu;
                $body
            }
            $crate::simd::act::Act::Silu => {
                type $a = $crate::simd::act::Silu;
                $body
            }
            $crate::simd::act::Act::Sigmoid => {
                type $a = $crate::simd::act::Sigmoid;
                $body
            }
            $crate::simd::act::Act::Relu6 => {
                type $a = $crate::simd::act::Relu6;
                $body
            }
            $crate::simd::act::Act::HardSwish => {
                type $a = $crate::simd::act::HardSwish;
                $body
            }
            $crate::simd::act::Act::Gelu => {
                type $a = $crate::simd::act::Gelu;
                $body
            }
        }
    };
}
pub(crate) use with_activation;

/// # Safety
/// `x` and `y` are equally long.
struct Forward<'a, E> {
    act: Act,
    x: &'a [E],
    y: &'a mut [E],
}

impl<E: Element> Kernel for Forward<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { act, x, y } = self;
        let n = y.len();
        with_activation!(act, A => {
            let mut i = 0;
            while i < n {
                let left = (n - i).min(S::LANES);
                // SAFETY: `left` values remain from i in both slices, which the caller vouches are equally
                // long.
                unsafe { E::store_n(s, y.as_mut_ptr().add(i), left, A::value::<S, E>(s, E::load_n(s, x.as_ptr().add(i), left))) };
                i += S::LANES;
            }
        });
    }
}

/// # Safety
/// The three slices are equally long.
struct Backward<'a, E> {
    act: Act,
    x: &'a [E],
    dy: &'a [E],
    dx: &'a mut [E],
}

impl<E: Element> Kernel for Backward<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { act, x, dy, dx } = self;
        let n = dx.len();
        with_activation!(act, A => {
            let mut i = 0;
            while i < n {
                let left = (n - i).min(S::LANES);
                // SAFETY: `left` values remain from i in the three slices, which the caller vouches are
                // equally long.
                unsafe {
                    let (z, g) = (E::load_n(s, x.as_ptr().add(i), left), E::load_n(s, dy.as_ptr().add(i), left));
                    E::store_n(s, dx.as_mut_ptr().add(i), left, A::grad::<S, E>(s, z, g));
                }
                i += S::LANES;
            }
        });
    }
}

/// Values handled by one task of an elementwise pass.
const CHUNK: usize = 1 << 14;

impl Act {
    /// `y = act(x)`, elementwise.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn forward<E: Element>(self, x: &[E], y: &mut [E]) {
        check_len("y", y.len(), x.len());
        par_chunks(y, CHUNK, |i, y| {
            let x = &x[i * CHUNK..][..y.len()];
            // SAFETY: equally long by the slicing above.
            unsafe { dispatch(Forward { act: self, x, y }) }
        });
    }

    /// `dx = dy * act'(x)`, elementwise; `x` is the input of [`Act::forward`].
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn backward<E: Element>(self, x: &[E], dy: &[E], dx: &mut [E]) {
        check_len("dy", dy.len(), x.len());
        check_len("dx", dx.len(), x.len());
        par_chunks(dx, CHUNK, |i, dx| {
            let (x, dy) = (&x[i * CHUNK..][..dx.len()], &dy[i * CHUNK..][..dx.len()]);
            // SAFETY: equally long by the slicing above.
            unsafe { dispatch(Backward { act: self, x, dy, dx }) }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Act;
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::{self, assert_close};

    const ALL: [Act; 7] =
        [Act::Identity, Act::Relu, Act::Silu, Act::Sigmoid, Act::Relu6, Act::HardSwish, Act::Gelu];

    #[test]
    fn matches_the_reference_at_every_length() {
        at_every_level(|level| {
            for act in ALL {
                for n in [0, 1, 7, 16, 33, super::CHUNK + 5] {
                    let x: Vec<f32> = (0..n).map(|i| (i as f32 - n as f32 / 2.0) * 20.0 / n as f32).collect();
                    let dy = reference::values(n, 3);
                    let (mut y, mut dx) = (vec![9.0; n], vec![9.0; n]);
                    act.forward(&x, &mut y);
                    act.backward(&x, &dy, &mut dx);
                    let name = format!("{act:?} {n} {}", level.name());
                    assert_close(
                        &name,
                        &y,
                        &x.iter().map(|&z| reference::act(act, z)).collect::<Vec<_>>(),
                        1e-6,
                    );
                    let expected: Vec<f32> =
                        x.iter().zip(&dy).map(|(&z, d)| d * reference::act_slope(act, z)).collect();
                    assert_close(&name, &dx, &expected, 1e-5);
                }
            }
        });
    }

    #[test]
    fn sigmoid_is_good_to_two_millionths_relative() {
        at_every_level(|_| {
            let x: Vec<f32> = (-7900..7900).map(|i| i as f32 / 100.0).collect();
            let mut y = vec![0.0; x.len()];
            Act::Sigmoid.forward(&x, &mut y);
            for (x, y) in x.iter().zip(y) {
                let exact = 1.0 / (1.0 + (-f64::from(*x)).exp());
                assert!((f64::from(y) - exact).abs() <= 2e-6 * exact, "sigmoid({x}) = {y}, expected {exact}");
            }
        });
    }

    #[test]
    fn extremes_stay_finite_and_nan_is_handed_on() {
        at_every_level(|_| {
            let mut y = [0.0_f32; 3];
            Act::Gelu.forward(&[-1e18, 1e18, f32::NAN], &mut y);
            assert!(y[0].abs() < 1e-9 && y[1] == 1e18 && y[2].is_nan(), "{y:?}");
            Act::Silu.forward(&[-1e30, 1e30, f32::NAN], &mut y);
            assert!(y[0].abs() < 1.0 && (y[1] / 1e30 - 1.0).abs() < 1e-6 && y[2].is_nan(), "{y:?}");
            Act::Relu.forward(&[-1e30, 1e30, f32::NAN], &mut y);
            assert!(y[0] == 0.0 && y[1] == 1e30 && y[2].is_nan(), "{y:?}");
            Act::Relu6.forward(&[-1e30, 1e30, f32::NAN], &mut y);
            assert!(y[0] == 0.0 && y[1] == 6.0 && y[2].is_nan(), "{y:?}");
            Act::HardSwish.forward(&[-1e30, 1e30, f32::NAN], &mut y);
            assert!(y[0] == 0.0 && (y[1] / 1e30 - 1.0).abs() < 1e-6 && y[2].is_nan(), "{y:?}");
        });
    }
}
