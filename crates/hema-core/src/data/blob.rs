//! Bytes that many entries lie in: read at any position, or front to back only when they are packed as a
//! whole.
//!
//! How they are packed is the business of the reader that hands in a [`Stream`].

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::scattered::Scattered;
use crate::file::ReadAt;

/// A run of bytes that many entries lie in. Offsets count unpacked bytes.
pub(super) enum Blob {
    /// A file, as it is, wherever it lies.
    File(Arc<dyn ReadAt>),
    /// Images of an array in Fortran order.
    Scattered(Scattered),
    /// Bytes that can only be read from the start.
    Stream(Arc<dyn Stream>),
}

impl Blob {
    /// Reads `len` bytes at `offset`. On a stream this starts over; [`Cursor`] does not.
    pub(super) fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::File(file) => {
                let mut bytes = vec![0; len];
                file.fill(offset, &mut bytes)?;
                Ok(bytes)
            }
            Self::Scattered(images) => images.read(offset, len),
            Self::Stream(stream) => Cursor::new(stream).read(offset, len),
        }
    }
}

/// The packed contents of a file or of a part of it.
pub(super) trait Stream: Send + Sync {
    /// The unpacked bytes from the start.
    fn reader(&self) -> Box<dyn Read + Send>;
}

/// Reads a stream in order, skipping bytes that nobody asks for.
pub(super) struct Cursor {
    stream: Arc<dyn Stream>,
    reader: Box<dyn Read + Send>,
    position: u64,
}

impl Cursor {
    /// A cursor at the stream's start.
    pub(super) fn new(stream: &Arc<dyn Stream>) -> Self {
        Self { stream: Arc::clone(stream), reader: stream.reader(), position: 0 }
    }

    /// Whether this cursor reads `stream`.
    pub(super) fn is_on(&self, stream: &Arc<dyn Stream>) -> bool {
        Arc::ptr_eq(&self.stream, stream)
    }

    /// Reads `len` bytes at `offset`; going back starts over.
    pub(super) fn read(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        if offset < self.position {
            *self = Self::new(&self.stream);
        }
        io::copy(&mut (&mut self.reader).take(offset - self.position), &mut io::sink())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len)?;
        if (&mut self.reader).take(len as u64).read_to_end(&mut bytes)? < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position = offset + len as u64;
        Ok(bytes)
    }
}

/// Reads part of a shared file without moving anyone else's position. Positions count from the part's start.
#[derive(Clone)]
pub(super) struct FilePart {
    file: Arc<dyn ReadAt>,
    start: u64,
    len: u64,
    position: u64,
}

impl FilePart {
    /// The whole file.
    pub(super) fn whole(file: &Arc<dyn ReadAt>) -> Self {
        Self::new(file, 0, u64::MAX)
    }

    /// The `len` bytes at `offset`, as far as the file has them.
    pub(super) fn new(file: &Arc<dyn ReadAt>, offset: u64, len: u64) -> Self {
        let len = len.min(file.size().saturating_sub(offset));
        Self { file: Arc::clone(file), start: offset, len, position: 0 }
    }
}

impl Read for FilePart {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        self.file.fill(self.start + self.position, &mut out[..wanted])?;
        self.position += wanted as u64;
        Ok(wanted)
    }
}

impl Seek for FilePart {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
