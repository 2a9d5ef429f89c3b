//! How callers follow work that takes a while.

use std::sync::Mutex;

use hema_core::data::{Notice, Skipped};
use hema_core::error::printable;

/// Kind of work on the images of a data set, for reports of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase<'a> {
    /// Reading and decoding images, and resizing them for the network.
    Decoding,
    /// Classifying images.
    Predicting,
    /// Classifying images under a condition of a suite, of this name and severity.
    Judging(&'a str),
    /// Measuring images for an audit.
    Measuring,
    /// Comparing images for copies that are cropped or turned.
    Comparing,
    /// Classifying images by the model that an audit asks.
    AskingModel,
    /// Classifying images at several factors, to find the one to rescale them by.
    Rescaling,
}

/// Listener to the progress of work. Every method does nothing unless it is overridden; `()` ignores
/// everything.
pub trait Watch: Send {
    /// Called when `done` of the `total` images of a phase are finished. Several threads may report out of
    /// order.
    fn progress(&mut self, phase: Phase<'_>, done: usize, total: usize) {
        let _ = (phase, done, total);
    }

    /// Called with a line for people about the course of the work.
    fn note(&mut self, text: &str) {
        let _ = text;
    }

    /// Called with a line for people about a possible fault that stops nothing, such as an image that cannot
    /// be read.
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

/// Warns of everything that a data set says of itself: what is not used of it, and what was assumed.
pub(crate) fn tell(notices: &[Notice], watch: &mut dyn Watch) {
    for notice in notices {
        watch.warn(&notice.to_string());
    }
}

/// Most files that a warning names.
const NAMED: usize = 10;

/// Warning for people that counts the images that were left out and names the first ten, each on a line with
/// its reason; `None` if there are none.
pub fn skipped_images(skipped: &[Skipped]) -> Option<String> {
    let one = |skipped: &Skipped| {
        format!("{}: {}", printable(&skipped.path.display().to_string()), printable(&skipped.reason))
    };
    let mut lines = match skipped {
        [] => return None,
        [only] => return Some(format!("1 unreadable image was skipped: {}", one(only))),
        all => vec![format!("{} unreadable images were skipped:", all.len())],
    };
    lines.extend(skipped.iter().take(NAMED).map(one));
    if skipped.len() > NAMED {
        lines.push(format!("and {} more", skipped.len() - NAMED));
    }
    Some(lines.join("\n"))
}
