//! Bytes that are read where they lie.

use std::fs::File;
use std::io;

use super::read::read_exact_at;

/// Bytes that can be read at any position, by any number of threads at once: a file, or something like one
/// that lies elsewhere.
pub trait ReadAt: Send + Sync {
    /// Number of bytes.
    fn size(&self) -> u64;

    /// Fills `out` from a position; all of it lies within the size.
    ///
    /// # Errors
    /// Bytes that cannot be read. An [`Error`](crate::Error) inside of the `io::Error` is told as it is.
    fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Reads `len` bytes at a position. Memory is taken only for what is there.
    ///
    /// # Errors
    /// A part that does not lie within the size; bytes that cannot be read.
    fn bytes(&self, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        if offset.checked_add(len).is_none_or(|end| end > self.size()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; len as usize];
        self.fill(offset, &mut bytes)?;
        Ok(bytes)
    }
}

impl ReadAt for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        out.copy_from_slice(&self[offset as usize..][..out.len()]);
        Ok(())
    }
}

impl ReadAt for File {
    fn size(&self) -> u64 {
        self.metadata().map_or(0, |metadata| metadata.len())
    }

    fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        read_exact_at(self, out, offset)
    }
}
