//! The one place where the instruction set is chosen, and the small vector interface the kernels are written against.
//!
//! A kernel is written once, as an `#[inline(always)]` function generic over [`Simd`], and [`simd_fn!`] makes the entry point
//! that the rest of the crate calls: it asks [`level`] once and jumps to the copy compiled with that level's target features.
//! The values of the type parameter are zero-sized tokens; only the entry points make them, after the processor has been asked,
//! so holding one is the proof that its instructions exist.
//!
//! Left out on purpose: `f64`, integers and shuffles (no kernel needs them), and per-call overrides of the level.

use half::bf16;
use std::sync::OnceLock;

/// Instruction sets the kernels are compiled for, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Plain Rust on groups of four values; the compiler's baseline instructions.
    Scalar,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512 (F, VL, DQ, BW).
    Avx512,
    /// AVX-512 with the dot product of `bf16` pairs.
    Avx512Bf16,
}

impl Level {
    /// Every level, slowest first.
    pub const ALL: [Level; 4] = [Level::Scalar, Level::Avx2, Level::Avx512, Level::Avx512Bf16];

    /// The name `HEMA_CPU` knows this level by.
    pub fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
            Level::Avx512Bf16 => "avx512-bf16",
        }
    }

    /// Whether `bf16` products are instructions of their own; where they are emulated, `bf16` maps save memory but no time.
    pub fn has_bf16(self) -> bool {
        self == Level::Avx512Bf16
    }

    /// Whether this processor has the level's instructions.
    pub fn is_supported(self) -> bool {
        match self {
            Level::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Level::Avx2.is_supported()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Bf16 => Level::Avx512.is_supported() && is_x86_feature_detected!("avx512bf16"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// The level in use: the best this processor has, or the one `HEMA_CPU` names if the processor has it.
///
/// The environment is read once, at the first call.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    #[cfg(test)]
    if let Some(level) = testing::forced() {
        return level;
    }
    *LEVEL.get_or_init(|| {
        let wanted = std::env::var("HEMA_CPU").unwrap_or_default();
        let supported = || Level::ALL.into_iter().filter(|l| l.is_supported());
        supported().find(|l| l.name() == wanted).or_else(|| supported().next_back()).unwrap_or(Level::Scalar)
    })
}

/// Vectors of `LANES` values of `f32`.
///
/// `load_n`/`store_n` touch only the first `n <= LANES` values; the other lanes of a loaded vector are 0. `min` and `max`
/// return their second operand when either is NaN, so `max(0, x)` hands NaN on.
///
/// `bf16` values are widened when loaded and rounded to nearest even when stored. For products, two of them lie in the
/// 32 bits of one lane, the first in the low half: a *pair*.
pub(crate) trait Simd: Copy {
    /// A vector.
    type V: Copy;
    /// Values in a vector.
    const LANES: usize;
    /// Whether there are 32 vector registers (else 16): decides how large a block of sums a kernel keeps.
    const WIDE: bool;

    fn splat(self, x: f32) -> Self::V;
    unsafe fn load(self, p: *const f32) -> Self::V;
    unsafe fn store(self, p: *mut f32, v: Self::V);
    unsafe fn load_n(self, p: *const f32, n: usize) -> Self::V;
    unsafe fn store_n(self, p: *mut f32, n: usize, v: Self::V);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `1 / a`, for normal `a` with a normal inverse, to within one unit in the last place or two.
    fn recip(self, a: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `1 / a` to eleven bits.
    fn recip_rough(self, a: Self::V) -> Self::V;
    /// `a` rounded to the nearest integer.
    fn round(self, a: Self::V) -> Self::V;
    /// `a * 2^n` for integral `n`; beyond -126..=127, the result at the limit, or 0 and infinity.
    fn scale2(self, a: Self::V, n: Self::V) -> Self::V;
    /// `a` where `cond > 0`, else 0.
    fn keep_positive(self, cond: Self::V, a: Self::V) -> Self::V;
    unsafe fn load_bf16_n(self, p: *const bf16, n: usize) -> Self::V;
    unsafe fn store_bf16_n(self, p: *mut bf16, n: usize, v: Self::V);
    /// Pairs of widened values.
    fn pair(self, first: Self::V, second: Self::V) -> Self::V;
    /// `c` plus the product of the first and the product of the second halves of the pairs `a` and `b`.
    fn dot(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
}

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
    fn dot(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| {
            let ((a0, a1), (b0, b1)) = (halves(a[i]), halves(b[i]));
            c[i] + a0 * b0 + a1 * b1
        })
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Simd;
    use half::bf16;
    #[allow(clippy::wildcard_imports)] // fifty instructions by name say nothing
    use std::arch::x86_64::*;

    /// Token for [`super::Level::Avx2`].
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(());

    /// Token for [`super::Level::Avx512`] or, with `BF16`, [`super::Level::Avx512Bf16`].
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512<const BF16: bool>(());

    impl Avx2 {
        /// # Safety
        /// The processor has AVX2 and FMA.
        #[inline(always)]
        pub(crate) unsafe fn new() -> Self {
            Self(())
        }

        /// All bits set in the first `n` lanes.
        #[inline(always)]
        fn mask(n: usize) -> __m256i {
            static BITS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
            let start = 8 - n.min(8);
            // SAFETY: start <= 8, so the eight integers read lie in the table of sixteen; only this token's methods
            // call it, so the processor has AVX2.
            unsafe { _mm256_loadu_si256(BITS.as_ptr().add(start).cast()) }
        }

        /// Eight values, widened.
        #[inline(always)]
        unsafe fn load_bf16(p: *const bf16) -> __m256 {
            unsafe {
                let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()));
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
            }
        }
        /// Rounds to eight values.
        #[inline(always)]
        unsafe fn store_bf16(p: *mut bf16, v: __m256) {
            unsafe {
                let bits = _mm256_castps_si256(v);
                let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
                let half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF));
                let rounded = _mm256_srli_epi32::<16>(_mm256_add_epi32(bits, half));
                // adding could carry a NaN over into zero
                let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(v, v));
                let narrow = _mm256_blendv_epi8(rounded, _mm256_set1_epi32(0x7FC0), nan);
                let packed = _mm256_permute4x64_epi64::<0b1000>(_mm256_packus_epi32(narrow, narrow));
                _mm_storeu_si128(p.cast(), _mm256_castsi256_si128(packed));
            }
        }
    }

    impl<const BF16: bool> Avx512<BF16> {
        /// # Safety
        /// The processor has AVX-512 F, VL, DQ and BW and, with `BF16`, AVX-512 BF16.
        #[inline(always)]
        pub(crate) unsafe fn new() -> Self {
            Self(())
        }
    }

    // SAFETY of every block below: the token proves that the processor has the instruction; the loads and stores pass their
    // own condition on the pointer to the caller.
    macro_rules! vector_impl {
        (
            $token:ty, [$($generics:tt)*], $vector:ty, $lanes:literal, $wide:literal, $splat:ident, $load:ident, $store:ident,
            $add:ident, $sub:ident, $mul:ident, $fma:ident, $min:ident, $max:ident, { $($rest:tt)* }
        ) => {
            impl<$($generics)*> Simd for $token {
                type V = $vector;
                const LANES: usize = $lanes;
                const WIDE: bool = $wide;

                #[inline(always)]
                fn splat(self, x: f32) -> Self::V { unsafe { $splat(x) } }
                #[inline(always)]
                unsafe fn load(self, p: *const f32) -> Self::V { unsafe { $load(p) } }
                #[inline(always)]
                unsafe fn store(self, p: *mut f32, v: Self::V) { unsafe { $store(p, v) } }
                #[inline(always)]
                fn add(self, a: Self::V, b: Self::V) -> Self::V { unsafe { $add(a, b) } }
                #[inline(always)]
                fn sub(self, a: Self::V, b: Self::V) -> Self::V { unsafe { $sub(a, b) } }
                #[inline(always)]
                fn mul(self, a: Self::V, b: Self::V) -> Self::V { unsafe { $mul(a, b) } }
                #[inline(always)]
                fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V { unsafe { $fma(a, b, c) } }
                #[inline(always)]
                fn min(self, a: Self::V, b: Self::V) -> Self::V { unsafe { $min(a, b) } }
                #[inline(always)]
                fn max(self, a: Self::V, b: Self::V) -> Self::V { unsafe { $max(a, b) } }
                $($rest)*
            }
        };
    }

    vector_impl!(
        Avx2,
        [],
        __m256,
        8,
        false,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_fmadd_ps,
        _mm256_min_ps,
        _mm256_max_ps,
        {
            #[inline(always)]
            unsafe fn load_n(self, p: *const f32, n: usize) -> Self::V {
                // masked stores are slow on older processors, and most vectors are full
                unsafe { if n >= 8 { self.load(p) } else { _mm256_maskload_ps(p, Self::mask(n)) } }
            }
            #[inline(always)]
            unsafe fn store_n(self, p: *mut f32, n: usize, v: Self::V) {
                unsafe { if n >= 8 { self.store(p, v) } else { _mm256_maskstore_ps(p, Self::mask(n), v) } }
            }
            #[inline(always)]
            fn recip(self, a: Self::V) -> Self::V {
                unsafe { _mm256_div_ps(_mm256_set1_ps(1.0), a) }
            }
            #[inline(always)]
            fn sqrt(self, a: Self::V) -> Self::V {
                unsafe { _mm256_sqrt_ps(a) }
            }
            #[inline(always)]
            fn recip_rough(self, a: Self::V) -> Self::V {
                unsafe { _mm256_rcp_ps(a) }
            }
            #[inline(always)]
            fn round(self, a: Self::V) -> Self::V {
                unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
            }
            #[inline(always)]
            fn scale2(self, a: Self::V, n: Self::V) -> Self::V {
                unsafe {
                    let n = _mm256_max_ps(_mm256_set1_ps(-126.0), _mm256_min_ps(_mm256_set1_ps(127.0), n));
                    let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
                    _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
                }
            }
            #[inline(always)]
            fn keep_positive(self, cond: Self::V, a: Self::V) -> Self::V {
                unsafe { _mm256_and_ps(a, _mm256_cmp_ps::<_CMP_GT_OQ>(cond, _mm256_setzero_ps())) }
            }
            #[inline(always)]
            unsafe fn load_bf16_n(self, p: *const bf16, n: usize) -> Self::V {
                if n >= 8 {
                    return unsafe { Self::load_bf16(p) };
                }
                let mut values = [bf16::ZERO; 8];
                unsafe {
                    std::ptr::copy_nonoverlapping(p, values.as_mut_ptr(), n);
                    Self::load_bf16(values.as_ptr())
                }
            }
            #[inline(always)]
            unsafe fn store_bf16_n(self, p: *mut bf16, n: usize, v: Self::V) {
                if n >= 8 {
                    return unsafe { Self::store_bf16(p, v) };
                }
                let mut values = [bf16::ZERO; 8];
                unsafe {
                    Self::store_bf16(values.as_mut_ptr(), v);
                    std::ptr::copy_nonoverlapping(values.as_ptr(), p, n);
                }
            }
            #[inline(always)]
            fn pair(self, first: Self::V, second: Self::V) -> Self::V {
                unsafe {
                    let low = _mm256_srli_epi32::<16>(_mm256_castps_si256(first));
                    _mm256_castsi256_ps(_mm256_or_si256(low, _mm256_castps_si256(second)))
                }
            }
            #[inline(always)]
            fn dot(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                unsafe {
                    let low = |v| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(v)));
                    let high = _mm256_castsi256_ps(_mm256_set1_epi32(0xFFFF_0000_u32 as i32));
                    let c = _mm256_fmadd_ps(low(a), low(b), c);
                    _mm256_fmadd_ps(_mm256_and_ps(a, high), _mm256_and_ps(b, high), c)
                }
            }
        }
    );

    vector_impl!(
        Avx512<BF16>,
        [const BF16: bool],
        __m512,
        16,
        true,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_fmadd_ps,
        _mm512_min_ps,
        _mm512_max_ps,
        {
            #[inline(always)]
            unsafe fn load_n(self, p: *const f32, n: usize) -> Self::V {
                unsafe { _mm512_maskz_loadu_ps(((1u32 << n.min(16)) - 1) as u16, p) }
            }
            #[inline(always)]
            unsafe fn store_n(self, p: *mut f32, n: usize, v: Self::V) {
                unsafe { _mm512_mask_storeu_ps(p, ((1u32 << n.min(16)) - 1) as u16, v) }
            }
            #[inline(always)]
            fn recip(self, a: Self::V) -> Self::V {
                // 14 bits, doubled by one step of Newton's method
                unsafe {
                    let r = _mm512_rcp14_ps(a);
                    _mm512_fmadd_ps(r, _mm512_fnmadd_ps(a, r, _mm512_set1_ps(1.0)), r)
                }
            }
            #[inline(always)]
            fn sqrt(self, a: Self::V) -> Self::V {
                unsafe { _mm512_sqrt_ps(a) }
            }
            #[inline(always)]
            fn recip_rough(self, a: Self::V) -> Self::V {
                unsafe { _mm512_rcp14_ps(a) }
            }
            #[inline(always)]
            fn round(self, a: Self::V) -> Self::V {
                unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
            }
            #[inline(always)]
            fn scale2(self, a: Self::V, n: Self::V) -> Self::V {
                unsafe { _mm512_scalef_ps(a, n) }
            }
            #[inline(always)]
            fn keep_positive(self, cond: Self::V, a: Self::V) -> Self::V {
                unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(cond, _mm512_setzero_ps()), a) }
            }
            #[inline(always)]
            unsafe fn load_bf16_n(self, p: *const bf16, n: usize) -> Self::V {
                unsafe {
                    let mask = ((1u32 << n.min(16)) - 1) as u16;
                    let wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, p.cast()));
                    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
                }
            }
            #[inline(always)]
            unsafe fn store_bf16_n(self, p: *mut bf16, n: usize, v: Self::V) {
                unsafe {
                    _mm256_mask_storeu_epi16(p.cast(), ((1u32 << n.min(16)) - 1) as u16, Self::narrow(v));
                }
            }
            #[inline(always)]
            fn pair(self, first: Self::V, second: Self::V) -> Self::V {
                unsafe {
                    let low = _mm512_srli_epi32::<16>(_mm512_castps_si512(first));
                    _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_castps_si512(second)))
                }
            }
            #[inline(always)]
            fn dot(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                unsafe {
                    if BF16 {
                        let pairs = |v| std::mem::transmute::<__m512, __m512bh>(v);
                        return _mm512_dpbf16_ps(c, pairs(a), pairs(b));
                    }
                    let low = |v| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(v)));
                    let high = _mm512_castsi512_ps(_mm512_set1_epi32(0xFFFF_0000_u32 as i32));
                    let c = _mm512_fmadd_ps(low(a), low(b), c);
                    _mm512_fmadd_ps(_mm512_and_ps(a, high), _mm512_and_ps(b, high), c)
                }
            }
        }
    );

    impl<const BF16: bool> Avx512<BF16> {
        /// Rounds to `bf16`.
        #[inline(always)]
        fn narrow(v: __m512) -> __m256i {
            // SAFETY: the token proves the instructions.
            unsafe {
                if BF16 {
                    return std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(v));
                }
                let bits = _mm512_castps_si512(v);
                let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
                let half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF));
                let rounded = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits, half));
                // adding could carry a NaN over into zero
                let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v);
                _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, nan, _mm512_set1_epi32(0x7FC0)))
            }
        }
    }
}

/// `simd_fn!(/// doc  unsafe fn entry<E>(a: T, ...) = body)`: defines `entry`, which runs the copy of `body::<S>(token, a, ...)`
/// compiled for [`level`]. `E`, where there is one, is an [`Element`](crate::element::Element). `body` must be
/// `#[inline(always)]`, or it would not inherit the target features.
macro_rules! simd_fn {
    ($(#[$doc:meta])* unsafe fn $entry:ident $(<$e:ident>)? ($($arg:ident: $ty:ty),* $(,)?) = $body:path) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)] // raw kernels take their whole problem flat
        pub(crate) unsafe fn $entry $(<$e: $crate::element::Element>)? ($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx512_bf16 $(<$e: $crate::element::Element>)? ($($arg: $ty),*) {
                // SAFETY: this function's own target features; the body's conditions are the caller's.
                unsafe { $body($crate::simd::Avx512::<true>::new(), $($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx512 $(<$e: $crate::element::Element>)? ($($arg: $ty),*) {
                // SAFETY: as above.
                unsafe { $body($crate::simd::Avx512::<false>::new(), $($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx2 $(<$e: $crate::element::Element>)? ($($arg: $ty),*) {
                // SAFETY: as above.
                unsafe { $body($crate::simd::Avx2::new(), $($arg),*) }
            }
            // SAFETY: `level` returns only levels the processor has; the body's conditions are the caller's.
            match $crate::simd::level() {
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx512Bf16 => unsafe { avx512_bf16($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx512 => unsafe { avx512($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx2 => unsafe { avx2($($arg),*) },
                _ => unsafe { $body($crate::simd::Scalar, $($arg),*) },
            }
        }
    };
}
pub(crate) use simd_fn;

/// Most values in a vector.
pub(crate) const MAX_LANES: usize = 16;

/// The sum of a vector's values.
#[inline(always)]
pub(crate) fn lanes_sum<S: Simd>(s: S, v: S::V) -> f32 {
    let mut lanes = [0.0; MAX_LANES];
    // SAFETY: no vector has more than `MAX_LANES` values.
    unsafe { s.store(lanes.as_mut_ptr(), v) };
    lanes[..S::LANES].iter().sum()
}

/// Values in a vector of the level in use.
pub(crate) fn lanes() -> usize {
    match level() {
        Level::Scalar => 4,
        Level::Avx2 => 8,
        Level::Avx512 | Level::Avx512Bf16 => 16,
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::Level;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU8, Ordering};

    static FORCED: AtomicU8 = AtomicU8::new(u8::MAX);
    static LOCK: Mutex<()> = Mutex::new(());

    pub(super) fn forced() -> Option<Level> {
        Level::ALL.get(usize::from(FORCED.load(Ordering::SeqCst))).copied()
    }

    /// Runs `f` at every level this processor has, one after the other. The level is global (worker threads must see it), hence
    /// the lock: every test of a kernel goes through here.
    pub(crate) fn at_every_level(mut f: impl FnMut(Level)) {
        let _guard = LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for level in Level::ALL.into_iter().filter(|l| l.is_supported()) {
            FORCED.store(level as u8, Ordering::SeqCst);
            f(level);
        }
        FORCED.store(u8::MAX, Ordering::SeqCst);
    }
}
