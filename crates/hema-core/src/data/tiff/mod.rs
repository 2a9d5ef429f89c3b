//! What Hema does with TIFF files itself, beside the decoder: `directory` reads what a file says of each page,
//! `pages` finds the pages that are images and makes a file of one, `colour` turns palettes and YCbCr into RGB.

mod colour;
mod directory;
mod pages;

use std::fs::File;
use std::io;

pub(super) use self::colour::Coloured;
pub(super) use self::pages::{Pages, page_file, pages};
use crate::file;

/// The first bytes of TIFF files of up to 4 GiB and of larger ones ("`BigTIFF`"), in either byte order.
const STARTS: [&[u8; 4]; 4] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];

/// Whether a file begins like a TIFF file.
pub(super) fn is_tiff(start: &[u8]) -> bool {
    STARTS.iter().any(|known| start.starts_with(*known))
}

/// Whether a file is named like a TIFF file.
pub(super) fn has_tiff_name(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, end)| ["tif", "tiff"].iter().any(|known| known.eq_ignore_ascii_case(end)))
}

/// Bytes that can be read at any position.
pub(super) trait ReadAt {
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
