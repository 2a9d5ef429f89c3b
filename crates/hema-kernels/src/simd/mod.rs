//! The one place where the instruction set is chosen, and the small vector interface the kernels are written against.
//!
//! A kernel is written once, as an `#[inline(always)]` function generic over [`Simd`], and [`simd_fn!`] makes the entry point
//! that the rest of the crate calls: it asks [`level`] once and jumps to the copy compiled with that level's target features.
//! The values of the type parameter are zero-sized tokens; only the entry points make them, after the processor has been asked,
//! so holding one is the proof that its instructions exist.
//!
//! Left out on purpose: `f64`, integers and shuffles (no kernel needs them), and per-call overrides of the level.

#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use scalar::Scalar;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

use half::bf16;
use std::sync::OnceLock;

/// Instruction sets the kernels are compiled for, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Plain Rust on groups of four values; the compiler's baseline instructions.
    Scalar,
    /// NEON, on 64-bit ARM.
    Neon,
    /// NEON with the dot product of `bf16` pairs.
    NeonBf16,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512 (F, VL, DQ, BW).
    Avx512,
    /// AVX-512 with the dot product of `bf16` pairs.
    Avx512Bf16,
    /// The same, and products of `bf16` matrices on tiles (Intel's AMX).
    Amx,
}

impl Level {
    /// Every level, slowest first.
    pub const ALL: [Level; 7] = [
        Level::Scalar,
        Level::Neon,
        Level::NeonBf16,
        Level::Avx2,
        Level::Avx512,
        Level::Avx512Bf16,
        Level::Amx,
    ];

    /// The name `HEMA_CPU` knows this level by.
    pub fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Neon => "neon",
            Level::NeonBf16 => "neon-bf16",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
            Level::Avx512Bf16 => "avx512-bf16",
            Level::Amx => "amx",
        }
    }

    /// Whether `bf16` products are instructions of their own; where they are emulated, `bf16` maps save memory but no time.
    pub fn has_bf16(self) -> bool {
        matches!(self, Level::NeonBf16 | Level::Avx512Bf16 | Level::Amx)
    }

    /// Whether this processor has the level's instructions, and the system lets them be used.
    pub fn is_supported(self) -> bool {
        match self {
            Level::Scalar => true,
            #[cfg(target_arch = "aarch64")]
            Level::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "aarch64")]
            Level::NeonBf16 => Level::Neon.is_supported() && std::arch::is_aarch64_feature_detected!("bf16"),
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
            #[cfg(target_arch = "x86_64")]
            Level::Amx => Level::Avx512Bf16.is_supported() && crate::amx::is_permitted(),
            // another architecture's
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
/// hand a NaN of their second operand on, as in `max(0, x)`; of a NaN in the first, some processors return the second.
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
    /// `a * b + c` with one `a` for all lanes.
    #[inline(always)]
    fn fma_word(self, a: f32, b: Self::V, c: Self::V) -> Self::V {
        self.fma(self.splat(a), b, c)
    }
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
    /// `a` rounded to the nearest `bf16`, and widened again.
    #[inline(always)]
    fn round_bf16(self, a: Self::V) -> Self::V {
        let mut narrow = [bf16::ZERO; MAX_LANES];
        // SAFETY: no vector has more than `MAX_LANES` values.
        unsafe {
            self.store_bf16_n(narrow.as_mut_ptr(), Self::LANES, a);
            self.load_bf16_n(narrow.as_ptr(), Self::LANES)
        }
    }
    /// Pairs of widened values.
    fn pair(self, first: Self::V, second: Self::V) -> Self::V;
    /// `c` plus the product of the first and the product of the second halves of the pairs `a`, one for all lanes, and `b`.
    fn dot(self, a: f32, b: Self::V, c: Self::V) -> Self::V;
    /// Turns up to `LANES` x `LANES` values over: the vector at `to + j * to_step` gets value j of each of the `rows` rows at
    /// `from + i * step` and 0 in the other lanes, for every j below `columns`.
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
        for j in 0..columns {
            for i in 0..Self::LANES {
                // SAFETY: the caller vouches for `columns` values in each row and for whole vectors of the output.
                unsafe {
                    *to.add(j * to_step + i) = if i < rows { *from.add(i * step + j) } else { 0.0 };
                }
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
                #[cfg(target_arch = "aarch64")]
                $crate::simd::Level::NeonBf16 => unsafe { $body($crate::simd::Neon::<true>::new(), $($arg),*) },
                #[cfg(target_arch = "aarch64")]
                $crate::simd::Level::Neon => unsafe { $body($crate::simd::Neon::<false>::new(), $($arg),*) },
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx512Bf16 | $crate::simd::Level::Amx => unsafe { avx512_bf16($($arg),*) },
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
        Level::Scalar | Level::Neon | Level::NeonBf16 => 4,
        Level::Avx2 => 8,
        Level::Avx512 | Level::Avx512Bf16 | Level::Amx => 16,
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

    /// Whether this processor has the level's instructions, or a test can emulate those it lacks.
    fn can_run(level: Level) -> bool {
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        if level == Level::Amx && !level.is_supported() {
            return crate::amx::emulator::install();
        }
        level.is_supported()
    }

    /// Runs `f` at every level this processor has, one after the other. The level is global (worker threads must see it), hence
    /// the lock: every test of a kernel goes through here.
    pub(crate) fn at_every_level(mut f: impl FnMut(Level)) {
        let _guard = LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for level in Level::ALL.into_iter().filter(|l| can_run(*l)) {
            FORCED.store(level as u8, Ordering::SeqCst);
            f(level);
        }
        FORCED.store(u8::MAX, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::testing::at_every_level;
    use super::{Simd, level};

    #[inline(always)]
    unsafe fn inverses_body<S: Simd>(s: S, x: &[f32; 16], exact: &mut [f32; 16], rough: &mut [f32; 16]) {
        for i in (0..16).step_by(S::LANES) {
            // SAFETY: sixteen values are whole vectors at every level.
            unsafe {
                let x = s.load(x.as_ptr().add(i));
                s.store(exact.as_mut_ptr().add(i), s.recip(x));
                s.store(rough.as_mut_ptr().add(i), s.recip_rough(x));
            }
        }
    }
    simd_fn!(
        /// # Safety
        /// None.
        unsafe fn inverses(x: &[f32; 16], exact: &mut [f32; 16], rough: &mut [f32; 16]) = inverses_body
    );

    #[test]
    fn inverses_have_the_bits_they_promise() {
        at_every_level(|level| {
            let mut x: [f32; 16] = std::array::from_fn(|i| 1.0 + i as f32 / 17.0);
            x[12..].copy_from_slice(&[1e-37, -3e-20, 1.7e19, 8e37]);
            for step in 0..1000 {
                let x = x.map(|x| x * (1.0 + step as f32 / 16_000.0));
                let (mut exact, mut rough) = ([0.0; 16], [0.0; 16]);
                // SAFETY: no conditions.
                unsafe { inverses(&x, &mut exact, &mut rough) };
                let close = |found: f32, x: f32, bits: i32| {
                    (f64::from(found) * f64::from(x) - 1.0).abs() < 2f64.powi(-bits)
                };
                for i in 0..16 {
                    assert!(close(exact[i], x[i], 22), "{}: 1 / {} gave {}", level.name(), x[i], exact[i]);
                    assert!(close(rough[i], x[i], 11), "{}: 1 / {} gave {}", level.name(), x[i], rough[i]);
                }
            }
        });
    }

    #[test]
    fn kernels_run_at_the_levels_of_this_processor() {
        let mut levels = Vec::new();
        at_every_level(|forced| {
            assert_eq!(level(), forced);
            levels.push(forced.name());
        });
        // whoever imitates a processor says which levels it should have
        if let Ok(expected) = std::env::var("HEMA_TEST_LEVELS") {
            assert_eq!(levels.join(" "), expected);
        }
    }
}
