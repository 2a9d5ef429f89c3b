//! Functions of vectors that processors have no instruction for.

use super::Simd;

/// `e^x` for `|x| <= 80`; beyond, the value at the limit.
#[inline(always)]
fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    // the constants first: `min` and `max` then hand a NaN on
    let x = s.max(s.splat(-80.0), s.min(s.splat(80.0), x));
    let n = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    let r = s.fma(n, s.splat(-0.693_359_375), x);
    let r = s.fma(n, s.splat(2.121_944_4e-4), r);
    let mut p = s.splat(1.987_569_1e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = s.fma(p, r, s.splat(c));
    }
    let e = s.add(s.fma(p, s.mul(r, r), r), s.splat(1.0));
    s.scale2(e, n)
}

/// `1 / (1 + e^-z)`, to within a few units in the last place.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, z: S::V) -> S::V {
    s.recip(s.add(s.splat(1.0), exp(s, s.sub(s.splat(0.0), z))))
}

/// `1 / (1 + e^-z)` with a relative error below 5e-4.
#[inline(always)]
pub(crate) fn sigmoid_rough<S: Simd>(s: S, z: S::V) -> S::V {
    let t = s.mul(z, s.splat(-std::f32::consts::LOG2_E));
    let n = s.round(t);
    let r = s.sub(t, n);
    // the polynomial of degree three nearest to 2^r in -1/2..1/2
    let mut p = s.splat(0.0551716672);
    for c in [0.242611122, 0.693260986, 0.999928074] {
        p = s.fma(p, r, s.splat(c));
    }
    s.recip_rough(s.add(s.splat(1.0), s.scale2(p, n)))
}

/// `Phi(z)` to within 1e-7, and `e^(-z^2 / 2)`: Abramowitz and Stegun's formula 7.1.26.
#[inline(always)]
pub(crate) fn normal_integral<S: Simd>(s: S, z: S::V) -> (S::V, S::V) {
    let away = s.max(s.sub(s.splat(0.0), z), z);
    let bell = exp(s, s.mul(s.splat(-0.5), s.mul(z, z)));
    let t = s.recip(s.fma(away, s.splat(0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2), s.splat(1.0)));
    let mut p = s.splat(1.061_405_4);
    for c in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = s.fma(p, t, s.splat(c));
    }
    // twice the integral beyond |z|
    let tails = s.mul(s.mul(p, t), bell);
    let below = s.mul(s.splat(0.5), tails);
    (s.add(below, s.keep_positive(z, s.sub(s.splat(1.0), tails))), bell)
}
