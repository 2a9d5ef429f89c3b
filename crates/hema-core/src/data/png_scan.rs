//! Whether a PNG file is whole: the checksums of all its chunks and of its pixels, and its end. The decoder
//! stops reading when it has its pixels, and leaves some of them out.

use flate2::{Decompress, FlushDecompress, Status};

use crate::error::{Error, Result};

const SIGNATURE: usize = 8;
/// Bytes inflated at a time; nothing of them is kept.
const ROOM: usize = 1 << 15;

/// Checks that a PNG file is whole.
///
/// # Errors
/// The first fault, and the name of the chunk where it is.
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    let mut pixels = Pixels { inflater: Decompress::new(true), room: vec![0; ROOM], is_over: false };
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    loop {
        let chunk = chunk(rest)
            .ok_or_else(|| Error::new("is a truncated PNG image (it ends before its end chunk)"))?;
        let name = String::from_utf8_lossy(chunk.name);
        if !chunk.is_intact() {
            let message =
                format!("is a damaged PNG image: its chunk {name} does not have the checksum it claims");
            return Err(Error::new(message));
        }
        match chunk.name {
            b"IDAT" => pixels.inflate(chunk.data).ok_or_else(|| {
                Error::new("is a damaged PNG image: its pixels do not have the checksum they claim")
            })?,
            b"IEND" if !pixels.is_over => {
                return Err(Error::new("is a damaged PNG image: its pixels end early"));
            }
            b"IEND" => return Ok(()),
            _ => {}
        }
        rest = chunk.rest;
    }
}

/// A chunk, and what stands behind it.
struct Chunk<'a> {
    name: &'a [u8; 4],
    data: &'a [u8],
    checksum: u32,
    rest: &'a [u8],
}

impl Chunk<'_> {
    fn is_intact(&self) -> bool {
        let mut sum = flate2::Crc::new();
        sum.update(self.name);
        sum.update(self.data);
        sum.sum() == self.checksum
    }
}

fn chunk(bytes: &[u8]) -> Option<Chunk<'_>> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (name, rest) = rest.split_first_chunk()?;
    let (data, rest) = rest.split_at_checked(length)?;
    let (checksum, rest) = rest.split_first_chunk()?;
    Some(Chunk { name, data, checksum: u32::from_be_bytes(*checksum), rest })
}

/// The pixels, inflated to nowhere.
struct Pixels {
    inflater: Decompress,
    room: Vec<u8>,
    is_over: bool,
}

impl Pixels {
    /// Inflates another piece; `None` where it is not what it ought to be.
    fn inflate(&mut self, mut piece: &[u8]) -> Option<()> {
        while !self.is_over {
            let (taken, made) = (self.inflater.total_in(), self.inflater.total_out());
            let status = self.inflater.decompress(piece, &mut self.room, FlushDecompress::None).ok()?;
            let taken = (self.inflater.total_in() - taken) as usize;
            piece = &piece[taken..];
            self.is_over = status == Status::StreamEnd;
            if taken == 0 && self.inflater.total_out() == made {
                break;
            }
        }
        Some(())
    }
}
