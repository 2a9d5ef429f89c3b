//! Microseconds that every image operator takes on one image, on one core.
//!
//! `cargo run --release -p hema-core --example operator_speed [SIDE]`

use std::time::{Duration, Instant};

use hema_core::augment::AUGMENTATIONS;
use hema_core::corrupt::CORRUPTIONS;
use hema_core::image_op::ImageOp;
use hema_core::rng::{Purpose, stream};
use hema_core::sample::Image;
use hema_core::synthetic;

fn main() {
    let side = std::env::args().nth(1).and_then(|side| side.parse().ok()).unwrap_or(96);
    let cell = synthetic::render(6, side, &mut stream(1, Purpose::Synthetic, 0, 0));
    let only = std::env::args().nth(2);
    for op in AUGMENTATIONS
        .iter()
        .chain(CORRUPTIONS)
        .filter(|op| only.as_deref().is_none_or(|name| name == op.name()))
    {
        report(&format!("{op:?}"), microseconds(*op, &cell));
    }
}

/// The median over a tenth of a second.
fn microseconds(op: &dyn ImageOp, cell: &Image) -> f64 {
    let mut times = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(100) {
        let mut rng = stream(1, Purpose::Augment, 0, times.len() as u64);
        let mut image = cell.clone();
        let start = Instant::now();
        op.apply(&mut image, 1.0, &mut rng);
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[allow(clippy::print_stdout)] // a program's result
fn report(name: &str, microseconds: f64) {
    println!("{name:<24}{microseconds:>10.1}");
}
