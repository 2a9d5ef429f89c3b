//! Threads of its own for a piece of work, in place of one for each core of the processor.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use hema_core::error::{Error, Result};
use rayon::{ThreadPool, ThreadPoolBuilder, Yield};

/// How long a thread that waits, and finds nothing to help with, sleeps before it looks again.
const NAP: Duration = Duration::from_micros(50);

thread_local! {
    /// The threads that the work of this thread runs on, where they are its own.
    static OWN: RefCell<Option<Threads>> = const { RefCell::new(None) };
}

/// A number of threads for the work of some calls, as of one model among several in a process.
///
/// ```
/// let threads = hema::Threads::new(1)?;
/// let classes = threads.run(|| hema::Classifier::open("builtin").map(|model| model.classes().len()))?;
/// assert_eq!(classes, 8);
/// # Ok::<(), hema::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Threads(Arc<ThreadPool>);

impl Threads {
    /// So many threads, at least one.
    ///
    /// # Errors
    /// No thread, or more than the operating system gives.
    pub fn new(count: usize) -> Result<Self> {
        if count == 0 {
            return Err(Error::new("0 threads (expected at least 1)"));
        }
        let pool = ThreadPoolBuilder::new().num_threads(count).thread_name(|i| format!("hema-{i}")).build();
        pool.map(|pool| Self(Arc::new(pool))).map_err(|e| Error::new(format!("{count} threads: {e}")))
    }

    /// Does a piece of work on these threads, and waits for it.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.0.install(|| {
            let before = OWN.replace(Some(self.clone()));
            let result = work();
            OWN.set(before);
            result
        })
    }

    /// The threads that this thread's work runs on, where they are its own.
    pub(crate) fn own() -> Option<Self> {
        OWN.with_borrow(Clone::clone)
    }
}

/// Does a piece of work on these threads, or where there are none on all of the processor.
pub(crate) fn run_on<T: Send>(threads: Option<&Threads>, work: impl FnOnce() -> T + Send) -> T {
    match threads {
        Some(threads) => threads.run(work),
        None => work(),
    }
}

/// The next value of a channel; `None` where none comes any more. A thread of a pool, which the sender may
/// need, helps with its work meanwhile.
pub(crate) fn receive<T>(receiver: &Receiver<T>) -> Option<T> {
    loop {
        match receiver.try_recv() {
            Ok(value) => return Some(value),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => match rayon::yield_now() {
                None => return receiver.recv().ok(),
                Some(Yield::Executed) => {}
                Some(Yield::Idle) => std::thread::sleep(NAP),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use rayon::prelude::*;

    use super::*;

    #[test]
    fn work_has_as_many_threads_as_it_was_given() {
        for count in [1, 3] {
            let threads = Threads::new(count).unwrap();
            assert_eq!(threads.run(rayon::current_num_threads), count);
            assert!(Threads::own().is_none());
        }
        assert_eq!(Threads::new(0).unwrap_err().message(), "0 threads (expected at least 1)");
    }

    #[test]
    fn a_single_thread_waits_for_what_it_has_to_do_itself() {
        let threads = Threads::new(1).unwrap();
        let sum = threads.run(|| {
            let own = Threads::own();
            std::thread::scope(|scope| {
                let (sender, receiver) = mpsc::sync_channel(1);
                scope.spawn(move || {
                    for i in 0..20_u64 {
                        let squares =
                            run_on(own.as_ref(), || (0..i).into_par_iter().map(|j| j * j).sum::<u64>());
                        sender.send(squares).unwrap();
                    }
                });
                let mut sum = 0;
                while let Some(squares) = receive(&receiver) {
                    sum += squares;
                }
                sum
            })
        });
        assert_eq!(sum, (0..20_u64).flat_map(|i| (0..i).map(|j| j * j)).sum::<u64>());
    }
}
