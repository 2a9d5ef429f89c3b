//! Trains a classifier: `cargo run --release -p hema --example train -- RECIPE DATA OUT [KEY=VALUE...]`
//!
//! RECIPE is a shipped recipe, as `v2b0` or `cnn`, or a TOML file; DATA is a folder with a folder for each
//! class, or an archive of one; OUT is the run's folder. `stage.0.epochs=3` sets a value of the recipe.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program's output

use std::process::ExitCode;

use hema::train::{Epoch, Observer};
use hema::{Result, Training, Watch};

#[global_allocator]
static ALLOCATOR: hema::CacheLines = hema::CacheLines;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [recipe, data, out, overrides @ ..] = &words[..] else {
        eprintln!("usage: train RECIPE DATA OUT [KEY=VALUE...]");
        return ExitCode::from(2);
    };
    match train(recipe, data, out, overrides) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.hint_text().iter().for_each(|hint| eprintln!("hint: {hint}"));
            ExitCode::FAILURE
        }
    }
}

fn train(recipe: &str, data: &str, out: &str, overrides: &[String]) -> Result<()> {
    let training = Training::recipe(recipe).set_all(overrides).data(data).out(out);
    let run = training.run(&mut Printer)?;
    println!(
        "{}: accuracy {:.1} % of the validation images",
        run.folder.display(),
        100.0 * run.scores().accuracy()
    );
    Ok(())
}

/// Prints a line after every epoch.
struct Printer;

impl Watch for Printer {}

impl Observer for Printer {
    fn epoch(&mut self, epoch: &Epoch, improved: bool) {
        let best = if improved { ", the best so far" } else { "" };
        println!(
            "epoch {}: loss {:.4}, validation {:.4}{best}",
            epoch.epoch, epoch.train_loss, epoch.val.loss
        );
    }
}
