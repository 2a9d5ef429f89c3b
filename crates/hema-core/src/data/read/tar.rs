//! The members of tar archives and where their bytes lie, without unpacking anything.
//!
//! Links are counted and not followed, special files are skipped, and sizes are bounded before memory is
//! taken.

use std::cell::Cell;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use super::leftovers;
use super::listing::{Listing, is_ignored, is_table, most_images};
use super::member_name;
use super::sidecar::{MAX_SIDECAR, Sidecar, is_sidecar};
use crate::data::blob::{Blob, FilePart, Stream};
use crate::data::decode::has_picture_name;
use crate::data::place::{Coding, Place, check_file_size};
use crate::error::{Error, Result};
use crate::file::ReadAt;

/// Most bytes of tar headers between two members; a longer run would be read into memory.
const MAX_HEADERS: u64 = 1 << 20;
/// Most members of a tar archive.
const MAX_MEMBERS: u64 = 20_000_000;

/// The pictures of a tar archive, plain or gzipped. A gzipped one is read through once.
pub(super) fn list(path: &Path, file: &Arc<dyn ReadAt>, gzip: bool) -> Result<Listing> {
    let length = file.size();
    let meter = Rc::new(Meter { left: Cell::new(MAX_HEADERS), at_end: Cell::new(false) });
    let damaged = |e: io::Error| damaged_tar(path, &e);
    let most = MAX_MEMBERS.min(most_images(length));
    if gzip {
        let stream = Arc::new(Gzip(FilePart::whole(file)));
        let mut archive = ::tar::Archive::new(Metered { inner: stream.reader(), meter: Rc::clone(&meter) });
        let entries = archive.entries().map_err(damaged)?;
        let blob = Arc::new(Blob::Stream(stream));
        Walk { path, blob, meter, length: None, most }.list(entries)
    } else {
        let mut archive =
            ::tar::Archive::new(Metered { inner: FilePart::whole(file), meter: Rc::clone(&meter) });
        let entries = archive.entries_with_seek().map_err(damaged)?;
        let blob = Arc::new(Blob::File(Arc::clone(file)));
        Walk { path, blob, meter, length: Some(length), most }.list(entries)
    }
}

struct Walk<'a> {
    path: &'a Path,
    blob: Arc<Blob>,
    meter: Rc<Meter>,
    /// Length of the archive, where members can be skipped by seeking.
    length: Option<u64>,
    /// Most members that it may have.
    most: u64,
}

impl Walk<'_> {
    fn list<R: Read>(&self, entries: ::tar::Entries<'_, R>) -> Result<Listing> {
        let mut listing = Listing::default();
        for (number, entry) in (0..).zip(entries) {
            if number == self.most {
                let message = format!("holds more than {} files", self.most);
                return Err(Error::new(message).at(self.path));
            }
            let mut entry = entry.map_err(|e| damaged_tar(self.path, &e))?;
            self.meter.left.set(u64::MAX);
            self.add(&mut entry, &mut listing)?;
            if self.length.is_none() {
                // read the rest of the member here, so that the allowance covers headers alone
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

    fn add<R: Read>(&self, entry: &mut ::tar::Entry<'_, R>, listing: &mut Listing) -> Result<()> {
        let name = member_name::safe(self.path, &String::from_utf8_lossy(&entry.path_bytes()))?;
        if is_ignored(&name) {
            return Ok(());
        }
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            listing.leftovers.add_folder(&name);
            return Ok(());
        } else if !kind.is_file() {
            if kind.is_symlink() || kind.is_hard_link() {
                listing.leftovers.add_link(&name);
            }
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
        } else if is_table(&name) {
            let read = || {
                let mut text = Vec::new();
                entry.read_to_end(&mut text).map_err(|e| damaged_tar(self.path, &e))?;
                Ok(text)
            };
            listing.add_table(&name, size, read).map_err(at)?;
        } else if is_sidecar(&name) && size > MAX_SIDECAR {
            listing.sidecars.push((name, Sidecar::misread()));
        } else if is_sidecar(&name) {
            let mut text = Vec::new();
            entry.read_to_end(&mut text).map_err(|e| damaged_tar(self.path, &e))?;
            let sidecar = Sidecar::read(&name, &text);
            listing.sidecars.push((name, sidecar));
        } else {
            listing.leftovers.add(&name, || {
                let mut start = Vec::new();
                let read = entry.take(leftovers::START as u64).read_to_end(&mut start);
                read.map_err(|e| damaged_tar(self.path, &e))?;
                Ok(start)
            })?;
        }
        Ok(())
    }
}

fn damaged_tar(path: &Path, error: &io::Error) -> Error {
    Error::inside(error, || {
        Error::new(format!("is not a readable tar archive: {error}"))
            .at(path)
            .with_kind(error.kind().into())
            .hint("it may be truncated; copy or download it again")
    })
}

/// The progress of reading an archive.
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

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

/// A gzipped file.
struct Gzip(FilePart);

impl Stream for Gzip {
    fn reader(&self) -> Box<dyn Read + Send> {
        Box::new(MultiGzDecoder::new(BufReader::new(self.0.clone())))
    }
}
