//! The audit that every section of the page draws from.

use crate::audit::{Audit, AuditRecord};
use crate::data::Source;

/// An audit to report.
pub struct AuditReport<'a> {
    /// Name of the data set, as readers should see it.
    pub title: String,
    /// The data set.
    pub source: &'a Source,
    /// Everything found in it.
    pub audit: &'a Audit,
    /// The counts, and where they come from.
    pub record: &'a AuditRecord<'a>,
    /// Where the whole list of findings lies, as readers should see it.
    pub findings_file: String,
    /// The command that writes the cleaned set by that list.
    pub clean_command: String,
}

/// An audit and the images that stay, for the sections.
pub(super) struct Subject<'a> {
    pub(super) report: &'a AuditReport<'a>,
    /// Whether each entry stays.
    pub(super) kept: &'a [bool],
}

impl Subject<'_> {
    /// The class of an entry, for readers.
    pub(super) fn class(&self, image: usize) -> &str {
        let label = self.report.source.entry(image).label;
        label.map_or("no label", |label| &self.report.source.classes()[label])
    }

    pub(super) fn path(&self, image: usize) -> &str {
        self.report.source.entry(image).path
    }
}
