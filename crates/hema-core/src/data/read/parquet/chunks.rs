//! Parts of a Parquet file, for several readers at a time.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;

use crate::data::blob::FilePart;
use crate::error::{Error, Result};
use crate::file;

/// A file that several readers read parts of.
#[derive(Clone)]
pub(super) struct Chunks {
    file: Arc<File>,
    len: u64,
}

impl Chunks {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = file::open(path)?;
        let len = file.metadata().map_err(|e| Error::io(path, &e))?.len();
        Ok(Self { file: Arc::new(file), len })
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<FilePart>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(BufReader::new(FilePart::new(&self.file, start, self.len.saturating_sub(start))))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.len) {
            return Err(ParquetError::EOF("a part lies beyond the end of the file".to_owned()));
        }
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
