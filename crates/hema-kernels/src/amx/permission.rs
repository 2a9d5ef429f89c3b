//! Whether tiles may be used: the processor has them, the system saves them, and lets this process use them.

use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, _xgetbv};
use std::sync::OnceLock;

/// Whether tiles may be used, on a processor with AVX-512. At the first call, the system is asked for its permission.
pub(crate) fn is_permitted() -> bool {
    static PERMITTED: OnceLock<bool> = OnceLock::new();
    *PERMITTED.get_or_init(|| {
        const AMX_BF16: u32 = 1 << 22;
        const AMX_TILE: u32 = 1 << 24;
        let features = __cpuid_count(7, 0).edx;
        // SAFETY: where AVX-512 may be used there is XGETBV.
        features & AMX_BF16 != 0 && features & AMX_TILE != 0 && unsafe { saves_tiles() } && request()
    })
}

/// Whether the system keeps each thread's tiles, and their configuration, for it.
#[target_feature(enable = "xsave")]
fn saves_tiles() -> bool {
    const TILES: u64 = 0b11 << 17;
    // SAFETY: register 0 always exists.
    unsafe { _xgetbv(0) & TILES == TILES }
}

/// Asks Linux to make room for tiles in the state of this process's threads; it refuses where a signal handler's stack is too small
/// for that state.
#[cfg(target_os = "linux")]
fn request() -> bool {
    const ARCH_PRCTL: usize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const XFEATURE_XTILEDATA: usize = 18;
    let status: isize;
    // SAFETY: the call touches no memory of ours; the kernel overwrites rcx and r11.
    unsafe {
        asm!(
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
