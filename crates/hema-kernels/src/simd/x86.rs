//! AVX2 and AVX-512.

use half::bf16;

use super::Simd;
#[allow(clippy::wildcard_imports)] // fifty instructions by name say nothing
use std::arch::x86_64::*;

/// Token for [`super::Level::Avx2`].
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Token for [`super::Level::Avx512`] or, with `BF16`, [`super::Level::Avx512Bf16`] and
/// [`super::Level::Amx`].
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
        // SAFETY: start <= 8, so the eight integers read lie in the table of sixteen; only this token's
        // methods call it, so the processor has AVX2.
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

// SAFETY of every block below: the token proves that the processor has the instruction; the loads and stores
// pass their own condition on the pointer to the caller.
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
        unsafe fn transpose(
            self,
            from: *const f32,
            step: usize,
            rows: usize,
            columns: usize,
            to: *mut f32,
            to_step: usize,
        ) {
            // no closures: those handed to functions of the library are not compiled for this level
            unsafe {
                let mut x = [self.splat(0.0); 8];
                for i in 0..rows.min(8) {
                    x[i] = self.load_n(from.add(i * step), columns);
                }
                let mut four = [[self.splat(0.0); 4]; 2];
                for (i, four) in four.iter_mut().enumerate() {
                    let p = _mm256_castps_pd(_mm256_unpacklo_ps(x[4 * i], x[4 * i + 1]));
                    let q = _mm256_castps_pd(_mm256_unpacklo_ps(x[4 * i + 2], x[4 * i + 3]));
                    let r = _mm256_castps_pd(_mm256_unpackhi_ps(x[4 * i], x[4 * i + 1]));
                    let t = _mm256_castps_pd(_mm256_unpackhi_ps(x[4 * i + 2], x[4 * i + 3]));
                    four[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(p, q));
                    four[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(p, q));
                    four[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(r, t));
                    four[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(r, t));
                }
                for j in 0..4 {
                    if j < columns {
                        let v = _mm256_permute2f128_ps::<0x20>(four[0][j], four[1][j]);
                        self.store(to.add(j * to_step), v);
                    }
                    if j + 4 < columns {
                        let v = _mm256_permute2f128_ps::<0x31>(four[0][j], four[1][j]);
                        self.store(to.add((j + 4) * to_step), v);
                    }
                }
            }
        }
        #[inline(always)]
        fn dot(self, a: f32, b: Self::V, c: Self::V) -> Self::V {
            let a = self.splat(a);
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
        fn round_bf16(self, a: Self::V) -> Self::V {
            unsafe {
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(Self::narrow(a))))
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
            // no closures: those handed to functions of the library are not compiled for this level
            unsafe {
                let mut x = [self.splat(0.0); 16];
                for i in 0..rows.min(16) {
                    x[i] = self.load_n(from.add(i * step), columns);
                }
                // four rows at a time: quarter q of vector j is column 4 q + j of them
                let mut four = [[self.splat(0.0); 4]; 4];
                for (i, four) in four.iter_mut().enumerate() {
                    let p = _mm512_castps_pd(_mm512_unpacklo_ps(x[4 * i], x[4 * i + 1]));
                    let q = _mm512_castps_pd(_mm512_unpacklo_ps(x[4 * i + 2], x[4 * i + 3]));
                    let r = _mm512_castps_pd(_mm512_unpackhi_ps(x[4 * i], x[4 * i + 1]));
                    let t = _mm512_castps_pd(_mm512_unpackhi_ps(x[4 * i + 2], x[4 * i + 3]));
                    four[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(p, q));
                    four[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(p, q));
                    four[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(r, t));
                    four[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(r, t));
                }
                for j in 0..4 {
                    // quarters 0 and 2, then 1 and 3, of eight rows
                    let e0 = _mm512_shuffle_f32x4::<0b10_00_10_00>(four[0][j], four[1][j]);
                    let e1 = _mm512_shuffle_f32x4::<0b10_00_10_00>(four[2][j], four[3][j]);
                    let o0 = _mm512_shuffle_f32x4::<0b11_01_11_01>(four[0][j], four[1][j]);
                    let o1 = _mm512_shuffle_f32x4::<0b11_01_11_01>(four[2][j], four[3][j]);
                    let quarters = [
                        _mm512_shuffle_f32x4::<0b10_00_10_00>(e0, e1),
                        _mm512_shuffle_f32x4::<0b10_00_10_00>(o0, o1),
                        _mm512_shuffle_f32x4::<0b11_01_11_01>(e0, e1),
                        _mm512_shuffle_f32x4::<0b11_01_11_01>(o0, o1),
                    ];
                    for (q, v) in quarters.into_iter().enumerate() {
                        if 4 * q + j < columns {
                            self.store(to.add((4 * q + j) * to_step), v);
                        }
                    }
                }
            }
        }
        #[inline(always)]
        fn dot(self, a: f32, b: Self::V, c: Self::V) -> Self::V {
            let a = self.splat(a);
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
