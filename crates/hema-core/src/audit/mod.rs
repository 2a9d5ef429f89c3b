//! Faults of a data set, found before a model learns them.
//!
//! One pass over the images measures each once ([`Measurements`]); every check then reads those measurements
//! ([`Evidence`]) and names images ([`Finding`]). [`CHECKS`] is the table of all checks, a file each in
//! `checks`. A finding says what to do about its image ([`Action`]); [`kept`] turns findings into the list of
//! images that stay.
//!
//! Left out on purpose: changing data in place, and running models: their predictions are handed in.

// all checks have one signature, also those that read nothing again
#![allow(clippy::unnecessary_wraps)]

mod statistics;

pub(crate) mod measurements;

pub(crate) mod copies;

mod finding;

mod check;
mod fault;

mod checks;
mod policy;

mod findings_csv;
mod run;
mod summary;

#[cfg(test)]
mod tests;

pub use check::{Check, Evidence, ModelEvidence, Need, Threshold};
pub use checks::{CHECKS, find_check};
pub use copies::duplicates::Duplicates;
pub use finding::{Action, Finding};
pub use findings_csv::{FindingRecord, findings_checksum, read_findings, write_findings};
pub use measurements::Measurements;
pub use policy::kept;
pub use run::{Audit, audit, copies, judge, measure_all, measure_closely};
pub use summary::{AUDIT_FORMAT, AuditRecord, CheckSummary, ClassSummary, Counts, Summary};
