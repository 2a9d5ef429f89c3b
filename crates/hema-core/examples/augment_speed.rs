//! Images per second that augmentations change on one core, as a training run calls them.
//!
//! `cargo run --release -p hema-core --example augment_speed -- SECONDS DATA NAME...`; a name is an
//! operator's, at strength 1, or a policy's word. DATA holds images of one size, or is `-` for a synthetic
//! cell.

use std::path::Path;
use std::time::Instant;

use hema_core::augment::{Augment, Step};
use hema_core::data;
use hema_core::error::{Error, Result};
use hema_core::rng::{Purpose, stream};
use hema_core::sample::Image;
use hema_core::synthetic;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let usage = || Error::new("usage: augment_speed SECONDS DATA NAME...");
    let [seconds, data, names @ ..] = &args[..] else { return Err(usage()) };
    let seconds: f64 = seconds.parse().map_err(|_| usage())?;
    let images = images(data)?;
    for name in names {
        report(name, rate(&Augment::new(vec![Step::named(name, 1.0, None)?]), &images, seconds));
    }
    Ok(())
}

fn images(data: &str) -> Result<Vec<Image>> {
    if data == "-" {
        return Ok(vec![synthetic::render(6, 96, &mut stream(1, Purpose::Synthetic, 0, 0))]);
    }
    let source = data::open(Path::new(data))?;
    (0..source.len()).map(|i| source.image(i)).collect()
}

/// Images per second, a copy of each included, since the next epoch wants it unchanged.
fn rate(augment: &Augment, images: &[Image], seconds: f64) -> f64 {
    let start = Instant::now();
    for epoch in 0.. {
        for (index, image) in images.iter().enumerate() {
            let mut image = image.clone();
            augment.apply(&mut image, &mut stream(0, Purpose::Augment, epoch, index as u64));
            std::hint::black_box(image);
            let done = epoch as usize * images.len() + index + 1;
            let elapsed = start.elapsed().as_secs_f64();
            if elapsed > seconds {
                return done as f64 / elapsed;
            }
        }
    }
    0.0
}

#[allow(clippy::print_stdout)] // a program's result
fn report(name: &str, rate: f64) {
    println!("{name} {rate:.0}");
}
