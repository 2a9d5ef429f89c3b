//! Parts of a Parquet file, for several readers at a time.

use std::io::{BufReader, Read};
use std::sync::Arc;

use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;

use crate::data::blob::FilePart;
use crate::file::ReadAt;

/// A file that several readers read parts of.
#[derive(Clone)]
pub(super) struct Chunks {
    file: Arc<dyn ReadAt>,
    len: u64,
}

impl Chunks {
    pub(super) fn new(file: &Arc<dyn ReadAt>) -> Self {
        Self { file: Arc::clone(file), len: file.size() }
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
