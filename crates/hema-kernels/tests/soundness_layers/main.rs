//! Calls layers, blocks and passes over images with arguments that do not fit each other, from code that
//! cannot leave a buffer itself: each call is refused, with a message that says what was wrong.

#![forbid(unsafe_code)]

mod blocks;
mod images;
mod layers;

use std::panic::{AssertUnwindSafe, catch_unwind};

use hema_kernels::{Element, Map};

/// Asserts that a call panics, and that it says what it expected.
#[track_caller]
fn refused<T>(name: &str, call: impl FnOnce() -> T) {
    let panic =
        catch_unwind(AssertUnwindSafe(call)).err().unwrap_or_else(|| panic!("{name} was not refused"));
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or(panic.downcast_ref::<&str>().copied()).expect("a message");
    // not one of the language's own, about indices, arithmetic or capacities
    let clear = ["expected", "empty map", "assertion `left == right` failed: ", "a winner is", "kept maps"];
    assert!(clear.iter().any(|words| message.contains(words)), "{name}: {message}");
}

/// Sizes that are wrong where `right` is not: none, one more, and those whose products with others wrap
/// around to small numbers, or to that of `right` itself.
fn wrong_sizes(right: usize) -> impl Iterator<Item = usize> {
    let wraps = [60, 61, 62, 63].map(|bits| 1_usize << bits);
    [0, right + 1, usize::MAX, usize::MAX / 2].into_iter().chain(wraps).chain(wraps.map(|wrap| right + wrap))
}

/// The shape with each of its sizes, which `fields` are, made wrong in each way.
fn wrong_shapes<T: Copy>(shape: T, fields: &[fn(&mut T) -> &mut usize]) -> impl Iterator<Item = T> {
    fields.iter().flat_map(move |field| {
        let mut right = shape;
        wrong_sizes(*field(&mut right)).map(move |size| {
            let mut wrong = shape;
            *field(&mut wrong) = size;
            wrong
        })
    })
}

fn map<E: Element>(len: usize) -> Vec<E> {
    (0..len).map(|i| E::from_f32((i % 7) as f32 * 0.25 - 0.7)).collect()
}

/// A buffer without its last value, with one more, and without any.
fn wrong_lengths<E: Element>(right: &[E]) -> [Vec<E>; 3] {
    [right[1..].to_vec(), [right, &right[..1]].concat(), vec![]]
}

#[track_caller]
fn assert_finite<E: Element>(name: &str, values: &[E]) {
    assert!(!values.is_empty() && values.iter().all(|value| value.to_f32().is_finite()), "{name}");
}

const MAP: [fn(&mut Map) -> &mut usize; 3] = [|m| &mut m.batch, |m| &mut m.pixels, |m| &mut m.channels];
