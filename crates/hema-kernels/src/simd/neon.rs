//! NEON, the vectors that every 64-bit ARM processor has.
//!
//! They hold four values, but there are 32 of them, and a product takes one of its factors from a single
//! lane: the inner loops need no more instructions for a value than those of wider vectors need for a vector.

use half::bf16;

use super::{Scalar, Simd};
use std::arch::aarch64::*;
#[allow(clippy::wildcard_imports)] // forty instructions by name say nothing
use std::arch::asm;

/// Token for [`super::Level::Neon`] or, with `BF16`, [`super::Level::NeonBf16`].
#[derive(Clone, Copy)]
pub(crate) struct Neon<const BF16: bool>(());

impl<const BF16: bool> Neon<BF16> {
    /// # Safety
    /// The processor has NEON and, with `BF16`, the instructions for `bf16` (`FEAT_BF16`).
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

// SAFETY of every block below: the token proves that the processor has the instruction; the loads and stores
// pass their own condition on the pointer to the caller. Assembly has one instruction that only computes, and
// a line before it that makes the assembler accept it.

impl<const BF16: bool> Neon<BF16> {
    #[inline(always)]
    fn bits(v: float32x4_t) -> uint32x4_t {
        unsafe { vreinterpretq_u32_f32(v) }
    }

    #[inline(always)]
    fn floats(bits: uint32x4_t) -> float32x4_t {
        unsafe { vreinterpretq_f32_u32(bits) }
    }

    #[inline(always)]
    fn to_lanes(v: float32x4_t) -> [f32; 4] {
        let mut lanes = [0.0; 4];
        unsafe { vst1q_f32(lanes.as_mut_ptr(), v) };
        lanes
    }

    #[inline(always)]
    fn of_lanes(lanes: [f32; 4]) -> float32x4_t {
        unsafe { vld1q_f32(lanes.as_ptr()) }
    }

    /// A step of Newton's method from `r` to `1 / a`: twice as many bits are right.
    #[inline(always)]
    fn towards_recip(a: float32x4_t, r: float32x4_t) -> float32x4_t {
        unsafe { vmulq_f32(r, vrecpsq_f32(a, r)) }
    }

    /// The values of four `bf16`.
    #[inline(always)]
    fn widen(narrow: uint16x4_t) -> float32x4_t {
        unsafe { Self::floats(vshlq_n_u32::<16>(vmovl_u16(narrow))) }
    }

    /// Rounds to `bf16`.
    #[inline(always)]
    fn narrow(v: float32x4_t) -> uint16x4_t {
        unsafe {
            if BF16 {
                let narrow;
                asm!(
                    ".arch_extension bf16",
                    "bfcvtn {narrow:v}.4h, {v:v}.4s",
                    narrow = lateout(vreg) narrow,
                    v = in(vreg) v,
                    options(pure, nomem, nostack, preserves_flags)
                );
                return narrow;
            }
            // adding could carry a NaN over into zero
            let bits = vbslq_u32(vceqq_f32(v, v), Self::bits(v), vdupq_n_u32(0x7FC0_0000));
            let odd = vandq_u32(vshrq_n_u32::<16>(bits), vdupq_n_u32(1));
            vaddhn_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7FFF)))
        }
    }
}

/// Vectors that are not full are rare, since channels come in multiples of four: they go value by value.
impl<const BF16: bool> Simd for Neon<BF16> {
    type V = float32x4_t;
    const LANES: usize = 4;
    const WIDE: bool = true;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        unsafe { vld1q_f32(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        unsafe { vst1q_f32(p, v) }
    }
    #[inline(always)]
    unsafe fn load_n(self, p: *const f32, n: usize) -> Self::V {
        unsafe { if n >= 4 { self.load(p) } else { Self::of_lanes(Scalar.load_n(p, n)) } }
    }
    #[inline(always)]
    unsafe fn store_n(self, p: *mut f32, n: usize, v: Self::V) {
        unsafe { if n >= 4 { self.store(p, v) } else { Scalar.store_n(p, n, Self::to_lanes(v)) } }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    fn fma_word(self, a: f32, b: Self::V, c: Self::V) -> Self::V {
        // of `vfmaq_n_f32` the compiler makes a load into all lanes, which costs a vector instruction on top
        // of the load
        let mut sum = c;
        unsafe {
            asm!(
                "fmla {sum:v}.4s, {b:v}.4s, {a:v}.s[0]",
                sum = inout(vreg) sum,
                b = in(vreg) b,
                a = in(vreg) a,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sum
    }
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { vminq_f32(a, b) }
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe { vmaxq_f32(a, b) }
    }
    #[inline(always)]
    fn recip(self, a: Self::V) -> Self::V {
        Self::towards_recip(a, self.recip_rough(a))
    }
    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        unsafe { vsqrtq_f32(a) }
    }
    #[inline(always)]
    fn recip_rough(self, a: Self::V) -> Self::V {
        // the estimate has eight bits
        Self::towards_recip(a, unsafe { vrecpeq_f32(a) })
    }
    #[inline(always)]
    fn round(self, a: Self::V) -> Self::V {
        unsafe { vrndnq_f32(a) }
    }
    #[inline(always)]
    fn scale2(self, a: Self::V, n: Self::V) -> Self::V {
        unsafe {
            let n = vmaxq_f32(vdupq_n_f32(-126.0), vminq_f32(vdupq_n_f32(127.0), n));
            let exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
            vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent)))
        }
    }
    #[inline(always)]
    fn keep_positive(self, cond: Self::V, a: Self::V) -> Self::V {
        unsafe { Self::floats(vandq_u32(vcgtzq_f32(cond), Self::bits(a))) }
    }
    #[inline(always)]
    unsafe fn load_bf16_n(self, p: *const bf16, n: usize) -> Self::V {
        unsafe {
            if n >= 4 { Self::widen(vld1_u16(p.cast())) } else { Self::of_lanes(Scalar.load_bf16_n(p, n)) }
        }
    }
    #[inline(always)]
    unsafe fn store_bf16_n(self, p: *mut bf16, n: usize, v: Self::V) {
        unsafe {
            if n >= 4 {
                vst1_u16(p.cast(), Self::narrow(v));
            } else {
                Scalar.store_bf16_n(p, n, Self::to_lanes(v));
            }
        }
    }
    #[inline(always)]
    fn pair(self, first: Self::V, second: Self::V) -> Self::V {
        unsafe { Self::floats(vsriq_n_u32::<16>(Self::bits(second), Self::bits(first))) }
    }
    #[inline(always)]
    fn dot(self, a: f32, b: Self::V, c: Self::V) -> Self::V {
        unsafe {
            if BF16 {
                let mut sum = c;
                asm!(
                    ".arch_extension bf16",
                    "bfdot {sum:v}.4s, {b:v}.8h, {a:v}.2h[0]",
                    sum = inout(vreg) sum,
                    b = in(vreg) b,
                    a = in(vreg) a,
                    options(pure, nomem, nostack, preserves_flags)
                );
                return sum;
            }
            // as in `fma_word`, and both steps as one: free to order them, the compiler keeps more in
            // registers than there are
            let halves: float32x4_t;
            let mut sum = c;
            asm!(
                "shll {halves:v}.4s, {a:v}.4h, #16",
                halves = lateout(vreg) halves,
                a = in(vreg) a,
                options(pure, nomem, nostack, preserves_flags)
            );
            asm!(
                "fmla {sum:v}.4s, {low:v}.4s, {a:v}.s[0]",
                "fmla {sum:v}.4s, {high:v}.4s, {a:v}.s[1]",
                sum = inout(vreg) sum,
                low = in(vreg) Self::floats(vshlq_n_u32::<16>(Self::bits(b))),
                high = in(vreg) Self::floats(vandq_u32(Self::bits(b), vdupq_n_u32(0xFFFF_0000))),
                a = in(vreg) halves,
                options(pure, nomem, nostack, preserves_flags)
            );
            sum
        }
    }
    #[inline(always)]
    unsafe fn transpose(
        self,
        from: *const f32,
        step: usize,
        rows: usize,
        columns: usize,
        to: *mut f32,
        to_step: usize,
    ) {
        unsafe {
            let mut x = [self.splat(0.0); 4];
            for i in 0..rows.min(4) {
                x[i] = self.load_n(from.add(i * step), columns);
            }
            // columns 0 and 2, then 1 and 3, of two rows each
            let pairs = |v| vreinterpretq_f64_f32(v);
            let even = [pairs(vtrn1q_f32(x[0], x[1])), pairs(vtrn1q_f32(x[2], x[3]))];
            let odd = [pairs(vtrn2q_f32(x[0], x[1])), pairs(vtrn2q_f32(x[2], x[3]))];
            let turned = [
                vtrn1q_f64(even[0], even[1]),
                vtrn1q_f64(odd[0], odd[1]),
                vtrn2q_f64(even[0], even[1]),
                vtrn2q_f64(odd[0], odd[1]),
            ];
            for j in 0..columns.min(4) {
                self.store(to.add(j * to_step), vreinterpretq_f32_f64(turned[j]));
            }
        }
    }
}
