//! Tests at every instruction level.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::simd::Level;

static FORCED: AtomicU8 = AtomicU8::new(u8::MAX);
static LOCK: Mutex<()> = Mutex::new(());

pub(crate) fn forced() -> Option<Level> {
    Level::ALL.get(usize::from(FORCED.load(Ordering::SeqCst))).copied()
}

/// Whether this processor has the level's instructions, or a test can emulate those it lacks.
fn can_run(level: Level) -> bool {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    if level == Level::Amx && !level.is_supported() {
        return super::emulator::install();
    }
    level.is_supported()
}

/// Runs `f` at every level this processor has, one after the other. The level is global (worker threads must
/// see it), hence the lock: every test of a kernel goes through here.
pub(crate) fn at_every_level(mut f: impl FnMut(Level)) {
    let _guard = LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for level in Level::ALL.into_iter().filter(|l| can_run(*l)) {
        FORCED.store(level as u8, Ordering::SeqCst);
        f(level);
    }
    FORCED.store(u8::MAX, Ordering::SeqCst);
}
