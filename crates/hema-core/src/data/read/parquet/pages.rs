//! The sizes that the pages of a column claim, checked before a reader takes memory for them: lengths against
//! the file's, the number of values against lengths.
//!
//! The headers are Thrift structs in its compact encoding, of which only the few numbers asked for are looked
//! at.

use std::io::{self, Read};

use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::reader::{ChunkReader, Length};

use super::chunks::Chunks;
use crate::error::{Error, Result};

/// Most bytes that snappy makes of one. Zstd makes any number of one, where a page says the same over and
/// over, but writers make such pages small.
const MAX_RATIO: u64 = 32;
const MAX_REPETITIVE: u64 = 4 << 20;
/// Fewest bytes of a value in a dictionary, unpacked: a text has its length before it.
const SHORTEST_VALUE: u64 = 4;
/// Largest page, in bytes: one image of the largest size accepted, and a little.
const MAX_PAGE: u64 = 512 << 20;
/// The type of a page that is a dictionary, and the encodings that refer to one (`PLAIN_DICTIONARY`,
/// `RLE_DICTIONARY`).
const DICTIONARY_PAGE: u64 = 2;
const DICTIONARY_ENCODINGS: [u64; 2] = [2, 8];
/// The encoding whose values begin like those before them (`DELTA_BYTE_ARRAY`), so that each can be long and
/// take a few bytes.
const PREFIXES: u64 = 7;
/// Deepest nesting of a header.
const MAX_DEPTH: usize = 8;

/// Walks over the page headers of a column. Tells whether its values may be far longer than the pages.
pub(super) fn check(chunks: &Chunks, column: &ColumnChunkMetaData) -> Result<bool> {
    let invalid = || Error::new("is not a readable Parquet file: a column lies beyond its end");
    let offset = |offset: i64| u64::try_from(offset).map_err(|_| invalid());
    let start = offset(column.dictionary_page_offset().unwrap_or(column.data_page_offset()))?;
    let start = start.min(offset(column.data_page_offset())?);
    let end = start.checked_add(offset(column.compressed_size())?).ok_or_else(invalid)?;
    if end > chunks.len() || column.num_values() < 0 {
        return Err(invalid());
    }
    let (mut has_dictionary, mut has_prefixes) = (false, false);
    let mut position = start;
    while position < end {
        let header = chunks
            .get_read(position)
            .map_err(io::Error::from)
            .and_then(|reader| Header::read(reader.take(end - position)));
        let header = header.map_err(|e| {
            Error::inside(&e, || Error::new(format!("is not a readable Parquet file: a page's header: {e}")))
        })?;
        header.check()?;
        has_dictionary |= header.kind == DICTIONARY_PAGE;
        has_prefixes |= header.encoding == PREFIXES;
        if DICTIONARY_ENCODINGS.contains(&header.encoding) && !has_dictionary {
            return Err(Error::new(
                "is not a readable Parquet file: a page refers to a dictionary that is not there",
            ));
        }
        position = position.saturating_add(header.len).saturating_add(header.packed);
    }
    if position > end {
        return Err(invalid());
    }
    Ok(has_prefixes)
}

/// The header of a page.
#[derive(Default)]
struct Header {
    /// Bytes of the header.
    len: u64,
    /// Bytes of the page in the file, and unpacked.
    packed: u64,
    unpacked: u64,
    /// The type of the page.
    kind: u64,
    /// How the values of a data page are encoded.
    encoding: u64,
    /// Values of a dictionary.
    entries: u64,
}

impl Header {
    fn read(reader: impl Read) -> io::Result<Self> {
        let mut thrift = Thrift { reader, read: 0 };
        let mut header = Self::default();
        thrift.fields(&mut |path, value| match path {
            [1] => header.kind = value,
            [2] => header.unpacked = value,
            [3] => header.packed = value,
            // the headers of data pages, of either version, and of a dictionary page
            [5, 2] | [8, 4] => header.encoding = value,
            [7, 1] => header.entries = value,
            _ => {}
        })?;
        header.len = thrift.read;
        Ok(header)
    }

    fn check(&self) -> Result<()> {
        let Self { packed, unpacked, entries, .. } = *self;
        if unpacked > MAX_PAGE
            || unpacked > packed.saturating_mul(MAX_RATIO).saturating_add(MAX_REPETITIVE)
            || entries > unpacked / SHORTEST_VALUE
        {
            let message =
                format!("holds a page that claims {unpacked} bytes and {entries} values in {packed} bytes");
            return Err(Error::new(message));
        }
        Ok(())
    }
}

/// Reads Thrift's compact encoding.
struct Thrift<R> {
    reader: R,
    read: u64,
}

impl<R: Read> Thrift<R> {
    /// Calls `each` with the path of field numbers and the value of every number in a struct.
    fn fields(&mut self, each: &mut dyn FnMut(&[i64], u64)) -> io::Result<()> {
        self.structure(&mut Vec::new(), each)
    }

    fn structure(&mut self, path: &mut Vec<i64>, each: &mut dyn FnMut(&[i64], u64)) -> io::Result<()> {
        if path.len() >= MAX_DEPTH {
            return Err(io::Error::other("is nested too deeply"));
        }
        let mut field = 0_i64;
        loop {
            let start = self.byte()?;
            if start == 0 {
                return Ok(());
            }
            field = match start >> 4 {
                0 => self.zigzag()?,
                step => field.wrapping_add(i64::from(step)),
            };
            path.push(field);
            self.value(start & 15, path, each)?;
            path.pop();
        }
    }

    fn value(&mut self, kind: u8, path: &mut Vec<i64>, each: &mut dyn FnMut(&[i64], u64)) -> io::Result<()> {
        match kind {
            // true, false
            1 | 2 => {}
            3 => drop(self.byte()?),
            4..=6 => {
                let value = self.zigzag()?;
                // a negative length is beyond every limit
                each(path, u64::try_from(value).unwrap_or(u64::MAX));
            }
            7 => self.skip(8)?,
            8 => {
                let len = self.varint()?;
                self.skip(len)?;
            }
            9 | 10 => {
                let start = self.byte()?;
                let count = if start >> 4 == 15 { self.varint()? } else { u64::from(start >> 4) };
                for _ in 0..count {
                    // in a list, truth values take a byte
                    match start & 15 {
                        1 | 2 => drop(self.byte()?),
                        kind => self.value(kind, path, &mut |_, _| ())?,
                    }
                }
            }
            12 => self.structure(path, each)?,
            _ => return Err(io::Error::other("holds an unknown type")),
        }
        Ok(())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte)?;
        self.read += 1;
        Ok(byte[0])
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(io::Error::other("holds an endless number"))
    }

    fn zigzag(&mut self) -> io::Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn skip(&mut self, len: u64) -> io::Result<()> {
        self.read = self.read.saturating_add(len);
        if io::copy(&mut (&mut self.reader).take(len), &mut io::sink())? == len {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}
