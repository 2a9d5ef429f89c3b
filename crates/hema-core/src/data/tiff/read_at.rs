//! Bytes that are read where they lie.

use std::fs::File;
use std::io;

use crate::file;

/// Bytes that can be read at any position.
pub(crate) trait ReadAt {
    /// Number of bytes.
    fn size(&self) -> u64;

    /// Fills `out` from a position; all of it lies within the size.
    fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Reads `len` bytes at a position. Memory is taken only for what is there.
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
        file::read_exact_at(self, out, offset)
    }
}
