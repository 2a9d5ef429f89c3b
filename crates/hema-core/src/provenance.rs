//! Where an artefact comes from: enough to make it again.

use serde::{Deserialize, Serialize};

/// Stamped into every artefact that Hema writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of Hema.
    pub version: String,
    /// Commit of the source it was built from, `unknown` outside a checkout.
    pub commit: String,
    /// The source had uncommitted changes when it was built.
    pub dirty: bool,
    /// The command line.
    pub command: String,
    /// Device the numbers were computed on, in words.
    pub device: String,
    /// When, in UTC, as RFC 3339.
    pub time: String,
}
