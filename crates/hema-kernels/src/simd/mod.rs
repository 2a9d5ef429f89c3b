//! The one place where the instruction set is chosen, and everything kernels are written in: vectors,
//! elements, activations.
//!
//! A kernel is written once, as a struct of its arguments that implements [`Kernel`], generic over [`Simd`];
//! [`dispatch`] asks [`level`] and jumps to the copy compiled with that level's target features. The values
//! of the type parameter are zero-sized tokens; only `dispatch` makes them, after the processor has been
//! asked, so holding one is the proof that its instructions exist.
//!
//! Left out on purpose: per-call overrides of the level.

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
