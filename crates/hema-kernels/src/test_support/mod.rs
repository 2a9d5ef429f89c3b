//! References, levels and an emulator that tests share.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) mod emulator;
pub(crate) mod levels;
pub(crate) mod panics;
pub(crate) mod reference;
