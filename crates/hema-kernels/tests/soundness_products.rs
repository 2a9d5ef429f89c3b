//! Safe code that tries to lead activations, passes of optimizers, conversions, the store of buffers and the
//! pool beyond what they were given: wrong lengths are refused by a message that names the buffer, and what
//! was refused leaves everything usable.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::process::Command;
use std::thread;

use hema_kernels::{
    Act, AdamW, Element, Level, Lion, Workspace, bf16, dot, lerp, level, narrow, step, step_here,
    sum_of_squares,
};

const ACTS: [Act; 7] =
    [Act::Identity, Act::Relu, Act::Silu, Act::Sigmoid, Act::Relu6, Act::HardSwish, Act::Gelu];

/// Lengths around those of vectors and of tasks.
const LENGTHS: [usize; 8] = [0, 1, 3, 15, 16, 33, (1 << 13) + 1, (1 << 15) + 7];

/// Runs `f`, which must panic with a message that contains `expected`.
#[track_caller]
fn refused(expected: &str, f: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err(expected);
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let found = text.or_else(|| payload.downcast_ref::<&str>().copied()).expect("text");
    assert!(found.contains(expected), "found {found:?}, expected {expected:?}");
}

/// Lengths other than `n`.
fn others(n: usize) -> impl Iterator<Item = usize> {
    [0, n.saturating_sub(1), n + 1, n / 2, 2 * n + 16].into_iter().filter(move |other| *other != n)
}

#[test]
fn activations_refuse_buffers_of_other_lengths() {
    fn check<E: Element>(act: Act) {
        let one = |n: usize| vec![E::from_f32(1.0); n];
        for n in LENGTHS {
            for other in others(n) {
                let found = |name: &str| format!("length of `{name}`: found {other}, expected {n}");
                refused(&found("y"), || act.forward(&one(n), &mut one(other)));
                refused(&found("dy"), || act.backward(&one(n), &one(other), &mut one(n)));
                refused(&found("dx"), || act.backward(&one(n), &one(n), &mut one(other)));
            }
            let mut y = one(n);
            act.forward(&one(n), &mut y);
            act.backward(&y, &one(n), &mut one(n));
            assert!(y.iter().all(|y| y.to_f32() > 0.5), "{act:?}");
        }
    }
    for act in ACTS {
        check::<f32>(act);
        check::<bf16>(act);
    }
}

#[test]
fn conversions_refuse_buffers_of_other_lengths() {
    fn check<E: Element>() {
        for n in LENGTHS {
            for other in others(n) {
                refused(&format!("length of `y`: found {other}, expected {n}"), || {
                    narrow(&vec![1.0; n], &mut vec![E::default(); other]);
                });
            }
            let mut y = vec![E::default(); n];
            narrow(&vec![1.0; n], &mut y);
            assert_eq!(y, vec![E::from_f32(1.0); n]);
        }
    }
    check::<f32>();
    check::<bf16>();
}

#[test]
fn passes_of_optimizers_refuse_buffers_of_other_lengths() {
    let adamw =
        AdamW { rate: 0.1, shrink: 1.0, betas: [0.9, 0.999], unbiased: 1.0, epsilon: 1e-8, scale: 1.0 };
    let lion = Lion { rate: 0.5, shrink: 1.0, betas: [0.9, 0.99], scale: 1.0 };
    let one = |n: usize| vec![1.0_f32; n];
    for n in LENGTHS {
        for other in others(n) {
            let found = |name: &str| format!("length of `{name}`: found {other}, expected {n}");
            refused(&found("grad"), || adamw.update(&mut one(n), &one(other), &mut one(n), &mut one(n)));
            refused(&found("mean"), || adamw.update(&mut one(n), &one(n), &mut one(other), &mut one(n)));
            refused(&found("square"), || adamw.update(&mut one(n), &one(n), &mut one(n), &mut one(other)));
            refused(&found("grad"), || lion.update(&mut one(n), &one(other), &mut one(n)));
            refused(&found("mean"), || lion.update(&mut one(n), &one(n), &mut one(other)));
            refused(&found("new"), || lerp(&mut one(n), &one(other), 0.5));
        }
        let (mut weight, mut mean, mut square) = (one(n), one(n), one(n));
        lion.update(&mut weight, &one(n), &mut mean);
        assert_eq!(weight, vec![0.5; n]);
        adamw.update(&mut weight, &one(n), &mut mean, &mut square);
        lerp(&mut weight, &one(n), 1.0);
        assert_eq!(weight, one(n));
    }
}

#[test]
fn sums_are_of_whatever_length() {
    for n in LENGTHS {
        assert_eq!(sum_of_squares(&vec![2.0; n]), 4.0 * n as f64);
        for other in others(n) {
            assert_eq!(dot(&vec![1.0; n], &vec![1.0; other]), n.min(other) as f32);
        }
    }
}

#[test]
fn a_store_lends_buffers_of_the_length_that_is_asked_for_and_each_once() {
    let store = Workspace::default();
    for len in [usize::MAX, usize::MAX / 2, usize::MAX / 4] {
        let expected = "expected no more values than fit into memory";
        refused(expected, || drop(store.take::<f32>(len)));
        refused(expected, || drop(store.take::<bf16>(len)));
    }
    // one of a large capacity, one that was never lent, one given back shorter than it was
    store.give::<f32>(Vec::with_capacity(1000));
    store.give(vec![7.0_f32; 5]);
    let mut shorter: Vec<f32> = store.take(100);
    shorter.truncate(5);
    store.give(shorter);
    thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..200 {
                    let len = [0, 5, 100][round % 3];
                    let (mut a, mut b) = (store.take::<f32>(len), store.take::<f32>(len));
                    assert_eq!((a.len(), b.len()), (len, len));
                    a.fill(thread as f32);
                    b.fill(-1.0);
                    thread::yield_now();
                    assert!(a.iter().all(|a| *a == thread as f32));
                    store.give(a);
                    store.give(b);
                }
            });
        }
    });
}

/// A pass over a map of a few tasks, on the stack of whoever calls it.
fn pass(seed: usize) {
    let x = vec![seed as f32; 100_000 + seed];
    let mut y = vec![0.0; x.len()];
    Act::Relu.forward(&x, &mut y);
    assert_eq!(x, y);
}

#[test]
fn steps_that_panic_leave_the_pool_to_others() {
    // without the text of each panic
    let here = |seed: usize| step_here(|| if seed.is_multiple_of(3) { panic_any(seed) } else { pass(seed) });
    let on_pool = |seed: usize| {
        step(|| {
            pass(seed);
            // within a step both are the step's
            step(|| pass(seed));
            step_here(|| pass(seed));
            if seed.is_multiple_of(3) {
                panic_any(seed);
            }
        });
    };
    let panics = |f: &dyn Fn(usize), seed| {
        let found = catch_unwind(AssertUnwindSafe(|| f(seed)))
            .map_err(|payload| *payload.downcast().expect("a seed"));
        assert_eq!(found, if seed.is_multiple_of(3) { Err(seed) } else { Ok(()) });
    };
    thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for seed in thread..thread + 12 {
                    panics(&here, seed);
                    pass(seed);
                    panics(&on_pool, seed);
                }
            });
        }
    });
    pass(1);
}

#[test]
fn a_step_refuses_lengths_as_no_step_does() {
    for run in [step::<()>, step_here::<()>] as [fn(Box<dyn FnOnce() + Send>); 2] {
        refused("length of `y`: found 99, expected 100", || {
            run(Box::new(|| Act::Gelu.forward(&[1.0; 100], &mut [0.0; 99])));
        });
        run(Box::new(|| pass(2)));
    }
}

#[test]
fn the_level_in_use_is_one_that_the_processor_has() {
    assert!(level().is_supported());
    let wanted = std::env::var("HEMA_CPU").unwrap_or_default();
    let named = Level::ALL.into_iter().find(|level| level.name() == wanted && level.is_supported());
    let best = Level::ALL.into_iter().rfind(|level| level.is_supported());
    assert_eq!(Some(level()), named.or(best));
}

/// This file's other tests once more for each level, and for names that this processor has no level of.
#[test]
fn whatever_level_is_named_all_of_this_holds() {
    let program = std::env::current_exe().expect("this program");
    for name in Level::ALL.map(Level::name).into_iter().chain(["AVX2", "avx1024", "scalar\n"]) {
        let run = Command::new(&program).args(["--skip", "whatever_level"]).env("HEMA_CPU", name).output();
        let run = run.expect("a run of this program");
        assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stdout));
    }
}
