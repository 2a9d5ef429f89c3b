//! A download as it is shown: a bar, where it goes on, and what goes wrong on the way.

use std::cell::RefCell;

use hema_fetch::Event;

use crate::output::{Printer, Progress};

/// Shows one download.
pub(crate) struct Watch<'a> {
    printer: &'a Printer,
    name: &'a str,
    progress: RefCell<Option<Progress>>,
}

impl<'a> Watch<'a> {
    /// The download of what is called `name`.
    pub(crate) fn new(printer: &'a Printer, name: &'a str) -> Self {
        Self { printer, name, progress: RefCell::new(None) }
    }

    /// Shows what happens.
    pub(crate) fn hear(&self, event: &Event) {
        match event {
            Event::Bytes { done, total } => {
                let mut progress = self.progress.borrow_mut();
                let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
                if progress.is_none() && *done > 0 {
                    self.printer.note(&format!("going on after {} MB", done / 1_000_000));
                }
                progress
                    .get_or_insert_with(|| self.printer.progress(self.name, megabytes(total.unwrap_or(0))))
                    .set(megabytes(*done), "MB");
            }
            Event::Retry { why, wait } => {
                self.clear();
                self.printer.warn(&match wait.as_secs() {
                    0 => format!("{why}; trying again"),
                    seconds => format!("{why}; trying again in {seconds} s"),
                });
            }
        }
    }

    /// Leaves no trace of the bar.
    pub(crate) fn clear(&self) {
        if let Some(progress) = self.progress.take() {
            progress.clear();
        }
    }
}
