//! Instruction sets: which there are, and which is in use.

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use super::amx;
#[cfg(test)]
use crate::test_support;

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
    /// AVX-512 with the dot product of `bf16` pairs, and products of `bf16` matrices on tiles (Intel's AMX).
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

    /// Whether `bf16` products are instructions of their own; where they are emulated, `bf16` maps save
    /// memory but no time.
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
                // the compiler takes the last for granted where there is AVX-512
                Level::Avx2.is_supported()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Bf16 => Level::Avx512.is_supported() && is_x86_feature_detected!("avx512bf16"),
            #[cfg(target_arch = "x86_64")]
            Level::Amx => Level::Avx512Bf16.is_supported() && amx::is_permitted(),
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
    if let Some(level) = test_support::levels::forced() {
        return level;
    }
    *LEVEL.get_or_init(|| {
        let wanted = std::env::var("HEMA_CPU").unwrap_or_default();
        let supported = || Level::ALL.into_iter().filter(|l| l.is_supported());
        supported().find(|l| l.name() == wanted).or_else(|| supported().next_back()).unwrap_or(Level::Scalar)
    })
}

/// Values in a vector of the level in use.
pub(crate) fn lanes() -> usize {
    match level() {
        Level::Scalar | Level::Neon | Level::NeonBf16 => 4,
        Level::Avx2 => 8,
        Level::Avx512 | Level::Avx512Bf16 | Level::Amx => 16,
    }
}
