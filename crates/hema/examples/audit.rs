//! Looks for what is wrong with a data set: `cargo run --release -p hema --example audit -- DATA [MODEL]`
//!
//! DATA is a folder with a folder for each class, or an archive of one; MODEL helps to find outliers and
//! doubtful labels.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program's output

use std::process::ExitCode;

use hema::Result;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (data, model) = match &words[..] {
        [data] => (data, None),
        [data, model] => (data, Some(model)),
        _ => {
            eprintln!("usage: audit DATA [MODEL]");
            return ExitCode::from(2);
        }
    };
    match audit(data, model) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.hint_text().iter().for_each(|hint| eprintln!("hint: {hint}"));
            ExitCode::FAILURE
        }
    }
}

fn audit(data: &str, model: Option<&String>) -> Result<()> {
    let mut auditing = hema::audit(data);
    if let Some(model) = model {
        auditing = auditing.model(model);
    }
    let audited = auditing.run(&mut ())?;
    for finding in &audited.audit.findings {
        let path = finding.image.map_or("(the whole set)", |image| audited.source.entry(image).path);
        println!("{:<18} {path}: {}, {}", finding.check, finding.detail, finding.action.name());
    }
    println!("{} of {} images stay", audited.stay().len(), audited.source.len());
    Ok(())
}
