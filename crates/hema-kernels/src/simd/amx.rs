//! Whether tiles may be used: the processor has them, of the size that is counted on, the system saves them,
//! and lets this process use them. Where one of these is missing, as under many a virtual machine, products
//! stay with vectors.

use std::arch::x86_64::{__cpuid_count, _xgetbv};
use std::sync::OnceLock;

/// Rows of a tile, and words of a row, that the kernels count on.
const SIDE: usize = 16;

/// Whether tiles may be used, on a processor with AVX-512. At the first call, the system is asked for its
/// permission.
pub(crate) fn is_permitted() -> bool {
    static PERMITTED: OnceLock<bool> = OnceLock::new();
    *PERMITTED.get_or_init(|| {
        // SAFETY: where AVX-512 may be used there is XGETBV.
        has_tiles() && unsafe { saves_tiles() } && request()
    })
}

/// Whether the processor multiplies pairs of `bf16` on eight tiles of 16 rows of 64 bytes.
fn has_tiles() -> bool {
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    let features = __cpuid_count(7, 0).edx;
    if features & AMX_BF16 == 0 || features & AMX_TILE == 0 {
        return false;
    }
    let palette = __cpuid_count(0x1D, 1);
    let [names, row_bytes, rows] = [palette.ebx >> 16, palette.ebx & 0xFFFF, palette.ecx & 0xFFFF];
    names >= 8 && row_bytes as usize == size_of::<[f32; SIDE]>() && rows as usize == SIDE
}

/// Whether the system keeps each thread's tiles, and their configuration, for it.
#[target_feature(enable = "xsave")]
fn saves_tiles() -> bool {
    const TILES: u64 = 0b11 << 17;
    // SAFETY: register 0 always exists.
    unsafe { _xgetbv(0) & TILES == TILES }
}

/// Asks Linux to make room for tiles in the state of this process's threads; it refuses where a signal
/// handler's stack is too small for that state.
#[cfg(target_os = "linux")]
fn request() -> bool {
    const ARCH_PRCTL: usize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const XFEATURE_XTILEDATA: usize = 18;
    let status: isize;
    // SAFETY: the call touches no memory of ours; the kernel overwrites rcx and r11.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => status,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    status == 0
}

/// How other systems give permission was not tried.
#[cfg(not(target_os = "linux"))]
fn request() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::{has_tiles, is_permitted, request};

    /// Asked for what the processor lacks, the system says no, and that is all that happens.
    #[test]
    fn tiles_that_are_not_there_are_refused() {
        if !has_tiles() {
            assert!(!request());
            assert!(!is_permitted());
        }
    }
}
