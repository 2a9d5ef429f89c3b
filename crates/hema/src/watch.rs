//! How callers follow work that takes a while.

use std::sync::Mutex;

use hema_core::data::Skipped;

/// What is being done to the images of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase<'a> {
    /// Read, decoded and brought to the size that a network sees.
    Decoding,
    /// Classified.
    Predicting,
    /// Classified under a condition of a suite, of this name and severity.
    Judging(&'a str),
    /// Measured for an audit.
    Measuring,
    /// Shown to the model that an audit asks.
    AskingModel,
}

/// Hears how far work is. Every method does nothing unless it is written; `()` hears nothing.
pub trait Watch: Send {
    /// `done` of the `total` images of a phase are done. Several threads may report out of order.
    fn progress(&mut self, phase: Phase<'_>, done: usize, total: usize) {
        let _ = (phase, done, total);
    }

    /// A line for people about what is going on.
    fn note(&mut self, text: &str) {
        let _ = text;
    }

    /// A line for people about something that may be wrong and stops nothing, as an image that cannot be
    /// read.
    fn warn(&mut self, text: &str) {
        let _ = text;
    }
}

impl Watch for () {}

/// Reports the progress of a phase from any thread.
pub(crate) fn from_any_thread<'a>(
    watch: &'a mut (dyn Watch + 'a),
    phase: Phase<'a>,
    total: usize,
) -> impl Fn(usize) + Sync + 'a {
    let watch = Mutex::new(watch);
    move |done| {
        if let Ok(mut watch) = watch.lock() {
            watch.progress(phase, done, total);
        }
    }
}

/// A warning for people that names the images that were left out; nothing where none was.
pub fn skipped_images(skipped: &[Skipped]) -> Option<String> {
    let first = skipped.first()?;
    let (path, reason) = (first.path.display(), &first.reason);
    Some(match skipped.len() {
        1 => format!("1 unreadable image was skipped: {path}: {reason}"),
        count => format!("{count} unreadable images were skipped, first {path}: {reason}"),
    })
}
