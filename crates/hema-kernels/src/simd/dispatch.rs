//! A kernel, written once, compiled for each instruction set and run for the one in use.

/// `simd_fn!(/// doc  unsafe fn entry<E>(a: T, ...) = body)`: defines `entry`, which runs the copy of `body::<S>(token, a, ...)`
/// compiled for [`level`]. `E`, where there is one, is an [`Element`](crate::simd::Element). `body` must be
/// `#[inline(always)]`, or it would not inherit the target features.
macro_rules! simd_fn {
    ($(#[$doc:meta])* unsafe fn $entry:ident $(<$e:ident>)? ($($arg:ident: $ty:ty),* $(,)?) = $body:path) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)] // raw kernels take their whole problem flat
        pub(crate) unsafe fn $entry $(<$e: $crate::simd::Element>)? ($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx512_bf16 $(<$e: $crate::simd::Element>)? ($($arg: $ty),*) {
                // SAFETY: this function's own target features; the body's conditions are the caller's.
                unsafe { $body($crate::simd::Avx512::<true>::new(), $($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx512 $(<$e: $crate::simd::Element>)? ($($arg: $ty),*) {
                // SAFETY: as above.
                unsafe { $body($crate::simd::Avx512::<false>::new(), $($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx2 $(<$e: $crate::simd::Element>)? ($($arg: $ty),*) {
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

#[cfg(test)]
mod tests {
    use super::super::{Simd, level};
    use crate::test_support::levels::at_every_level;

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
