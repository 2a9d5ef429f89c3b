//! Classifies images with a trained model: `cargo run --release -p hema --example classify -- MODEL
//! IMAGES...`
//!
//! MODEL is a model file or a run's folder; IMAGES are pictures, folders, archives or `.npz` files.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program's output

use std::process::ExitCode;

use hema::{Classifier, Result};

// products on AMX tiles are a fifth faster for it
#[global_allocator]
static ALLOCATOR: hema::CacheLines = hema::CacheLines;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [model, images @ ..] = &words[..] else {
        eprintln!("usage: classify MODEL IMAGES...");
        return ExitCode::from(2);
    };
    match classify(model, images) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.hint_text().iter().for_each(|hint| eprintln!("hint: {hint}"));
            ExitCode::FAILURE
        }
    }
}

fn classify(model: &str, images: &[String]) -> Result<()> {
    let model = Classifier::open(model)?;
    for cell in model.classify(images)? {
        println!("{:<40} {:<24} {:>5.1} %", cell.path(), cell.label(), 100.0 * cell.probability());
    }
    Ok(())
}
