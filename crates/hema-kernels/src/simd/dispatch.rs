//! A kernel, written once, compiled for each instruction set and run for the one in use.
//!
//! A kernel is a struct of its arguments, whose conditions stand once, at the struct. [`dispatch`] asks
//! [`level`] and jumps to the copy of [`Kernel::run`] that was compiled with the level's target features.

#[cfg(target_arch = "aarch64")]
use super::Neon;
#[cfg(target_arch = "x86_64")]
use super::{Avx2, Avx512};
use super::{Level, Scalar, Simd, level};

/// An operation that is compiled for each instruction set: a struct of its arguments.
pub(crate) trait Kernel {
    /// The result.
    type Out;

    /// Runs the kernel.
    ///
    /// Implementations must be `#[inline(always)]`, and so must every function that they call with vectors:
    /// merged into [`dispatch`]'s functions they are compiled with the target features, alone they would not
    /// be.
    ///
    /// # Safety
    /// The conditions stated at the kernel's struct hold.
    unsafe fn run<S: Simd>(self, s: S) -> Self::Out;
}

/// Runs the copy of a kernel that was compiled for the level in use.
///
/// # Safety
/// The conditions stated at the kernel's struct hold.
pub(crate) unsafe fn dispatch<K: Kernel>(kernel: K) -> K::Out {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma")]
    unsafe fn avx512_bf16<K: Kernel>(kernel: K) -> K::Out {
        // SAFETY: this function's own target features; the kernel's conditions are the caller's.
        unsafe { kernel.run(Avx512::<true>::new()) }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    unsafe fn avx512<K: Kernel>(kernel: K) -> K::Out {
        // SAFETY: as above.
        unsafe { kernel.run(Avx512::<false>::new()) }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2<K: Kernel>(kernel: K) -> K::Out {
        // SAFETY: as above.
        unsafe { kernel.run(Avx2::new()) }
    }
    // SAFETY: `level` returns only levels the processor has; the kernel's conditions are the caller's.
    unsafe {
        match level() {
            #[cfg(target_arch = "aarch64")]
            Level::NeonBf16 => kernel.run(Neon::<true>::new()),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => kernel.run(Neon::<false>::new()),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Bf16 | Level::Amx => avx512_bf16(kernel),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512(kernel),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2(kernel),
            _ => kernel.run(Scalar),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kernel, Simd, dispatch, level};
    use crate::test_support::levels::at_every_level;

    /// # Safety
    /// None.
    struct Inverses<'a> {
        x: &'a [f32; 16],
        exact: &'a mut [f32; 16],
        rough: &'a mut [f32; 16],
    }

    impl Kernel for Inverses<'_> {
        type Out = ();

        #[inline(always)]
        unsafe fn run<S: Simd>(self, s: S) {
            let Self { x, exact, rough } = self;
            for i in (0..16).step_by(S::LANES) {
                // SAFETY: sixteen values are whole vectors at every level.
                unsafe {
                    let x = s.load(x.as_ptr().add(i));
                    s.store(exact.as_mut_ptr().add(i), s.recip(x));
                    s.store(rough.as_mut_ptr().add(i), s.recip_rough(x));
                }
            }
        }
    }

    #[test]
    fn inverses_have_the_bits_they_promise() {
        at_every_level(|level| {
            let mut x: [f32; 16] = std::array::from_fn(|i| 1.0 + i as f32 / 17.0);
            x[12..].copy_from_slice(&[1e-37, -3e-20, 1.7e19, 8e37]);
            for step in 0..1000 {
                let x = x.map(|x| x * (1.0 + step as f32 / 16_000.0));
                let (mut exact, mut rough) = ([0.0; 16], [0.0; 16]);
                // SAFETY: no conditions.
                unsafe { dispatch(Inverses { x: &x, exact: &mut exact, rough: &mut rough }) };
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
