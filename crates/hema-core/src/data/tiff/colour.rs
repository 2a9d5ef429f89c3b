//! TIFF pictures whose numbers are no red, green and blue: positions in a palette, or brightness and two
//! differences of colour (YCbCr). The decoder gives the numbers as they are.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use image::RgbImage;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError, TiffResult};

use super::directory::{Directory, Layout, tag};

/// The meaning of the numbers, by the field that tells it.
const BLACK_IS_ZERO: u64 = 1;
const PALETTE: u64 = 3;
const YCBCR: u64 = 6;
/// Shares of red, green and blue in brightness, by ITU-R BT.601, unless a file tells others.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// A picture whose numbers are to be turned into colours.
pub(crate) struct Coloured<'a> {
    decoder: Decoder<Patched<'a>>,
    is_palette: bool,
}

/// A file of which two bytes are read as others.
struct Patched<'a> {
    file: Cursor<&'a [u8]>,
    /// Where they are, and what is read there; `None` where all is read as it is.
    patch: Option<(u64, [u8; 2])>,
}

impl Read for Patched<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let start = self.file.position();
        let read = self.file.read(out)?;
        if let Some((at, bytes)) = self.patch {
            for (at, byte) in [at, at + 1].into_iter().zip(bytes) {
                let place = at.checked_sub(start).and_then(|place| out[..read].get_mut(place as usize));
                if let Some(place) = place {
                    *place = byte;
                }
            }
        }
        Ok(read)
    }
}

impl Seek for Patched<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

/// The decoder's limits for a picture of this many bytes at most.
pub(crate) fn limits(memory: u64) -> Limits {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = memory as usize;
    limits.intermediate_buffer_size = memory as usize;
    limits
}

impl<'a> Coloured<'a> {
    /// Opens a file of this kind; `None` for any other.
    pub(crate) fn open(bytes: &'a [u8]) -> Option<TiffResult<Self>> {
        let (layout, first) = Layout::of(&bytes).ok()??;
        let directory = Directory::read(&bytes, layout, first).ok()?;
        let photometric = directory.number(tag::PHOTOMETRIC, layout)?;
        if photometric != PALETTE && photometric != YCBCR {
            return None;
        }
        let mut file = Patched { file: Cursor::new(bytes), patch: None };
        if photometric == PALETTE {
            // the decoder refuses palettes, yet reads positions as if they were levels of grey
            let grey = layout.written(BLACK_IS_ZERO, 2).first_chunk().copied()?;
            file.patch = Some((directory.find(tag::PHOTOMETRIC)?.cell_at, grey));
        }
        Some(Decoder::new(file).map(|decoder| Self { decoder, is_palette: photometric == PALETTE }))
    }

    /// Width and height in pixels.
    pub(crate) fn dimensions(&mut self) -> TiffResult<(u32, u32)> {
        self.decoder.dimensions()
    }

    /// The camera's orientation, as EXIF numbers it.
    pub(crate) fn orientation(&mut self) -> Option<u8> {
        self.decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten()
    }

    /// The kind of its numbers.
    pub(crate) fn color_type(&mut self) -> TiffResult<ColorType> {
        self.decoder.colortype()
    }

    /// The picture in red, green and blue, with a limit on the memory that it takes, in bytes.
    pub(crate) fn read(mut self, memory: u64) -> TiffResult<RgbImage> {
        self.decoder = self.decoder.with_limits(limits(memory));
        let (width, height) = self.dimensions()?;
        let pixels = if self.is_palette { self.palette(width as usize)? } else { self.ycbcr()? };
        RgbImage::from_raw(width, height, pixels).ok_or_else(|| unexpected("has another size than it says"))
    }

    fn palette(&mut self, width: usize) -> TiffResult<Vec<u8>> {
        let bits = self.decoder.colortype()?.bit_depth();
        let samples = usize::from(self.decoder.colortype()?.num_samples());
        let levels = self.decoder.get_tag_u16_vec(Tag::ColorMap)?;
        let colours = levels.len() / 3;
        // some writers fill only the lower half of each level
        let shift = if levels.iter().any(|level| *level > 255) { 8 } else { 0 };
        let colour = |position: u16| {
            let position = usize::from(position);
            let level = |channel: usize| (levels[channel * colours + position] >> shift) as u8;
            (position < colours).then(|| [0, 1, 2].map(level))
        };
        let mut numbers = DecodingResult::U8(Vec::new());
        self.decoder.read_image_to_buffer(&mut numbers)?;
        let positions: Vec<u16> = match numbers {
            DecodingResult::U8(rows) if bits < 8 && samples == 1 => {
                let in_row = (width * usize::from(bits)).div_ceil(8);
                rows.chunks_exact(in_row).flat_map(|row| unpacked(row, bits).take(width)).collect()
            }
            DecodingResult::U8(numbers) => numbers.into_iter().step_by(samples).map(u16::from).collect(),
            DecodingResult::U16(numbers) => numbers.into_iter().step_by(samples).collect(),
            _ => return Err(unexpected("has a palette of an unknown kind")),
        };
        let mut pixels = Vec::with_capacity(positions.len() * 3);
        for position in positions {
            pixels.extend(
                colour(position).ok_or_else(|| unexpected("has a pixel without a colour in the palette"))?,
            );
        }
        Ok(pixels)
    }

    fn ycbcr(&mut self) -> TiffResult<Vec<u8>> {
        let luma = self.decoder.get_tag_f32_vec(Tag::Unknown(529)).unwrap_or_default();
        let [red, green, blue] = <[f32; 3]>::try_from(luma).ok().filter(is_luma).unwrap_or(LUMA);
        let mut numbers = DecodingResult::U8(Vec::new());
        let layout = self.decoder.read_image_to_buffer(&mut numbers)?;
        let DecodingResult::U8(numbers) = numbers else {
            return Err(unexpected("has YCbCr colours of more than 8 bits"));
        };
        let to_rgb = |[y, cb, cr]: [u8; 3]| {
            let [y, cb, cr] = [f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0];
            let (r, b) = (y + cr * (2.0 - 2.0 * red), y + cb * (2.0 - 2.0 * blue));
            let g = (y - red * r - blue * b) / green;
            [r, g, b].map(|level| level.round().clamp(0.0, 255.0) as u8)
        };
        if layout.planes < 3 {
            return Ok(numbers.as_chunks::<3>().0.iter().flat_map(|pixel| to_rgb(*pixel)).collect());
        }
        let plane = numbers.len() / layout.planes;
        Ok((0..plane)
            .flat_map(|i| to_rgb([numbers[i], numbers[plane + i], numbers[2 * plane + i]]))
            .collect())
    }
}

/// Whether shares of brightness can be ones.
fn is_luma(shares: &[f32; 3]) -> bool {
    shares.iter().all(|share| (0.01..1.0).contains(share)) && (shares.iter().sum::<f32>() - 1.0).abs() < 0.01
}

/// The numbers of a row, of fewer than eight bits each.
fn unpacked(row: &[u8], bits: u8) -> impl Iterator<Item = u16> {
    let mask = (1 << bits) - 1;
    let numbers = move |byte: u8| (0..8 / bits).rev().map(move |i| u16::from(byte >> (i * bits)) & mask);
    row.iter().flat_map(move |byte| numbers(*byte))
}

fn unexpected(what: &str) -> TiffError {
    TiffError::IoError(std::io::Error::other(what.to_owned()))
}
