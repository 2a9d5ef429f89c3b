//! The one place where the instruction set is chosen, and the small vector interface the kernels are written against.
//!
//! A kernel is written once, as an `#[inline(always)]` function generic over [`Simd`], and [`Kernel, dispatch!`] makes the entry point
//! that the rest of the crate calls: it asks [`level`] once and jumps to the copy compiled with that level's target features.
//! The values of the type parameter are zero-sized tokens; only the entry points make them, after the processor has been asked,
//! so holding one is the proof that its instructions exist.
//!
//! Left out on purpose: `f64`, integers and shuffles (no kernel needs them), and per-call overrides of the level.

pub(crate) mod act;
#[cfg(target_arch = "x86_64")]
mod amx;
mod convert;
mod dispatch;
mod element;
mod level;
mod math;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use act::Act;
pub(crate) use act::{Activation, with_activation};
pub use convert::narrow;
pub(crate) use dispatch::{Kernel, dispatch};
pub use element::{Element, bf16};
pub(crate) use level::lanes;
pub use level::{Level, level};
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use scalar::Scalar;
pub(crate) use vector::{MAX_LANES, Simd, for_vectors, lanes_sum};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};
