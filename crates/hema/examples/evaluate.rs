//! Judges a model on labelled images: `cargo run --release -p hema --example evaluate -- MODEL DATA
//! [SUITE...]`
//!
//! DATA is a folder with a folder for each class, or an archive of one; SUITE names degraded conditions, as
//! `degraded`.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program's output

use std::process::ExitCode;

use hema::{Classifier, Result};

#[global_allocator]
static ALLOCATOR: hema::CacheLines = hema::CacheLines;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [model, data, suites @ ..] = &words[..] else {
        eprintln!("usage: evaluate MODEL DATA [SUITE...]");
        return ExitCode::from(2);
    };
    match evaluate(model, data, suites) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.hint_text().iter().for_each(|hint| eprintln!("hint: {hint}"));
            ExitCode::FAILURE
        }
    }
}

fn evaluate(model: &str, data: &str, suites: &[String]) -> Result<()> {
    let model = Classifier::open(model)?;
    let mut evaluating = hema::evaluate(&model, data).part("all");
    for suite in suites {
        evaluating = evaluating.suite(suite);
    }
    let evaluation = evaluating.run(&mut ())?;
    let clean = &evaluation.conditions[0].scores;
    let [low, high] = clean.accuracy_interval().map(|share| 100.0 * share);
    println!("accuracy {:.1} % ({low:.1} to {high:.1} %)", 100.0 * clean.accuracy());
    for class in &clean.per_class {
        println!("  {:<24} recall {:>5.1} % of {} images", class.name, 100.0 * class.recall, class.support);
    }
    for suite in &evaluation.suites {
        println!("accuracy, {} {:.1} %, worst: {}", suite.name, 100.0 * suite.accuracy, suite.worst);
    }
    Ok(())
}
