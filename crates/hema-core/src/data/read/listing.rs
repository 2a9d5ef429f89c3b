//! The files that a folder or an archive holds, as far as a reader may care: picture files by their paths,
//! and the small files that say something of them.

use super::leftovers::Leftovers;
use super::sidecar::Sidecar;
use crate::data::classes::CLASSES_FILE;
use crate::data::notice::Notice;
use crate::data::place::Place;
use crate::data::place_table::PlaceTable;
use crate::data::texts::Texts;
use crate::error::{Error, Result};

/// Largest table beside the images, and most of all of them together, in bytes.
pub(super) const MAX_TABLE: u64 = 64 << 20;

/// Images that any file may hold, and bytes that each takes of one that holds more: a few kilobytes can
/// unpack to any number of images that are all the same.
const FEW_IMAGES: u64 = 1 << 20;
const BYTES_OF_IMAGE: u64 = 16;

/// Names of the tables that are looked for beside pictures, whatever their case. `metadata` is the layout
/// that Hugging Face calls `ImageFolder`.
pub(super) const TABLES: [&str; 6] =
    ["split.csv", "groups.csv", "labels.csv", CLASSES_FILE, "metadata.csv", "metadata.jsonl"];

/// The files of a folder or an archive, by their path under it (`/` between folders).
#[derive(Default)]
pub(super) struct Listing {
    /// Picture files.
    pub(super) names: Texts,
    /// Where each of them lies.
    pub(super) places: PlaceTable,
    /// Path and text of every table that may say something of the pictures around it.
    pub(super) tables: Vec<(String, Vec<u8>)>,
    table_bytes: u64,
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

    /// Adds a table, whose text `read` gives.
    ///
    /// # Errors
    /// An error of reading, and a table that is too large, alone or with those before it.
    pub(super) fn add_table(
        &mut self,
        name: &str,
        size: u64,
        read: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<()> {
        // a name and a place take memory too
        self.table_bytes = self.table_bytes.saturating_add(size).saturating_add(2 * name.len() as u64 + 64);
        if self.table_bytes > MAX_TABLE {
            let message = format!(
                "makes the tables beside the images larger than {} MiB, the most that is read",
                MAX_TABLE >> 20
            );
            return Err(Error::new(message));
        }
        self.tables.push((name.to_owned(), read()?));
        Ok(())
    }

    /// Whether there is no picture file.
    pub(super) fn is_empty(&self) -> bool {
        self.names.len() == 0
    }
}

/// Most images of a file of this many bytes: the list of them takes memory too.
pub(super) fn most_images(bytes: u64) -> u64 {
    FEW_IMAGES.max(bytes / BYTES_OF_IMAGE)
}

/// Refuses more images than a file can hold.
pub(super) fn check_count(images: u64, bytes: u64) -> Result<()> {
    if images <= most_images(bytes) {
        return Ok(());
    }
    Err(Error::new(format!(
        "claims {images} images in {bytes} bytes (at most {} are read)",
        most_images(bytes)
    )))
}

/// Whether a file is not worth a look: hidden, or a by-product of packing on a Mac.
pub(crate) fn is_ignored(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
}

/// Whether a file may say something of the pictures it lies beside.
pub(super) fn is_table(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    TABLES.iter().any(|table| table.eq_ignore_ascii_case(file))
}
