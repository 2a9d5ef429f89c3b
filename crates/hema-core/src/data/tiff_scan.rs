//! Whether a TIFF file is whole: each strip or tile of its first page lies in the file, is long enough, and
//! inflates to what its checksum says. The decoder believes any place and fills up what is missing.

use std::io::{Cursor, Read};

use flate2::read::ZlibDecoder;
use tiff::TiffResult;
use tiff::decoder::Decoder;
use tiff::tags::{CompressionMethod, Tag};

use crate::error::{Error, Result};

/// Bytes of the header, which no strip can lie in.
const HEADER: u64 = 8;

/// Checks that a TIFF file is whole. One whose tags cannot be read passes: the decoder refuses it.
///
/// # Errors
/// The first strip or tile that is not.
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    let Ok(Some(page)) = Page::read(bytes) else { return Ok(()) };
    for (number, ((offset, length), needed)) in
        page.offsets.iter().zip(&page.lengths).zip(&page.needed).enumerate()
    {
        let fault = |what: &str| {
            let place = format!("strip {} of {}", number + 1, page.offsets.len());
            Err(Error::new(format!("is a damaged TIFF image: its {place} {what}")))
        };
        let end = offset.checked_add(*length).filter(|end| *offset >= HEADER && *end <= bytes.len() as u64);
        let Some(end) = end else { return fault("lies outside the file") };
        let data = &bytes[*offset as usize..end as usize];
        match page.compression {
            Some(CompressionMethod::None) if (data.len() as u64) < *needed => return fault("is too short"),
            Some(CompressionMethod::Deflate | CompressionMethod::OldDeflate) if !inflates(data, *needed) => {
                return fault("cannot be inflated, or to something else than its checksum says");
            }
            _ if data.is_empty() => return fault("is empty"),
            _ => {}
        }
    }
    Ok(())
}

/// The strips or tiles of a page.
struct Page {
    compression: Option<CompressionMethod>,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    /// Bytes that each holds of the picture, not compressed.
    needed: Vec<u64>,
}

impl Page {
    /// Reads the tags of the first page; `None` where some are missing.
    fn read(bytes: &[u8]) -> TiffResult<Option<Self>> {
        let mut decoder = Decoder::new(Cursor::new(bytes))?;
        let mut numbers = |tags: [Tag; 2]| -> TiffResult<Option<Vec<u64>>> {
            for tag in tags {
                if let Some(numbers) = decoder.find_tag_unsigned_vec(tag)? {
                    return Ok(Some(numbers));
                }
            }
            Ok(None)
        };
        let offsets = numbers([Tag::TileOffsets, Tag::StripOffsets])?;
        let lengths = numbers([Tag::TileByteCounts, Tag::StripByteCounts])?;
        let (Some(offsets), Some(lengths)) = (offsets, lengths) else { return Ok(None) };
        let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression)?;
        let chunk = |number| Ok(decoder.image_chunk_buffer_layout(number)?.len as u64);
        let needed = (0..offsets.len() as u32).map(chunk).collect::<TiffResult<_>>()?;
        // none is the same as no compression
        let compression = CompressionMethod::from_u16(compression.unwrap_or(1));
        Ok(Some(Self { compression, offsets, lengths, needed }))
    }
}

/// Whether data inflates to at least so many bytes, with the checksum that it claims.
fn inflates(data: &[u8], needed: u64) -> bool {
    std::io::copy(&mut ZlibDecoder::new(data).take(needed + (1 << 20)), &mut std::io::sink())
        .is_ok_and(|made| made >= needed)
}
