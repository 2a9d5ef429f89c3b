//! The one place where the instruction set is chosen, and the small vector interface the kernels are written against.
//!
//! A kernel is written once, as an `#[inline(always)]` function generic over [`Simd`], and [`simd_fn!`] makes the entry point
//! that the rest of the crate calls: it asks [`level`] once and jumps to the copy compiled with that level's target features.
//! The values of the type parameter are zero-sized tokens; only the entry points make them, after the processor has been asked,
//! so holding one is the proof that its instructions exist.
//!
//! Left out on purpose: `f64`, integers and shuffles (no kernel needs them), and per-call overrides of the level.

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
}

impl Level {
    /// Every level, slowest first.
    pub const ALL: [Level; 3] = [Level::Scalar, Level::Avx2, Level::Avx512];

    /// The name `HEMA_CPU` knows this level by.
    pub fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
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
    /// `a` rounded to the nearest integer.
    fn round(self, a: Self::V) -> Self::V;
    /// `a * 2^n` for integral `n` in -126..=127.
    fn scale2(self, a: Self::V, n: Self::V) -> Self::V;
    /// `a` where `cond > 0`, else 0.
    fn keep_positive(self, cond: Self::V, a: Self::V) -> Self::V;
}

/// Token for [`Level::Scalar`].
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

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
    fn round(self, a: Self::V) -> Self::V {
        // adding and taking away 1.5 * 2^23 rounds to nearest without a library call
        a.map(|a| (a + 12582912.0) - 12582912.0)
    }
    #[inline(always)]
    fn scale2(self, a: Self::V, n: Self::V) -> Self::V {
        Self::zip(a, n, |a, n| a * f32::from_bits(((n as i32 + 127) << 23) as u32))
    }
    #[inline(always)]
    fn keep_positive(self, cond: Self::V, a: Self::V) -> Self::V {
        Self::zip(cond, a, |c, a| if c > 0.0 { a } else { 0.0 })
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Simd;
    #[allow(clippy::wildcard_imports)] // fifty instructions by name say nothing
    use std::arch::x86_64::*;

    /// Token for [`super::Level::Avx2`].
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(());

    /// Token for [`super::Level::Avx512`].
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(());

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
    }

    impl Avx512 {
        /// # Safety
        /// The processor has AVX-512 F, VL, DQ and BW.
        #[inline(always)]
        pub(crate) unsafe fn new() -> Self {
            Self(())
        }
    }

    // SAFETY of every block below: the token proves that the processor has the instruction; the loads and stores pass their
    // own condition on the pointer to the caller.
    macro_rules! vector_impl {
        (
            $token:ident, $vector:ty, $lanes:literal, $wide:literal, $splat:ident, $load:ident, $store:ident,
            $add:ident, $sub:ident, $mul:ident, $fma:ident, $min:ident, $max:ident, { $($rest:tt)* }
        ) => {
            impl Simd for $token {
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
            fn round(self, a: Self::V) -> Self::V {
                unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
            }
            #[inline(always)]
            fn scale2(self, a: Self::V, n: Self::V) -> Self::V {
                unsafe {
                    let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
                    _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
                }
            }
            #[inline(always)]
            fn keep_positive(self, cond: Self::V, a: Self::V) -> Self::V {
                unsafe { _mm256_and_ps(a, _mm256_cmp_ps::<_CMP_GT_OQ>(cond, _mm256_setzero_ps())) }
            }
        }
    );

    vector_impl!(
        Avx512,
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
        }
    );
}

/// `simd_fn!(/// doc  unsafe fn entry(a: T, ...) = body)`: defines `entry`, which runs the copy of `body::<S>(token, a, ...)`
/// compiled for [`level`]. `body` must be `#[inline(always)]`, or it would not inherit the target features.
macro_rules! simd_fn {
    ($(#[$doc:meta])* unsafe fn $entry:ident($($arg:ident: $ty:ty),* $(,)?) = $body:path) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)] // raw kernels take their whole problem flat
        pub(crate) unsafe fn $entry($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx512($($arg: $ty),*) {
                // SAFETY: this function's own target features; the body's conditions are the caller's.
                unsafe { $body($crate::simd::Avx512::new(), $($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx2($($arg: $ty),*) {
                // SAFETY: as above.
                unsafe { $body($crate::simd::Avx2::new(), $($arg),*) }
            }
            // SAFETY: `level` returns only levels the processor has; the body's conditions are the caller's.
            match $crate::simd::level() {
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

/// Values in a vector of the level in use.
pub(crate) fn lanes() -> usize {
    match level() {
        Level::Scalar => 4,
        Level::Avx2 => 8,
        Level::Avx512 => 16,
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
