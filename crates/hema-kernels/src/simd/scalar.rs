//! Plain Rust on groups of four values, for every processor.

use half::bf16;

use super::Simd;

/// Token for [`Level::Scalar`].
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

/// The halves of a pair, widened.
#[inline(always)]
fn halves(pair: f32) -> (f32, f32) {
    (f32::from_bits(pair.to_bits() << 16), f32::from_bits(pair.to_bits() & 0xFFFF_0000))
}

impl Scalar {
    #[inline(always)]
    fn zip(a: [f32; 4], b: [f32; 4], f: impl Fn(f32, f32) -> f32) -> [f32; 4] {
        [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
    }
}

impl Simd for Scalar {
    type V = [f32; 4];
    const LANES: usize = 4;
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller vouches for four readable values.
        unsafe { p.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller vouches for four writable values.
        unsafe { p.cast::<[f32; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_n(self, p: *const f32, n: usize) -> Self::V {
        if n >= 4 {
            // SAFETY: the caller vouches for `n` readable values.
            return unsafe { self.load(p) };
        }
        // SAFETY: only the first `n` values are read, which the caller vouches for.
        std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_n(self, p: *mut f32, n: usize, v: Self::V) {
        if n >= 4 {
            // SAFETY: the caller vouches for `n` writable values.
            return unsafe { self.store(p, v) };
        }
        for (i, x) in v.into_iter().enumerate().take(n) {
            // SAFETY: only the first `n` values are written, which the caller vouches for.
            unsafe { *p.add(i) = x }
        }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        Self::zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        Self::zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        Self::zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // not `mul_add`: without the instruction it is a library call
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        Self::zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        Self::zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn recip(self, a: Self::V) -> Self::V {
        a.map(|a| 1.0 / a)
    }
    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        a.map(f32::sqrt)
    }
    #[inline(always)]
    fn recip_rough(self, a: Self::V) -> Self::V {
        self.recip(a)
    }
    #[inline(always)]
    fn round(self, a: Self::V) -> Self::V {
        // adding and taking away 1.5 * 2^23 rounds to nearest without a library call
        a.map(|a| (a + 12582912.0) - 12582912.0)
    }
    #[inline(always)]
    fn scale2(self, a: Self::V, n: Self::V) -> Self::V {
        Self::zip(a, n, |a, n| a * f32::from_bits(((n.clamp(-126.0, 127.0) as i32 + 127) << 23) as u32))
    }
    #[inline(always)]
    fn keep_positive(self, cond: Self::V, a: Self::V) -> Self::V {
        Self::zip(cond, a, |c, a| if c > 0.0 { a } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn load_bf16_n(self, p: *const bf16, n: usize) -> Self::V {
        // SAFETY: only the first `n` values are read, which the caller vouches for.
        std::array::from_fn(|i| if i < n { unsafe { *p.add(i) }.to_f32() } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_bf16_n(self, p: *mut bf16, n: usize, v: Self::V) {
        for (i, x) in v.into_iter().enumerate().take(n) {
            // SAFETY: only the first `n` values are written, which the caller vouches for.
            unsafe { *p.add(i) = bf16::from_f32(x) }
        }
    }
    #[inline(always)]
    fn pair(self, first: Self::V, second: Self::V) -> Self::V {
        Self::zip(first, second, |a, b| f32::from_bits(a.to_bits() >> 16 | b.to_bits()))
    }
    #[inline(always)]
    fn dot(self, a: f32, b: Self::V, c: Self::V) -> Self::V {
        let (a0, a1) = halves(a);
        Self::zip(b, c, |b, c| {
            let (b0, b1) = halves(b);
            c + a0 * b0 + a1 * b1
        })
    }
}
