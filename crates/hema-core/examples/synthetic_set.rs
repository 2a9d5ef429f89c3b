//! Writes a data set of synthetic cells of any size in any form, for measurements at scale, an image at a
//! time.
//!
//! `cargo run --release -p hema-core --example synthetic_set -- COUNT OUT [SIDE]`; the form is told by OUT's
//! ending.

use std::path::PathBuf;

use hema_core::data::Entry;
use hema_core::data::write::{self, Form, Options, Record};
use hema_core::error::{Error, Result};
use hema_core::rng::{Purpose, stream};
use hema_core::sample::Image;
use hema_core::synthetic::{CLASSES, render};
use rayon::prelude::*;

/// Images that are drawn at a time.
const BATCH: usize = 4096;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = || Error::new("usage: synthetic_set COUNT OUT [SIDE]");
    let count: usize = args.next().and_then(|count| count.parse().ok()).ok_or_else(usage)?;
    let out = PathBuf::from(args.next().ok_or_else(usage)?);
    let side = args.next().and_then(|side| side.parse().ok()).unwrap_or(96);

    let classes = CLASSES.map(str::to_owned);
    let mut writer = write::create(&out, Form::of_path(&out)?, &classes, &Options::default())?;
    for first in (0..count).step_by(BATCH) {
        let batch: Vec<(String, usize, Image)> =
            (first..(first + BATCH).min(count)).into_par_iter().map(|number| cell(number, side)).collect();
        for (path, label, image) in &batch {
            let entry = Entry { path, label: Some(*label), part: None, group: None };
            writer.push(&Record { entry, image, file: None, location: None })?;
        }
    }
    writer.finish()
}

/// The path of a cell, its class and its picture; classes take turns.
fn cell(number: usize, side: usize) -> (String, usize, Image) {
    let class = number % CLASSES.len();
    let image = render(class, side, &mut stream(0, Purpose::Synthetic, class as u64, number as u64));
    (format!("{}/{number:07}.png", CLASSES[class]), class, image)
}
