//! Work without the interpreter's lock, on threads of this process, that Ctrl-C ends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hema::{Result, Threads};
use pyo3::prelude::*;

use crate::failure::raised;

/// How long Ctrl-C may have to wait.
const PATIENCE: Duration = Duration::from_millis(50);

/// Threads by process and number. A process that was forked has none of its parent's threads, and would wait
/// for ever for them: it gets its own.
static THREADS: LazyLock<Mutex<HashMap<(u32, usize), Threads>>> = LazyLock::new(Mutex::default);

/// So many threads of this process, which other work of as many shares.
fn threads_of_process(count: usize) -> Result<Threads> {
    let mut all = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (std::process::id(), count);
    if let Some(threads) = all.get(&key) {
        return Ok(threads.clone());
    }
    let threads = Threads::new(count)?;
    all.insert(key, threads.clone());
    Ok(threads)
}

/// As many threads as work that asks for none gets: what `RAYON_NUM_THREADS` says, or one for each core.
fn usual_threads() -> usize {
    let said = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok());
    let said = said.filter(|count: &usize| *count > 0);
    said.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
}

/// Does a piece of work on so many threads while other threads of Python go on. Ctrl-C raises the flag that
/// the work is given, and then the exception of Python's handler.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    work: impl FnOnce(&AtomicBool) -> Result<T> + Send,
) -> PyResult<T> {
    let (stop, finished) = (AtomicBool::new(false), Finished::default());
    let count = threads.unwrap_or_else(usual_threads);
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            // however the work ends
            let _finishing = Finishing(&finished);
            threads_of_process(count)?.run(|| work(&stop))
        });
        let mut interrupt = None;
        while !py.detach(|| finished.within(PATIENCE)) {
            if interrupt.is_none()
                && let Err(exception) = py.check_signals()
            {
                stop.store(true, Ordering::Relaxed);
                interrupt = Some(exception);
            }
        }
        let result = py.detach(|| worker.join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match interrupt {
            Some(exception) => Err(exception),
            None => result.map_err(|error| raised(py, &error)),
        }
    })
}

/// Whether a piece of work has ended.
#[derive(Default)]
struct Finished {
    has: Mutex<bool>,
    changed: Condvar,
}

impl Finished {
    /// Whether it has by the end of this time.
    fn within(&self, time: Duration) -> bool {
        let has = self.has.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(has, time, |has| !*has);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Tells that a piece of work has ended when it is dropped.
struct Finishing<'a>(&'a Finished);

impl Drop for Finishing<'_> {
    fn drop(&mut self) {
        *self.0.has.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}
