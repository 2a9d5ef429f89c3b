//! Everything a person reads: results on stdout, progress, warnings and errors on stderr.

#![allow(clippy::print_stderr)] // this is the one place that prints

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hema::core::error::Error;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Seconds between two plain progress lines when stderr is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(30);

/// Writes for people or, with `--json`, for machines.
pub(crate) struct Printer {
    json: bool,
}

#[allow(clippy::unused_self)] // only who was handed a printer may print
impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether stdout carries JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A piece of the result, on stdout.
    pub(crate) fn result(&self, text: &str) {
        let mut out = io::stdout().lock();
        // a reader that has seen enough (`| head`) is no error
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// What is going on, on stderr.
    pub(crate) fn note(&self, text: &str) {
        eprintln!("{text}");
    }

    /// Something that went wrong without stopping the command, on stderr.
    pub(crate) fn warn(&self, text: &str) {
        eprintln!("warning: {text}");
    }

    /// What stopped the command, on stderr.
    pub(crate) fn error(&self, error: &Error) {
        eprintln!("error: {error}");
        if let Some(hint) = error.hint_text() {
            eprintln!("hint: {hint}");
        }
    }

    /// Progress of `total` things: a bar on a terminal, a line now and then elsewhere.
    pub(crate) fn progress(&self, what: &str, total: u64) -> Progress {
        let bar = if io::stderr().is_terminal() {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8))
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(style("{prefix}  {wide_bar:.dim}  {human_pos}/{human_len}  {msg}  {eta} left"));
        bar.set_prefix(what.to_owned());
        Progress { bar, what: what.to_owned(), total, spoken: Mutex::new(Instant::now()) }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The progress of one task.
pub(crate) struct Progress {
    bar: ProgressBar,
    what: String,
    total: u64,
    /// When the last plain line was written.
    spoken: Mutex<Instant>,
}

impl Progress {
    /// `done` things are done; `message` says what else is worth knowing.
    pub(crate) fn set(&self, done: u64, message: &str) {
        if self.bar.is_hidden() {
            let Ok(mut spoken) = self.spoken.lock() else { return };
            if spoken.elapsed() >= PLAIN_INTERVAL {
                *spoken = Instant::now();
                eprintln!("{}  {done}/{}  {message}", self.what, self.total);
            }
        } else {
            self.bar.set_message(message.to_owned());
            self.bar.set_position(done);
        }
    }

    /// Leaves no trace of the bar.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// A share in percent with one decimal.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Columns padded to their widest cell; the first is flush left, the others flush right.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let padded =
            cells.map(
                |(column, (cell, width))| {
                    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            );
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
