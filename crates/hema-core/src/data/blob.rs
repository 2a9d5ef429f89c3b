//! Bytes that many entries lie in: read at any position, or front to back only when they are packed as a
//! whole.
//!
//! How they are packed is the business of the reader that hands in a [`Stream`].

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use super::scattered::Scattered;
use crate::file::{read_at, read_exact_at};

/// A run of bytes that many entries lie in. Offsets count unpacked bytes.
pub(super) enum Blob {
    /// A file, as it is.
    File(Arc<File>),
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
                read_exact_at(file, &mut bytes, offset)?;
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

/// Reads part of a shared file without moving anyone else's position.
#[derive(Clone)]
pub(super) struct FilePart {
    file: Arc<File>,
    position: u64,
    end: u64,
}

impl FilePart {
    /// The whole file.
    pub(super) fn whole(file: &Arc<File>) -> Self {
        Self::new(file, 0, u64::MAX)
    }

    /// The `len` bytes at `offset`.
    pub(super) fn new(file: &Arc<File>, offset: u64, len: u64) -> Self {
        Self { file: Arc::clone(file), position: offset, end: offset.saturating_add(len) }
    }
}

impl Read for FilePart {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        let read = read_at(&self.file, &mut out[..wanted], self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}
