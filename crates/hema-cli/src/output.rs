//! Everything a person reads: results on stdout, progress, warnings and errors on stderr.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hema::data::{Notice, Skipped};
pub(crate) use hema::error::printable;
use hema::error::{Error, Result};
use hema::metrics::{Metric, Notation};
use hema::watch::skipped_images;
use hema::{Phase, Watch, file};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Seconds between two plain progress lines when stderr is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(30);

/// Writes for people or, with `--json`, for machines.
pub(crate) struct Printer {
    json: bool,
    /// Results go nowhere.
    silent: bool,
    /// The command is a step of another.
    is_step: bool,
    /// Stdout carries the file that the command writes, and results go to stderr.
    stdout_is_taken: AtomicBool,
    /// Why the result could not be written, if it could not.
    lost: Mutex<Option<io::Error>>,
}

#[allow(clippy::unused_self)] // only who was handed a printer may print
impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            silent: false,
            is_step: false,
            stdout_is_taken: AtomicBool::new(false),
            lost: Mutex::new(None),
        }
    }

    /// A printer for the steps of a command. Machines get none of their results.
    pub(crate) fn for_steps(&self) -> Self {
        Self { silent: self.json, is_step: true, ..Self::new(false) }
    }

    /// Whether the command is a step of another, which knows what comes next.
    pub(crate) fn is_of_step(&self) -> bool {
        self.is_step
    }

    /// From here on results go to stderr, if a command writes its file to stdout (`--out -`).
    pub(crate) fn leave_stdout_to(&self, out: &Path) {
        if file::is_stdout(out) {
            self.stdout_is_taken.store(true, Ordering::Relaxed);
        }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A piece of the result, on stdout.
    pub(crate) fn result(&self, text: &str) {
        self.write_result(|out| writeln!(out, "{text}"));
    }

    /// A piece of the result, on stdout, written by `write`. Pipes and files get it to the letter; on a
    /// terminal no name in it steers anything.
    pub(crate) fn write_result(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.silent {
            return;
        }
        if self.stdout_is_taken.load(Ordering::Relaxed) {
            let mut text = Vec::new();
            let _ = write(&mut text);
            return say(String::from_utf8_lossy(&text).trim_end_matches('\n'));
        }
        let mut out = io::stdout().lock();
        let written = if out.is_terminal() {
            let mut text = Vec::new();
            write(&mut text)
                .and_then(|()| out.write_all(printable_lines(&String::from_utf8_lossy(&text)).as_bytes()))
        } else {
            write(&mut out)
        };
        match written.and_then(|()| out.flush()) {
            Ok(()) => {}
            // a reader that has seen enough (`| head`) is no error
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
            Err(e) => {
                if let Ok(mut lost) = self.lost.lock() {
                    lost.get_or_insert(e);
                }
            }
        }
    }

    /// Ends the printing.
    ///
    /// # Errors
    /// A part of the result could not be written, to a full disk for instance.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.lost.lock().ok().and_then(|mut lost| lost.take()) {
            Some(e) => Err(Error::new(format!("the result cannot be written to stdout: {e}"))
                .hint("what was written is incomplete; free some space or choose another place")),
            None => Ok(()),
        }
    }

    /// A line about what is going on, on stderr.
    pub(crate) fn note(&self, text: &str) {
        say(text);
    }

    /// Something that went wrong without stopping the command, on stderr.
    pub(crate) fn warn(&self, text: &str) {
        say(&format!("warning: {text}"));
    }

    /// Says what of a data set is not used, and what was assumed of it, on stderr.
    pub(crate) fn warn_of_notices(&self, notices: &[Notice]) {
        for notice in notices {
            self.warn(&notice.to_string());
        }
    }

    /// Names the images that were left out, on stderr.
    pub(crate) fn warn_of_skipped(&self, skipped: &[Skipped]) {
        if let Some(warning) = skipped_images(skipped) {
            self.warn(&warning);
        }
    }

    /// The error that stopped the command, on stderr.
    pub(crate) fn error(&self, error: &Error) {
        say(&format!("error: {error}"));
        if let Some(hint) = error.hint_text() {
            say(&format!("hint: {hint}"));
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

/// A line on stderr. Nobody listening (`2>&1 | head`) must not end a training run.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{}", one_message(text));
}

/// A message as it is printed. Those that show a part of a file have several lines; all but the first are set
/// in, so that no name with a line break in it can speak as a message of its own.
fn one_message(text: &str) -> String {
    printable_lines(text).replace('\n', "\n  ")
}

/// Text whose lines steer no terminal.
fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
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
                say(&format!("{}  {done}/{}  {message}", self.what, self.total));
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

/// Shows the progress of the library's work, one bar after the other; the last goes with this value.
pub(crate) struct Bars<'a> {
    printer: &'a Printer,
    /// The bar that is shown, and its name.
    bar: Option<(&'static str, Progress)>,
}

impl<'a> Bars<'a> {
    pub(crate) fn new(printer: &'a Printer) -> Self {
        Self { printer, bar: None }
    }

    /// Leaves no trace of the bar that is shown.
    pub(crate) fn clear(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.clear();
        }
    }
}

impl Watch for Bars<'_> {
    fn progress(&mut self, phase: Phase<'_>, done: usize, total: usize) {
        let (name, message) = match phase {
            Phase::Decoding => ("decoding", "images"),
            Phase::Predicting => ("predicting", "images"),
            Phase::Judging(condition) => ("judging", condition),
            Phase::Measuring => ("auditing", "images"),
            Phase::Comparing => ("comparing", "images"),
            Phase::AskingModel => ("asking the model", "images"),
            Phase::Rescaling => ("trying fields of view", "images"),
            _ => ("working", "images"),
        };
        if self.bar.as_ref().is_none_or(|(shown, _)| *shown != name) {
            self.clear();
            self.bar = Some((name, self.printer.progress(name, total as u64)));
        }
        if let Some((_, bar)) = &self.bar {
            bar.set(done as u64, message);
        }
    }

    fn note(&mut self, text: &str) {
        self.clear();
        self.printer.note(text);
    }

    fn warn(&mut self, text: &str) {
        self.clear();
        self.printer.warn(text);
    }
}

impl Drop for Bars<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A share in percent with one decimal; one that is not quite all or nothing does not read as such.
pub(crate) fn percent(share: f64) -> String {
    Notation::Percent.text(share)
}

/// An interval of shares in percent.
pub(crate) fn range([low, high]: [f64; 2]) -> String {
    format!("{} to {}", percent(low), percent(high))
}

/// The value of a metric, as its row says that the terminal writes it.
pub(crate) fn metric_text(metric: &Metric, value: f64) -> String {
    metric.notation.text(value)
}

/// Columns padded to their widest cell; the first is flush left, the others flush right.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
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

/// Text in lines of at most `width` columns, where its words are no longer, set in by `indent`.
pub(crate) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{:indent$}{word}", "")),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_line_break_speaks_no_message_of_its_own() {
        assert_eq!(
            one_message("warning: `a\nerror: all is lost\u{1b}[2J`"),
            "warning: `a\n  error: all is lost\u{fffd}[2J`"
        );
        assert_eq!(table(&[vec!["a\nb\u{202e}".into(), "1".into()]]), "a\u{fffd}b\u{fffd}  1");
    }
}
