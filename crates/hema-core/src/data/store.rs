//! Where decoded pixels are kept: in memory, or in a temporary file once they are more than the memory
//! allowed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::file::read_exact_at;

/// Equally long images, numbered in the order they were added.
pub(super) enum Store {
    Memory(Vec<u8>),
    /// An unlinked file: the system removes it when the program ends, however it ends.
    File(File),
}

/// A store being filled.
pub(super) enum Filling {
    Memory(Vec<u8>),
    File(BufWriter<File>),
}

impl Filling {
    /// Makes room for `bytes` bytes: in memory if that fits the budget, else on disk.
    pub(super) fn new(bytes: u64, memory_budget: u64) -> Result<Self> {
        if bytes > memory_budget {
            let file = tempfile::tempfile().map_err(|e| disk_error(&e))?;
            return Ok(Self::File(BufWriter::with_capacity(1 << 20, file)));
        }
        let mut pixels = Vec::new();
        pixels.try_reserve_exact(bytes as usize).map_err(|_| {
            Error::new(format!("{} MiB of memory for the images cannot be had", bytes >> 20)).hint(
                "allow less memory, so that the images go to a temporary file, or use a smaller image size",
            )
        })?;
        Ok(Self::Memory(pixels))
    }

    /// Adds one image.
    pub(super) fn push(&mut self, image: &[u8]) -> Result<()> {
        match self {
            Self::Memory(pixels) => pixels.extend_from_slice(image),
            Self::File(file) => file.write_all(image).map_err(|e| disk_error(&e))?,
        }
        Ok(())
    }

    /// Ends the filling.
    pub(super) fn finish(self) -> Result<Arc<Store>> {
        Ok(Arc::new(match self {
            Self::Memory(pixels) => Store::Memory(pixels),
            Self::File(file) => Store::File(file.into_inner().map_err(|e| disk_error(e.error()))?),
        }))
    }
}

impl Store {
    /// Whether the images are in memory rather than in a file.
    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    /// Copies image `number` into `out`, whose length is that of one image.
    pub(super) fn read(&self, number: usize, out: &mut [u8]) -> Result<()> {
        match self {
            Self::Memory(pixels) => out.copy_from_slice(&pixels[number * out.len()..][..out.len()]),
            Self::File(file) => {
                read_exact_at(file, out, (number * out.len()) as u64).map_err(|e| disk_error(&e))?;
            }
        }
        Ok(())
    }
}

fn disk_error(error: &std::io::Error) -> Error {
    Error::new(format!("the temporary file for decoded images failed: {error}"))
        .at(std::env::temp_dir())
        .with_kind(error.kind().into())
        .hint("free some space there, point TMPDIR to a larger disk, or allow more memory")
}
