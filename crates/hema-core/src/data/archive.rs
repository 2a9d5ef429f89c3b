//! Lists the members of tar and zip archives and where their bytes lie, without unpacking anything.
//!
//! Archives come from strangers: names that point outside the archive are refused, links and special files are
//! skipped, sizes are bounded before memory is taken.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::blob::{Blob, FilePart, Stream};
use super::decode::has_picture_name;
use super::layout::{Listing, is_ignored, is_table};
use super::place::{Coding, Place, check_file_size};
use super::webdataset::{self, MAX_SIDECAR};
use crate::error::{Error, Result};
use crate::file;

/// Most bytes of tar headers between two members; a longer run would be read into memory.
const MAX_HEADERS: u64 = 1 << 20;
/// Longest name of a member, in bytes: that of the systems it could be unpacked on.
const MAX_NAME: usize = 4096;
/// Most members of a tar archive: a few kilobytes can unpack to any number of empty ones.
const MAX_MEMBERS: usize = 20_000_000;
/// Largest `split.csv` or `groups.csv` read, in bytes.
const MAX_TABLE: u64 = 64 << 20;

/// A file in a zip archive.
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
    /// The key of a numpy array.
    pub(super) fn array_key(&self) -> Option<&str> {
        self.name.strip_suffix(".npy")
    }

    /// Where its bytes lie, when it is a picture file.
    fn place(&self, file: &Arc<Blob>) -> Place {
        let coding = if self.deflated {
            Coding::Deflated { size: self.size as usize, crc: self.crc }
        } else {
            Coding::Picture
        };
        Place::Span { blob: Arc::clone(file), offset: self.offset, len: self.packed as usize, coding }
    }
}

/// The files of a zip archive.
pub(super) fn zip_members(path: &Path) -> Result<Vec<Member>> {
    let damaged =
        |e: zip::result::ZipError| Error::new(format!("is not a readable zip archive: {e}")).at(path);
    let file = file::open(path)?;
    let length = file.metadata().map_err(|e| Error::io(path, &e))?.len();
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(damaged)?;
        if entry.is_dir() || entry.is_symlink() {
            continue;
        }
        let name = safe_name(path, entry.name())?;
        let fail = |message: &str| Error::new(message).at(path.join(&name));
        if entry.encrypted() {
            return Err(fail("is encrypted; encrypted archives are not read"));
        }
        let deflated = match entry.compression() {
            zip::CompressionMethod::Stored => false,
            zip::CompressionMethod::Deflated => true,
            method => return Err(fail(&format!("is compressed with {method} (expected deflate or none)"))),
        };
        let (packed, size, crc) = (entry.compressed_size(), entry.size(), entry.crc32());
        let offset = entry.data_start().ok_or_else(|| fail("cannot be found in the archive"))?;
        if offset.checked_add(packed).is_none_or(|end| end > length) {
            return Err(fail("lies beyond the end of the archive, which is truncated or damaged"));
        }
        members.push(Member { name, offset, packed, size, deflated, crc });
    }
    Ok(members)
}

/// The pictures of a zip archive.
pub(super) fn list_zip(path: &Path, members: Vec<Member>) -> Result<Listing> {
    let blob = Arc::new(Blob::File(Arc::new(file::open(path)?)));
    let mut listing = Listing::default();
    for member in members.into_iter().filter(|m| !is_ignored(&m.name)) {
        let at = |e: Error| e.at(path.join(&member.name));
        if has_picture_name(&member.name) {
            check_file_size(member.size.max(member.packed)).map_err(at)?;
            listing.add(&member.name, member.place(&blob));
        } else if is_table(&member.name) && member.size.max(member.packed) <= MAX_TABLE {
            let text = member.place(&blob).read_file().map_err(at)?;
            listing.tables.push((member.name, text));
        }
    }
    Ok(listing)
}

/// The pictures of a tar archive, plain or gzipped. A gzipped one is read through once.
pub(super) fn list_tar(path: &Path, gzip: bool) -> Result<Listing> {
    let file = Arc::new(file::open(path)?);
    let length = file.metadata().map_err(|e| Error::io(path, &e))?.len();
    let meter = Rc::new(Meter { left: Cell::new(MAX_HEADERS), at_end: Cell::new(false) });
    let damaged = |e: io::Error| damaged_tar(path, &e);
    if gzip {
        let stream = Arc::new(Stream::Gzip(FilePart::whole(&file)));
        let mut archive = tar::Archive::new(Metered { inner: stream.reader(), meter: Rc::clone(&meter) });
        let entries = archive.entries().map_err(damaged)?;
        let blob = Arc::new(Blob::Stream(stream));
        Walk { path, blob, meter, length: None }.list(entries)
    } else {
        let mut archive = tar::Archive::new(Metered { inner: file::open(path)?, meter: Rc::clone(&meter) });
        let entries = archive.entries_with_seek().map_err(damaged)?;
        let blob = Arc::new(Blob::File(file));
        Walk { path, blob, meter, length: Some(length) }.list(entries)
    }
}

struct Walk<'a> {
    path: &'a Path,
    blob: Arc<Blob>,
    meter: Rc<Meter>,
    /// Length of the archive, where members can be skipped by seeking.
    length: Option<u64>,
}

impl Walk<'_> {
    fn list<R: Read>(&self, entries: tar::Entries<'_, R>) -> Result<Listing> {
        let mut listing = Listing::default();
        for (number, entry) in entries.enumerate() {
            if number == MAX_MEMBERS {
                let message = format!("holds more than {MAX_MEMBERS} files");
                return Err(Error::new(message).at(self.path));
            }
            let mut entry = entry.map_err(|e| damaged_tar(self.path, &e))?;
            self.meter.left.set(u64::MAX);
            if entry.header().entry_type().is_file() {
                self.add(&mut entry, &mut listing)?;
            }
            if self.length.is_none() {
                // read what is left of the member here, so that the allowance covers headers alone
                io::copy(&mut entry, &mut io::sink()).map_err(|e| damaged_tar(self.path, &e))?;
            }
            self.meter.left.set(MAX_HEADERS);
        }
        if self.meter.at_end.get() {
            // cut between two members, an archive looks whole but for this
            return Err(Error::new("is truncated: it has no end-of-archive mark").at(self.path));
        }
        Ok(listing)
    }

    fn add<R: Read>(&self, entry: &mut tar::Entry<'_, R>, listing: &mut Listing) -> Result<()> {
        let name = safe_name(self.path, &String::from_utf8_lossy(&entry.path_bytes()))?;
        if is_ignored(&name) {
            return Ok(());
        }
        let at = |e: Error| e.at(self.path.join(&name));
        let (offset, size) = (entry.raw_file_position(), entry.size());
        let end = offset.saturating_add(size);
        if self.length.is_some_and(|length| end > length) {
            return Err(at(Error::new("lies beyond the end of the archive, which is truncated")));
        }
        if has_picture_name(&name) {
            check_file_size(size).map_err(at)?;
            let blob = Arc::clone(&self.blob);
            let place = Place::Span { blob, offset, len: size as usize, coding: Coding::Picture };
            listing.add(&name, place);
        } else if is_table(&name) && size <= MAX_TABLE {
            let mut text = Vec::new();
            entry.read_to_end(&mut text).map_err(|e| damaged_tar(self.path, &e))?;
            listing.tables.push((name, text));
        } else if webdataset::is_sidecar(&name) && size <= MAX_SIDECAR {
            let mut text = Vec::new();
            entry.read_to_end(&mut text).map_err(|e| damaged_tar(self.path, &e))?;
            let said = webdataset::read_sidecar(&name, &text);
            listing.sidecars.push((name, said));
        }
        Ok(())
    }
}

fn damaged_tar(path: &Path, error: &io::Error) -> Error {
    Error::new(format!("is not a readable tar archive: {error}"))
        .at(path)
        .hint("it may be truncated; copy or download it again")
}

/// A member's path with `/` between its parts; refused when it would lead out of the archive.
fn safe_name(archive: &Path, name: &str) -> Result<String> {
    if name.len() > MAX_NAME {
        let message =
            format!("holds a member with a name of {} bytes (at most {MAX_NAME} are read)", name.len());
        return Err(Error::new(message).at(archive));
    }
    let name = name.replace('\\', "/");
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let absolute = name.starts_with('/') || parts.first().is_some_and(|first| first.ends_with(':'));
    if absolute || parts.contains(&"..") {
        let message = format!("holds a member `{name}` that points outside the archive");
        return Err(Error::new(message)
            .at(archive)
            .hint("such an archive is made by mistake or in bad faith; pack the images anew"));
    }
    Ok(parts.join("/"))
}

/// What is known of the reading of an archive.
struct Meter {
    /// Bytes that may still be read.
    left: Cell<u64>,
    /// A read came to the end of the file.
    at_end: Cell<bool>,
}

/// Reads no more than it is allowed, so that endless headers end in an error.
struct Metered<R> {
    inner: R,
    meter: Rc<Meter>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        let left = self.meter.left.get().checked_sub(read as u64);
        self.meter.left.set(left.ok_or_else(|| io::Error::other("its headers are too long"))?);
        self.meter.at_end.set(read == 0 && !out.is_empty());
        Ok(read)
    }
}

impl Seek for Metered<File> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}
