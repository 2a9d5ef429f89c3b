//! Equally long rows in a temporary file, numbered from 0: facts about every image, without the memory
//! for it.

use std::fs::File;
use std::io;

use crate::error::{Error, Result};
use crate::file::{read_exact_at, write_all_at};

/// Rows that are read at a time when all are.
const BLOCK: usize = 256;

/// Rows of `N` bytes in an unlinked file: the system removes it when the program ends, however it ends.
pub(crate) struct Rows<const N: usize> {
    file: File,
    len: usize,
}

impl<const N: usize> Rows<N> {
    /// The given number of rows of zeros.
    pub(crate) fn new(len: usize) -> Result<Self> {
        let file = tempfile::tempfile().map_err(|e| disk_error(&e))?;
        file.set_len((len * N) as u64).map_err(|e| disk_error(&e))?;
        Ok(Self { file, len })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Replaces a row, which must be one of those there are.
    pub(crate) fn write(&self, row: usize, bytes: &[u8; N]) -> Result<()> {
        write_all_at(&self.file, bytes, (row * N) as u64).map_err(|e| disk_error(&e))
    }

    /// Reads a row.
    pub(crate) fn read(&self, row: usize) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        read_exact_at(&self.file, &mut bytes, (row * N) as u64).map_err(|e| disk_error(&e))?;
        Ok(bytes)
    }

    /// Goes over all rows in order.
    pub(crate) fn each(&self, mut visit: impl FnMut(usize, &[u8; N]) -> Result<()>) -> Result<()> {
        let mut block = vec![0; BLOCK * N];
        for first in (0..self.len).step_by(BLOCK) {
            let block = &mut block[..BLOCK.min(self.len - first) * N];
            read_exact_at(&self.file, block, (first * N) as u64).map_err(|e| disk_error(&e))?;
            for (number, bytes) in block.as_chunks::<N>().0.iter().enumerate() {
                visit(first + number, bytes)?;
            }
        }
        Ok(())
    }
}

fn disk_error(error: &io::Error) -> Error {
    Error::new(format!("the temporary file for measurements failed: {error}"))
        .at(std::env::temp_dir())
        .with_kind(error.kind().into())
        .hint("free some space there, or point TMPDIR to a larger disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_were_written_in_any_order() {
        let len = 2 * BLOCK + 3;
        let rows = Rows::<4>::new(len).unwrap();
        // the last stays unwritten
        for row in (0..len - 1).rev() {
            rows.write(row, &(row as u32).to_le_bytes()).unwrap();
        }
        let expected = |row: usize| if row == len - 1 { 0 } else { row as u32 };
        let mut seen = 0;
        rows.each(|row, bytes| {
            assert_eq!((row, u32::from_le_bytes(*bytes)), (seen, expected(row)));
            assert_eq!(rows.read(row)?, *bytes);
            seen += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, len);
        assert!(rows.read(len).is_err());
        Rows::<4>::new(0).unwrap().each(|_, _| unreachable!()).unwrap();
    }
}
