//! Pages of a TIFF file. A stack of pictures has one of full resolution for each; files of microscopes also
//! hold smaller copies of a page and masks, which are no pictures of their own.
//!
//! Only directories are read to find the pages, a few hundred bytes each. One page is decoded as a file of
//! its own that is made of its bytes, so that a stack of any length is read page by page.

use std::collections::HashSet;
use std::io;

use super::directory::{Directory, Layout, Values, tag};
use crate::data::memory::Reservation;
use crate::error::{Error, Result};
use crate::file::ReadAt;

/// Most pages of a file that are looked at; those behind them count as one that is left out.
const MAX_PAGES: u32 = 1 << 20;
/// Fewest bytes of a file for each of its pages: directories that lie over each other make any number.
const SMALLEST_PAGE: u64 = 64;
/// Largest field and largest page accepted, in bytes.
const MAX_FIELD: u64 = 16 << 20;
const MAX_PAGE: u64 = 256 << 20;

/// Fields that a decoder needs, and those that say how deep and how large the picture is. Others may point to
/// things that a single page leaves behind.
const KEPT: [u16; 36] = [
    256, 257, 258, 259, 262, 266, 270, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 292, 293, 296, 317,
    320, 322, 323, 324, 325, 338, 339, 340, 341, 347, 529, 530, 531, 532, 34675,
];

/// The pages of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pages {
    /// Pages that are images, in order.
    pub(crate) images: Vec<Page>,
    /// How many pages are smaller copies of others, or masks.
    pub(crate) left_out: u64,
}

/// A page of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Its number among all pages, from 1.
    pub(crate) number: u32,
    /// Where its directory begins.
    pub(crate) directory: u64,
}

impl Pages {
    /// Whether the file is no more than the picture on its first page.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.images[..], [] | [Page { number: 1, .. }])
    }
}

/// What is known of a page before it is judged.
struct Found {
    page: Page,
    /// Width and height, where the directory tells them.
    size: Option<(u64, u64)>,
    /// Marked as a smaller copy or a mask.
    marked: bool,
}

/// Finds the pages of a file; none in anything but a TIFF file. A page whose directory is damaged counts as
/// an image, which then cannot be read; a chain that comes back to a page ends there.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn pages(file: &dyn ReadAt) -> io::Result<Pages> {
    let Some((layout, mut at)) = Layout::of(file)? else { return Ok(Pages::default()) };
    let (mut found, mut seen, mut left_out) = (Vec::new(), HashSet::new(), 0);
    while at != 0 && seen.insert(at) {
        let page = Page { number: found.len() as u32 + 1, directory: at };
        if page.number > MAX_PAGES || u64::from(page.number - 1) * SMALLEST_PAGE > file.size() {
            left_out += 1;
            break;
        }
        let Ok(directory) = Directory::read(file, layout, at) else {
            found.push(Found { page, size: None, marked: false });
            break;
        };
        let number = |tag| directory.number(tag, layout);
        found.push(Found {
            page,
            size: number(tag::WIDTH).zip(number(tag::HEIGHT)),
            marked: number(tag::NEW_SUBFILE_TYPE).is_some_and(|bits| bits & 0b101 != 0)
                || number(tag::SUBFILE_TYPE) == Some(2),
        });
        left_out += directory.find(tag::SUB_DIRECTORIES).map_or(0, |field| field.count);
        at = directory.next;
    }
    Ok(judge(&found, left_out))
}

/// Tells images from smaller copies and masks: by their marks, else by their size.
fn judge(found: &[Found], left_out: u64) -> Pages {
    let unmarked = || found.iter().filter(|found| !found.marked);
    let largest = unmarked().filter_map(|found| found.size).max_by_key(|(w, h)| w.saturating_mul(*h));
    let is_copy =
        |found: &&Found| found.size.zip(largest).is_some_and(|(own, largest)| is_smaller_copy(own, largest));
    let mut images: Vec<Page> = unmarked().filter(|found| !is_copy(found)).map(|found| found.page).collect();
    if images.is_empty() {
        images.extend(found.first().map(|first| first.page));
    }
    Pages { left_out: left_out.saturating_add((found.len() - images.len()) as u64), images }
}

/// Whether a page has the proportions of another and at most about half its width: a level of a pyramid.
fn is_smaller_copy(own: (u64, u64), largest: (u64, u64)) -> bool {
    let [w, h, full_w, full_h] = [own.0, own.1, largest.0, largest.1].map(|side| side as f64);
    let factor = full_w / w.max(1.0);
    factor >= 1.9 && (full_h / factor - h).abs() <= 1.0
}

/// Makes a file of one page, as it lies in a file of several: nothing is decoded. The memory that it takes is
/// added to `room`.
///
/// # Errors
/// A page that is damaged, or larger than any picture.
pub(crate) fn page_file(file: &dyn ReadAt, directory: u64, room: &mut Reservation) -> Result<Vec<u8>> {
    let damaged = |e: io::Error| Error::new(format!("is a damaged page of a TIFF image: {e}"));
    let page = PageFile::find(file, directory).map_err(damaged)?;
    room.add(page.len, format_args!("is a page of {} bytes", page.len))?;
    page.read(file).map_err(damaged)
}

/// The pieces that a page is made of.
struct PageFile {
    layout: Layout,
    directory: Directory,
    /// Offset and length of each strip or tile, of the fields that name some.
    chunks: Vec<(u16, Vec<(u64, u64)>)>,
    /// Bytes of all pieces together.
    len: u64,
}

impl PageFile {
    fn find(file: &dyn ReadAt, at: u64) -> io::Result<Self> {
        let (layout, _) = Layout::of(file)?.ok_or_else(|| io::Error::other("the file is no TIFF image"))?;
        let mut directory = Directory::read(file, layout, at)?;
        let kept = |tag, len| lengths_of(tag).is_some() || (KEPT.contains(&tag) && len <= MAX_FIELD);
        let mut seen = HashSet::new();
        directory.fields.retain(|field| kept(field.tag, field.len()) && seen.insert(field.tag));
        let (mut chunks, mut len) = (Vec::new(), 0_u64);
        for field in &directory.fields {
            let Some(lengths) = lengths_of(field.tag).and_then(|tag| directory.find(tag)) else {
                len = len.saturating_add(field.len());
                continue;
            };
            let (offsets, lengths) = (field.numbers(file, layout)?, lengths.numbers(file, layout)?);
            // what a file lacks at its end, the decoder misses
            let held =
                |(offset, len): (&u64, &u64)| (*offset, (*len).min(file.size().saturating_sub(*offset)));
            let own: Vec<(u64, u64)> = offsets.iter().zip(&lengths).map(held).collect();
            len = own.iter().fold(len, |sum, (_, len)| sum.saturating_add(*len));
            chunks.push((field.tag, own));
        }
        if len > MAX_PAGE {
            return Err(io::Error::other(format!("it is larger than {} MiB", MAX_PAGE >> 20)));
        }
        Ok(Self { layout, directory, chunks, len })
    }

    fn read(self, file: &dyn ReadAt) -> io::Result<Vec<u8>> {
        let layout = self.layout;
        // the header, the pixels, then the directory: where it begins is filled in at the end
        let mut out = file.bytes(0, layout.header_len() as u64)?;
        let mut fields = Vec::new();
        for field in &self.directory.fields {
            match self.chunks.iter().find(|(tag, _)| *tag == field.tag) {
                Some((tag, chunks)) => {
                    let moved = move_pixels(file, chunks, &mut out)?;
                    fields.push(Values::offsets(*tag, layout, &moved));
                }
                None => fields.push(field.values(file, layout)?),
            }
        }
        let mut directory = layout.written(fields.len() as u64, layout.count_len());
        for field in fields {
            directory.extend(field.written(layout, &mut out));
        }
        directory.extend(layout.written(0, layout.offset_len()));
        let (first, at) = (layout.header_len() - layout.offset_len(), out.len() as u64);
        out[first..layout.header_len()].copy_from_slice(&layout.written(at, layout.offset_len()));
        out.extend(directory);
        Ok(out)
    }
}

/// The field with the lengths of the strips or tiles that another says the offsets of.
fn lengths_of(offsets: u16) -> Option<u16> {
    match offsets {
        tag::STRIP_OFFSETS => Some(tag::STRIP_LENGTHS),
        tag::TILE_OFFSETS => Some(tag::TILE_LENGTHS),
        _ => None,
    }
}

/// Copies the strips or tiles of a page to the end of `out`. Gives where they lie there.
fn move_pixels(file: &dyn ReadAt, chunks: &[(u64, u64)], out: &mut Vec<u8>) -> io::Result<Vec<u64>> {
    let (mut moved, mut run) = (Vec::new(), 0..0);
    for (offset, len) in chunks {
        // chunks that lie one behind the other are read at once
        if *offset != run.end {
            out.extend(file.bytes(run.start, run.end - run.start)?);
            run = *offset..*offset;
        }
        moved.push(out.len() as u64 + (run.end - run.start));
        run.end += len;
    }
    out.extend(file.bytes(run.start, run.end - run.start)?);
    Ok(moved)
}
