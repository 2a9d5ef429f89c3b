//! Parallel loops: tasks shared out among the threads of rayon's pool, which stay awake from one loop of a
//! step to the next.
//!
//! A step is some hundred loops of 20 to 500 microseconds. Between two of them rayon lets a thread without
//! work fall asleep, and to be woken takes it as long as a short loop. In a [`step`] the other threads
//! therefore run one job, a loop that spins for the next one; only a thread that has waited for [`PATIENCE`]
//! leaves it, for whatever else the pool has to do, and is called back with the next loop. Outside of a step
//! a loop is rayon's.
//!
//! To hand a step over to the pool and to be woken by its end costs as much as ten loops, a twentieth of the
//! prediction of one image. [`step_here`] therefore stays on a thread that is not of the pool, and its
//! helpers wait for the next step. Only one such thread leads at a time; the steps of others are handed over.
//!
//! Each thread begins with its own share of the tasks, the same in every loop, so it finds in its cache the
//! values that it has written in the loop before; then it helps with the others'. Left out on purpose: loops
//! within a task, whose tasks run one after the other.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use std::{hint, thread};

use rayon::prelude::*;

use super::SharedMut;

/// The most threads that work on a loop: few loops have more tasks, and threads that find none take power
/// from those that do.
const MAX_THREADS: usize = 32;
/// How long a thread waits for the next loop before it leaves.
const PATIENCE: Duration = Duration::from_millis(1);
/// Looks at the gate between two spins at the clock, each of some ten nanoseconds.
const SPINS_PER_CLOCK_CHECK: u32 = 512;

/// Bits of [`Team::gate`]: a loop runs; the step is over; the threads that help with the loop; the loops so
/// far.
const OPEN: usize = 1;
const OVER: usize = 2;
const HELPER: usize = 4;
const LOOP: usize = 1 << (usize::BITS / 2);

/// A parallel loop: called once by every thread that takes part, with the thread's number.
type ParallelLoop<'a> = *const (dyn Fn(usize) + Sync + 'a);

/// The team of the thread outside of the pool that leads.
static OUTSIDE_TEAM: LazyLock<Arc<Team>> = LazyLock::new(|| Arc::new(Team::of_pool()));
/// Whether there is such a thread.
static OUTSIDE_TEAM_TAKEN: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The team of the step that this thread runs.
    static LEADER_TEAM: RefCell<Option<Arc<Team>>> = const { RefCell::new(None) };
    /// Whether this thread runs a task of a loop.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
}

/// Threads that work on the loops of one step.
struct Team {
    gate: AtomicUsize,
    /// The loop that runs; written only while the gate is closed and no helper inside.
    pass: UnsafeCell<Option<ParallelLoop<'static>>>,
    shares: Shares,
    /// Threads other than the leader that look for loops, or have been called.
    helpers: AtomicUsize,
    panicked: AtomicBool,
}

/// The tasks of a loop, shared out among threads: the next task of each thread's share.
struct Shares(Vec<Apart<AtomicUsize>>);

/// A value in a cache line, and its neighbour, of its own.
#[repr(align(128))]
struct Apart<T>(T);

// SAFETY: all is atomic but `pass`, which the leader writes while no helper is inside the gate, and helpers
// read inside; the loop that it points to may be called from any thread, and outlives the helpers' stay.
unsafe impl Send for Team {}
// SAFETY: as above.
unsafe impl Sync for Team {}

/// Runs a training step or a prediction on the pool, with all its threads at hand for the parallel loops in
/// it.
pub fn step<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    if within_another() {
        return f();
    }
    rayon::scope(|_| {
        // a thread of the pool may have taken this up while it waited for something else
        if within_another() {
            return f();
        }
        let _leading = Leading::new(Arc::new(Team::of_pool()), false);
        f()
    })
}

/// Runs a short step on this thread, while the pool has nothing else to do: if it has, one thread more than
/// it has computes.
pub fn step_here<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    if rayon::current_thread_index().is_some()
        || within_another()
        || OUTSIDE_TEAM_TAKEN.swap(true, Ordering::Acquire)
    {
        return step(f);
    }
    let _leading = Leading::new(Arc::clone(&OUTSIDE_TEAM), true);
    f()
}

fn within_another() -> bool {
    LEADER_TEAM.with_borrow(Option::is_some) || IN_TASK.get()
}

/// Runs `f` for each item, in parallel.
pub(crate) fn for_each<T: Send>(items: impl IntoIterator<Item = T>, f: impl Fn(T) + Sync + Send) {
    map_with(items, || (), |(), item| f(item));
}

/// Runs `f(i, chunk i of y)` in parallel; the chunks depend on `size` alone.
pub(crate) fn par_chunks<E: Send>(y: &mut [E], size: usize, f: impl Fn(usize, &mut [E]) + Sync + Send) {
    for_each(y.chunks_mut(size).enumerate(), |(i, y)| f(i, y));
}

/// Calls `f` for each item, in parallel, and returns the results in the items' order.
pub(crate) fn map<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    f: impl Fn(T) -> R + Sync + Send,
) -> Vec<R> {
    map_with(items, || (), |(), item| f(item))
}

/// Calls `f` for each item, in parallel, with a value that each thread makes once and all its items share.
pub(crate) fn map_with<S, T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    init: impl Fn() -> S + Sync + Send,
    f: impl Fn(&mut S, T) -> R + Sync + Send,
) -> Vec<R> {
    let mut items: Vec<T> = items.into_iter().collect();
    if items.len() < 2 || IN_TASK.get() {
        let mut own = init();
        return items.into_iter().map(|item| f(&mut own, item)).collect();
    }
    let count = items.len();
    let mut results = Vec::<R>::with_capacity(count);
    let (from, to) = (SharedMut::new(items.as_mut_ptr()), SharedMut::new(results.as_mut_ptr()));
    // SAFETY: fewer than there are. Items are given away one by one; should a task panic, those that are left
    // are forgotten.
    unsafe { items.set_len(0) };
    run(count, &|thread, shares| {
        let mut own = init();
        shares.each_task(thread, count, |i| {
            // SAFETY: both are of `count` elements, and nobody else gets this `i`.
            unsafe {
                let item = from.get().add(i).read();
                to.get().add(i).write(f(&mut own, item));
            }
        });
    });
    // SAFETY: every task has written its result.
    unsafe { results.set_len(count) };
    results
}

/// Runs a loop of `count` tasks on the team of this thread's step, or else on rayon's pool. One function for
/// all loops: rayon's own are compiled anew for each.
fn run(count: usize, pass: &(dyn Fn(usize, &Shares) + Sync)) {
    if let Some(team) = LEADER_TEAM.with_borrow(Clone::clone) {
        team.shares.deal(count);
        team.run(&|thread| pass(thread, &team.shares));
    } else {
        let shares = Shares::among(rayon::current_num_threads().min(count));
        shares.deal(count);
        (0..shares.0.len()).into_par_iter().with_max_len(1).for_each(|thread| pass(thread, &shares));
    }
}

impl Shares {
    /// Shares for so many threads, without tasks.
    fn among(threads: usize) -> Self {
        Self((0..threads).map(|_| Apart(AtomicUsize::new(0))).collect())
    }

    /// Shares out `count` tasks, before any thread asks for one.
    fn deal(&self, count: usize) {
        for (share, next) in self.0.iter().enumerate() {
            next.0.store(self.start(share, count), Ordering::Relaxed);
        }
    }

    /// The first of `count` tasks that is in a share, and the end of the share before.
    fn start(&self, share: usize, count: usize) -> usize {
        share * count / self.0.len()
    }

    /// Calls `task` for each of the `count` tasks that no other thread takes first, beginning with the
    /// thread's own share.
    fn each_task(&self, thread: usize, count: usize, mut task: impl FnMut(usize)) {
        let threads = self.0.len();
        let first = thread % threads;
        for share in (first..threads).chain(0..first) {
            let end = self.start(share + 1, count);
            loop {
                let i = self.0[share].0.fetch_add(1, Ordering::Relaxed);
                if i >= end {
                    break;
                }
                task(i);
            }
        }
    }
}

impl Team {
    /// A team of as many threads as this thread's pool has.
    fn of_pool() -> Self {
        Self {
            gate: AtomicUsize::new(0),
            pass: UnsafeCell::new(None),
            shares: Shares::among(rayon::current_num_threads().min(MAX_THREADS)),
            helpers: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
        }
    }

    /// Runs a loop on this thread, the leader's, and all helpers that come.
    fn run(self: &Arc<Self>, pass: &(dyn Fn(usize) + Sync)) {
        self.call_helpers();
        self.panicked.store(false, Ordering::Relaxed);
        #[expect(clippy::transmute_ptr_to_ptr, reason = "a cast may not lengthen a lifetime")]
        // SAFETY: only the lifetime changes: helpers call it inside the gate alone, and this waits until they
        // have left.
        let for_helpers = unsafe { std::mem::transmute::<ParallelLoop<'_>, ParallelLoop<'static>>(pass) };
        // SAFETY: the gate is closed and nobody inside.
        unsafe { *self.pass.get() = Some(for_helpers) };
        self.gate.fetch_add(LOOP + OPEN, Ordering::Release);
        let closing = ClosingGate(self);
        in_task(|| pass(0));
        drop(closing);
        assert!(!self.panicked.load(Ordering::Relaxed), "a task of a parallel loop panicked");
    }

    /// Asks the pool for as many helpers as are missing.
    fn call_helpers(self: &Arc<Self>) {
        while self.helpers.load(Ordering::Relaxed) + 1 < self.shares.0.len() {
            let number = self.helpers.fetch_add(1, Ordering::Relaxed) + 1;
            let team = Arc::clone(self);
            rayon::spawn(move || {
                // the leader meets its own call when it waits for something else of rayon's
                if LEADER_TEAM.with_borrow(Option::is_none) && !IN_TASK.get() {
                    team.help(number);
                }
                team.helpers.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }

    /// Helps with loops until the step is over or none has come for long.
    fn help(&self, thread: usize) {
        let (mut last, mut spins, mut since) = (0, 0_u32, Instant::now());
        loop {
            let gate = self.gate.load(Ordering::Relaxed);
            if gate & OVER != 0 {
                return;
            }
            let inside = gate + HELPER;
            if gate & OPEN != 0
                && gate / LOOP != last
                && self.gate.compare_exchange(gate, inside, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                // SAFETY: inside the gate nobody writes it, and the loop that it points to is alive.
                if let Some(pass) = unsafe { (*self.pass.get()).map(|pass| &*pass) }
                    && catch_unwind(AssertUnwindSafe(|| in_task(|| pass(thread)))).is_err()
                {
                    self.panicked.store(true, Ordering::Relaxed);
                }
                self.gate.fetch_sub(HELPER, Ordering::Release);
                (last, spins, since) = (gate / LOOP, 0, Instant::now());
                continue;
            }
            spins += 1;
            if spins.is_multiple_of(SPINS_PER_CLOCK_CHECK) {
                if since.elapsed() > PATIENCE {
                    return;
                }
                thread::yield_now();
            }
            hint::spin_loop();
        }
    }
}

/// Ends a loop, also one that panics: no helper enters any more, and all have left.
struct ClosingGate<'a>(&'a Team);

impl Drop for ClosingGate<'_> {
    fn drop(&mut self) {
        self.0.gate.fetch_and(!OPEN, Ordering::Relaxed);
        let mut spins = 0_u32;
        while self.0.gate.load(Ordering::Acquire) % LOOP / HELPER != 0 {
            spins += 1;
            if spins.is_multiple_of(SPINS_PER_CLOCK_CHECK) {
                thread::yield_now();
            }
            hint::spin_loop();
        }
    }
}

/// While it lives, loops of this thread are the team's.
struct Leading {
    team: Arc<Team>,
    outside: bool,
}

impl Leading {
    fn new(team: Arc<Team>, outside: bool) -> Self {
        LEADER_TEAM.set(Some(Arc::clone(&team)));
        Self { team, outside }
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        LEADER_TEAM.set(None);
        if self.outside {
            OUTSIDE_TEAM_TAKEN.store(false, Ordering::Release);
        } else {
            self.team.gate.fetch_or(OVER, Ordering::Relaxed);
        }
    }
}

/// Runs `f` as a task, whose own loops are not parallel.
fn in_task(f: impl FnOnce()) {
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            IN_TASK.set(false);
        }
    }
    let _done = Done;
    IN_TASK.set(true);
    f();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_threads<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| step(f))
    }

    #[test]
    fn every_item_is_seen_once_and_results_keep_their_order() {
        for threads in [1, 2, 3, 8] {
            on_threads(threads, || {
                for count in (0..40).chain([1000]) {
                    let mut seen = vec![0; count];
                    let made = map(seen.iter_mut().enumerate(), |(i, seen)| {
                        *seen += 1;
                        i.to_string()
                    });
                    assert_eq!(seen, vec![1; count]);
                    assert!(made.iter().enumerate().all(|(i, made)| *made == i.to_string()));
                }
            });
        }
    }

    #[test]
    fn other_threads_take_part() {
        on_threads(3, || {
            // each task waits for the other two, so three threads have one each
            let arrived = AtomicUsize::new(0);
            let threads = map(0..3, |_| {
                arrived.fetch_add(1, Ordering::Relaxed);
                while arrived.load(Ordering::Relaxed) < 3 {
                    thread::yield_now();
                }
                rayon::current_thread_index()
            });
            let mut threads = threads;
            threads.sort_unstable();
            assert_eq!(threads, [Some(0), Some(1), Some(2)]);
        });
    }

    #[test]
    fn helpers_that_left_come_back() {
        on_threads(2, || {
            for _ in 0..3 {
                thread::sleep(20 * PATIENCE);
                let together = AtomicUsize::new(0);
                for_each(0..2, |_| {
                    together.fetch_add(1, Ordering::Relaxed);
                    while together.load(Ordering::Relaxed) < 2 {
                        thread::yield_now();
                    }
                });
            }
        });
    }

    #[test]
    fn the_pool_does_other_work_during_a_step() {
        on_threads(2, || {
            let sums: Vec<usize> =
                (0..64_usize).into_par_iter().map(|i| map(0..i, |j| j).into_iter().sum()).collect();
            assert_eq!(sums[63], 63 * 62 / 2);
            assert_eq!(step(|| map(0..3, |i| i)), [0, 1, 2]);
            let nested = map(0..8, |i| map(0..i, |j| i * j));
            assert_eq!(nested[3], [0, 3, 6]);
        });
        assert_eq!(map(0..3, |i| i), [0, 1, 2]);
    }

    #[test]
    fn threads_outside_of_the_pool_lead_one_at_a_time() {
        let here = || step_here(|| rayon::current_thread_index().is_none());
        let steps = || {
            for count in 0..200 {
                assert_eq!(
                    step_here(|| map(0..count, |i| 2 * i)),
                    (0..count).map(|i| 2 * i).collect::<Vec<_>>()
                );
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(steps);
            }
        });
        // another test may be at it
        let led_soon = || {
            (0..10_000).any(|_| {
                thread::sleep(PATIENCE);
                here()
            })
        };
        assert!(led_soon());
        let panics = || step_here(|| for_each(0..10, |i| assert!(i != 3, "found {i}")));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert!(led_soon());
    }

    #[test]
    fn a_panic_reaches_the_step_and_the_next_pass_works() {
        on_threads(2, || {
            for bad in 0..10 {
                let pass = || for_each(0..10, |i| assert!(i != bad, "found {i}"));
                assert!(catch_unwind(AssertUnwindSafe(pass)).is_err());
                assert_eq!(map(0..3, |i| i), [0, 1, 2]);
            }
        });
    }

    #[test]
    fn a_loop_that_panics_ends_with_all_its_tasks_ended() {
        for threads in [2, 4] {
            on_threads(threads, || {
                for bad in 0..4 {
                    let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
                    let pass = || {
                        for_each(0..64, |i| {
                            assert!(i % 4 != bad, "found {i}");
                            begun.fetch_add(1, Ordering::Relaxed);
                            thread::sleep(PATIENCE / 4);
                            ended.fetch_add(1, Ordering::Relaxed);
                        });
                    };
                    assert!(catch_unwind(AssertUnwindSafe(pass)).is_err());
                    // what the tasks borrow may go now
                    let ended = ended.into_inner();
                    thread::sleep(PATIENCE);
                    assert_eq!(begun.into_inner(), ended);
                }
            });
        }
    }

    #[test]
    fn something_is_made_by_each_thread_at_most_once_in_a_pass() {
        on_threads(4, || {
            let made = AtomicUsize::new(0);
            let counts = map_with(
                0..100,
                || {
                    made.fetch_add(1, Ordering::Relaxed);
                    0
                },
                |count, _| {
                    *count += 1;
                    *count
                },
            );
            let made = made.into_inner();
            assert!(made <= 4, "{made}");
            // a thread that comes late has made something and finds no task left
            let used = counts.iter().filter(|count| **count == 1).count();
            assert!((1..=made).contains(&used), "{used} of {made}");
        });
    }
}
