//! The members of zip archives and where their bytes lie, without unpacking anything.
//!
//! Links are counted and not followed, encrypted archives are refused, and so are sizes beyond those of
//! pictures.

use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::read::DeflateDecoder;

use super::leftovers::{self, Leftovers};
use super::listing::{Listing, is_ignored, is_table};
use super::member_name;
use crate::data::blob::{Blob, FilePart};
use crate::data::decode::has_picture_name;
use crate::data::place::{Coding, Place, check_file_size};
use crate::error::{Error, Result};
use crate::file::ReadAt;

/// A file in a zip archive.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) offset: u64,
    /// Bytes it takes in the archive.
    pub(super) packed: u64,
    /// Bytes it has.
    pub(super) size: u64,
    pub(super) deflated: bool,
    crc: u32,
}

impl Member {
    /// Where its bytes lie, when it is a picture file.
    fn place(&self, file: &Arc<Blob>) -> Place {
        let coding = if self.deflated {
            Coding::Deflated { size: self.size as usize, crc: self.crc }
        } else {
            Coding::Picture
        };
        Place::Span { blob: Arc::clone(file), offset: self.offset, len: self.packed as usize, coding }
    }

    /// Its first bytes, as far as they are not damaged.
    fn start(&self, file: &Blob) -> Result<Vec<u8>> {
        // packed, they hardly take more
        let len = self.packed.min(4 * leftovers::START as u64) as usize;
        let packed = file.read(self.offset, len).map_err(|e| {
            Error::inside(&e, || Error::new(format!("cannot be read: {e}")).with_kind(e.kind().into()))
        })?;
        let mut start = Vec::new();
        let wanted = leftovers::START as u64;
        let _ = if self.deflated {
            DeflateDecoder::new(packed.as_slice()).take(wanted).read_to_end(&mut start)
        } else {
            packed.as_slice().take(wanted).read_to_end(&mut start)
        };
        Ok(start)
    }
}

/// Everything in a zip archive.
#[derive(Clone, Default)]
pub(super) struct Members {
    pub(super) files: Vec<Member>,
    /// Its folders and links.
    others: Leftovers,
}

/// Every member of a zip archive.
pub(super) fn members(path: &Path, file: &Arc<dyn ReadAt>) -> Result<Members> {
    let damaged = |e: ::zip::result::ZipError| {
        Error::inside(&e, || Error::new(format!("is not a readable zip archive: {e}")).at(path))
    };
    let length = file.size();
    let mut archive = ::zip::ZipArchive::new(BufReader::new(FilePart::whole(file))).map_err(damaged)?;
    let mut members = Members::default();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(damaged)?;
        let name = member_name::safe(path, entry.name())?;
        if entry.is_dir() || entry.is_symlink() {
            if !is_ignored(&name) && !name.is_empty() {
                if entry.is_dir() { members.others.add_folder(&name) } else { members.others.add_link(&name) }
            }
            continue;
        }
        let fail = |message: &str| Error::new(message).at(path.join(&name));
        if entry.encrypted() {
            return Err(fail("is encrypted; encrypted archives are not read"));
        }
        let deflated = match entry.compression() {
            ::zip::CompressionMethod::Stored => false,
            ::zip::CompressionMethod::Deflated => true,
            method => return Err(fail(&format!("is compressed with {method} (expected deflate or none)"))),
        };
        let (packed, size, crc) = (entry.compressed_size(), entry.size(), entry.crc32());
        let offset = entry.data_start().ok_or_else(|| fail("cannot be found in the archive"))?;
        if offset.checked_add(packed).is_none_or(|end| end > length) {
            return Err(fail("lies beyond the end of the archive, which is truncated or damaged"));
        }
        members.files.push(Member { name, offset, packed, size, deflated, crc });
    }
    Ok(members)
}

/// The files of a zip archive that a reader may care for.
pub(super) fn list(path: &Path, file: &Arc<dyn ReadAt>, members: &Members) -> Result<Listing> {
    let blob = Arc::new(Blob::File(Arc::clone(file)));
    let mut listing = Listing::default();
    listing.leftovers = members.others.clone();
    for member in members.files.iter().filter(|m| !is_ignored(&m.name)) {
        let at = |e: Error| e.at(path.join(&member.name));
        if has_picture_name(&member.name) {
            check_file_size(member.size.max(member.packed)).map_err(at)?;
            listing.add(&member.name, member.place(&blob));
        } else if is_table(&member.name) {
            let size = member.size.max(member.packed);
            listing.add_table(&member.name, size, || member.place(&blob).read_file()).map_err(at)?;
        } else {
            listing.leftovers.add(&member.name, || member.start(&blob)).map_err(at)?;
        }
    }
    Ok(listing)
}
