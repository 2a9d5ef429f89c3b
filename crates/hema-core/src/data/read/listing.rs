//! The files that a folder or an archive holds, as far as a reader may care: picture files by their paths,
//! and the small files that say something of them.

use super::leftovers::Leftovers;
use super::sidecar::Sidecar;
use crate::data::notice::Notice;
use crate::data::place::Place;
use crate::data::place_table::PlaceTable;
use crate::data::texts::Texts;

/// Largest `split.csv` or `groups.csv` read, in bytes.
pub(super) const MAX_TABLE: u64 = 64 << 20;

/// The files of a folder or an archive, by their path under it (`/` between folders).
#[derive(Default)]
pub(super) struct Listing {
    /// Picture files.
    pub(super) names: Texts,
    /// Where each of them lies.
    pub(super) places: PlaceTable,
    /// Path and text of every `split.csv` and `groups.csv`.
    pub(super) tables: Vec<(String, Vec<u8>)>,
    /// Path and contents of every file that says something of a single picture.
    pub(super) sidecars: Vec<(String, Sidecar)>,
    /// What of it is not used, and what is odd.
    pub(super) notices: Vec<Notice>,
    /// What no reader takes.
    pub(super) leftovers: Leftovers,
}

impl Listing {
    /// Adds a picture file.
    pub(super) fn add(&mut self, name: &str, place: Place) {
        self.names.push(name);
        self.places.push(place);
    }

    /// Whether there is no picture file.
    pub(super) fn is_empty(&self) -> bool {
        self.names.len() == 0
    }
}

/// Whether a file is not worth a look: hidden, or a by-product of packing on a Mac.
pub(crate) fn is_ignored(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
}

/// Whether a file may say something of the pictures it lies beside.
pub(super) fn is_table(name: &str) -> bool {
    matches!(name.rsplit('/').next(), Some("split.csv" | "groups.csv"))
}
