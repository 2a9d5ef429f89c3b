//! Memory that pictures may take while they are decoded: one budget for all threads of the process. What a
//! picture needs is reserved by what its header announces, before any of it is taken.
//!
//! A thread waits only as long as another that holds a reservation is at work, so that threads never wait for
//! each other alone. Whoever holds one must not wait for work that is left to other threads.

use std::cell::Cell;
use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::machine;

/// Share of the machine's memory that pictures being decoded may take together, and images that are kept.
const SHARE_DECODING: u64 = 8;
const SHARE_KEPT: u64 = 4;
/// Fewest bytes that they may take by default, and most that are kept.
const LEAST: u64 = 256 << 20;
const MOST_KEPT: u64 = 4 << 30;
/// Bytes that pictures being decoded may take whatever was said: none could be read otherwise.
pub const LEAST_DECODING: u64 = 16 << 20;
/// Memory that is assumed of a machine that does not tell.
const USUAL_MACHINE: u64 = 16 << 30;
/// Pictures up to here are not counted: there are no more of them at a time than threads.
const UNCOUNTED: u64 = 1 << 20;
/// Bytes from which on the system is asked whether it has them.
const ASKED_FOR: u64 = 64 << 20;

/// The budget of this process.
static BUDGET: Budget = Budget::new();

/// Most bytes of decoded images that are kept; [`NOBODY_SAID`] if so.
static KEPT: AtomicU64 = AtomicU64::new(NOBODY_SAID);
const NOBODY_SAID: u64 = u64::MAX;

thread_local! {
    /// Counted reservations that this thread holds.
    static OWN: Cell<usize> = const { Cell::new(0) };
}

/// Sets the most memory, in bytes, that pictures may take while they are decoded, on all threads together (at
/// least [`LEAST_DECODING`]), and that [`LoadOptions`](super::LoadOptions) grant decoded images by default. A
/// picture that takes more cannot be read.
///
/// Without it, decoding may take an eighth of the memory of the machine (or of its control group), and
/// images a quarter of it, at most 4 GiB.
pub fn set_memory(bytes: u64) {
    BUDGET.total.store(bytes.max(LEAST_DECODING), Ordering::Relaxed);
    KEPT.store(bytes, Ordering::Relaxed);
}

/// Most bytes of decoded images that are kept in memory by default.
pub(super) fn most_kept() -> u64 {
    match KEPT.load(Ordering::Relaxed) {
        NOBODY_SAID => (machine() / SHARE_KEPT).clamp(LEAST, MOST_KEPT),
        given => given,
    }
}

/// Most bytes that pictures may take while they are decoded.
pub(super) fn most_decoding() -> u64 {
    BUDGET.total()
}

/// Bytes of memory that there is, or is assumed.
fn machine() -> u64 {
    machine::memory().unwrap_or(USUAL_MACHINE)
}

/// What may be taken, and what is.
struct Budget {
    /// Most bytes; 0 while nobody has said.
    total: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Bytes reserved.
    taken: u64,
    /// Reservations whose threads do not wait for more.
    at_work: usize,
}

impl Budget {
    const fn new() -> Self {
        Self {
            total: AtomicU64::new(0),
            state: Mutex::new(State { taken: 0, at_work: 0 }),
            changed: Condvar::new(),
        }
    }

    fn total(&self) -> u64 {
        match self.total.load(Ordering::Relaxed) {
            0 => (machine() / SHARE_DECODING).max(LEAST),
            given => given,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // the numbers are right whatever a thread did that panicked
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes more bytes, for a reservation that is counted already or from now on. Waits for other threads
    /// to give some back, as long as one of them is at work.
    fn take(&self, bytes: u64, is_counted: bool) {
        let total = self.total();
        let own = OWN.get();
        let mut state = self.lock();
        if state.taken.saturating_add(bytes) > total && own > 0 {
            state.at_work -= own;
            self.changed.notify_all();
            state = self.wait(state, bytes, total);
            state.at_work += own;
        } else {
            state = self.wait(state, bytes, total);
        }
        state.taken += bytes;
        if !is_counted {
            state.at_work += 1;
            OWN.set(own + 1);
        }
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State>, bytes: u64, total: u64) -> MutexGuard<'a, State> {
        let is_short = |state: &mut State| state.taken.saturating_add(bytes) > total && state.at_work > 0;
        self.changed.wait_while(state, is_short).unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, bytes: u64) {
        let mut state = self.lock();
        state.taken -= bytes;
        state.at_work -= 1;
        OWN.set(OWN.get() - 1);
        self.changed.notify_all();
    }
}

/// Memory reserved for one picture, given back when it is dropped, on the thread that took it.
pub(super) struct Reservation {
    budget: &'static Budget,
    bytes: u64,
    /// Stays on its thread.
    _thread: PhantomData<*const ()>,
}

impl Reservation {
    /// A reservation of nothing yet.
    pub(super) fn new() -> Self {
        Self::of(&BUDGET)
    }

    fn of(budget: &'static Budget) -> Self {
        Self { budget, bytes: 0, _thread: PhantomData }
    }

    /// Reserves more, for a picture that is `what` in words. Waits until there is room for it.
    ///
    /// # Errors
    /// More than the whole budget, more than the system has.
    pub(super) fn add(&mut self, bytes: u64, what: impl Display) -> Result<()> {
        let (before, total) = (self.counted(), self.budget.total());
        let wanted = self.bytes.saturating_add(bytes);
        if wanted > total {
            return Err(too_large(wanted, total, &what));
        }
        if wanted > UNCOUNTED {
            self.budget.take(wanted - before, before > 0);
        }
        self.bytes = wanted;
        if bytes >= ASKED_FOR && Vec::<u8>::new().try_reserve_exact(bytes as usize).is_err() {
            let message =
                format!("{what}, which takes {} MiB, more than the system has left", mebibytes(bytes));
            return Err(Error::new(message).with_kind(ErrorKind::Unreadable).for_want_of_memory());
        }
        Ok(())
    }

    /// Bytes by which it is counted.
    fn counted(&self) -> u64 {
        if self.bytes > UNCOUNTED { self.bytes } else { 0 }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.counted() > 0 {
            self.budget.give_back(self.bytes);
        }
    }
}

fn too_large(wanted: u64, total: u64, what: &dyn Display) -> Error {
    let (needed, allowed) = (mebibytes(wanted), total >> 20);
    let message = format!(
        "{what}, which takes {needed} MiB of memory to decode (at most {allowed} MiB are lent to images)"
    );
    let enough = wanted.div_ceil(1 << 30);
    Error::new(message)
        .with_kind(ErrorKind::Unreadable)
        .for_want_of_memory()
        .hint(format!("allow more, as with `--memory {enough}G`"))
}

fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn budget(mebibytes: u64) -> &'static Budget {
        let budget = Box::leak(Box::new(Budget::new()));
        budget.total.store(mebibytes * MIB, Ordering::Relaxed);
        budget
    }

    #[test]
    fn pictures_at_once_take_no_more_than_the_budget() {
        let budget = budget(100);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let mut own = Reservation::of(budget);
                        own.add(40 * MIB, "a picture").unwrap();
                        most.fetch_max(now.fetch_add(40, Ordering::SeqCst) + 40, Ordering::SeqCst);
                        thread::sleep(Duration::from_micros(100));
                        now.fetch_sub(40, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 100);
        let state = budget.lock();
        assert_eq!((state.taken, state.at_work), (0, 0));
    }

    #[test]
    fn threads_that_all_ask_for_more_never_wait_for_each_other_for_ever() {
        let budget = budget(100);
        let done = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let mut outer = Reservation::of(budget);
                        outer.add(30 * MIB, "a file").unwrap();
                        outer.add(60 * MIB, "its picture").unwrap();
                        let mut inner = Reservation::of(budget);
                        inner.add(90 * MIB, "another, by the same thread").unwrap();
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(done.into_inner(), 400);
        assert_eq!(budget.lock().taken, 0);
    }

    #[test]
    fn a_picture_beyond_the_whole_budget_is_refused_by_its_size() {
        let mut own = Reservation::of(budget(100));
        own.add(60 * MIB, "is a file of 60 MiB").unwrap();
        let error = own.add(41 * MIB, "is 9x9 pixels").unwrap_err();
        let said =
            "is 9x9 pixels, which takes 101 MiB of memory to decode (at most 100 MiB are lent to images)";
        assert_eq!((error.to_string(), error.kind()), (said.to_owned(), ErrorKind::Unreadable));
        assert_eq!(error.hint_text(), Some("allow more, as with `--memory 1G`"));
    }

    #[test]
    fn a_picture_that_the_system_has_no_memory_for_is_an_error() {
        let mut own = Reservation::of(budget(u64::MAX >> 20));
        let error = own.add(i64::MAX as u64 - MIB, "is huge").unwrap_err();
        assert!(error.to_string().ends_with("more than the system has left"), "{error}");
    }

    #[test]
    fn the_default_is_a_share_of_the_memory_there_is() {
        assert!(machine() >= 64 * MIB);
        assert!(Budget::new().total() >= LEAST);
    }
}
