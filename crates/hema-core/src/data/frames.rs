//! Whether a picture file holds more frames or pages than the one that is read: only the outer structure of
//! a file is looked at, nothing is decoded.

use image::ImageFormat;

use super::tiff;

/// Whether there are further frames or pages.
pub(super) fn has_further_frames(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Gif => has_several_gif_frames(bytes).unwrap_or(false),
        ImageFormat::Png => has_several_png_frames(bytes).unwrap_or(false),
        ImageFormat::WebP => chunks_of_webp(bytes).filter(|name| *name == b"ANMF").count() > 1,
        ImageFormat::Tiff => tiff::pages(&bytes).is_ok_and(|pages| pages.images.len() > 1),
        _ => false,
    }
}

/// Whether a GIF file has a second frame; `None` where it ends before.
fn has_several_gif_frames(bytes: &[u8]) -> Option<bool> {
    let first = first_gif_frame(bytes)?;
    // the colours of the frame, and the length of its codes
    let behind = after_blocks(first.get(10 + gif_colours(*first.get(8)?)..)?)?;
    next_gif_frame(behind).map(|frame| frame != END)
}

/// The first frame of a GIF file and all behind it, from its place and size on; `None` where there is none.
pub(super) fn first_gif_frame(bytes: &[u8]) -> Option<&[u8]> {
    next_gif_frame(bytes.get(13 + gif_colours(*bytes.get(10)?)..)?).filter(|frame| *frame != END)
}

/// No frame.
const END: &[u8] = &[];

/// The next frame among the blocks of a GIF file, [`END`] where it has no further; `None` where it is cut off
/// before.
fn next_gif_frame(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest.first()? {
            // an extension, and its kind
            0x21 => after_blocks(rest.get(2..)?)?,
            0x2c => return rest.get(1..).filter(|frame| *frame != END),
            _ => return Some(END),
        };
    }
}

/// Bytes of a table of colours, by the flags that tell whether there is one.
fn gif_colours(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// The bytes behind a run of blocks, each with its length before it, and an empty one at the end.
fn after_blocks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let len = usize::from(*rest.first()?);
        rest = rest.get(1 + len..)?;
        if len == 0 {
            return Some(rest);
        }
    }
}

/// The number of frames stands in a chunk before the pixels.
fn has_several_png_frames(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.get(8..)?;
    loop {
        let len = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        match rest.get(4..8)? {
            b"acTL" => return Some(u32::from_be_bytes(rest.get(8..12)?.try_into().ok()?) > 1),
            b"IDAT" | b"IEND" => return Some(false),
            _ => rest = rest.get(len.checked_add(12)?..)?,
        }
    }
}

/// Names of the chunks of a WebP file.
fn chunks_of_webp(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, len) = (rest.get(..4)?, u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?) as usize);
        rest = rest.get(len.checked_add(8 + len % 2)?..).unwrap_or_default();
        Some(name)
    })
}
