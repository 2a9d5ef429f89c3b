//! Where the bytes of one entry lie, and how they become an image.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use flate2::read::DeflateDecoder;

use super::blob::{Blob, Cursor};
use super::decode::{self, Unused};
use super::deep::{Range, White};
use super::memory::Reservation;
use super::tiff;
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, ReadAt};
use crate::sample::Image;

/// Largest picture file accepted, in bytes.
pub(super) const MAX_FILE: u64 = 256 << 20;

/// One image of a source, decoded at full size.
#[non_exhaustive]
pub struct Picture {
    /// The pixels.
    pub image: Image,
    /// The picture file as it lies in the data, byte for byte; `None` for an image of an array.
    pub file: Option<Vec<u8>>,
}

impl Picture {
    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.image.pixels().len() + self.file.as_ref().map_or(0, Vec::len)
    }
}

/// Where the bytes of one entry lie.
#[derive(Clone)]
pub(super) enum Place {
    /// A file of its own.
    File(PathBuf),
    /// A file of its own that the data name, and that was not there when they were opened.
    Missing(PathBuf),
    /// Part of a file that many entries share.
    Span { blob: Arc<Blob>, offset: u64, len: usize, coding: Coding },
    /// A page of a TIFF file of several, by where the page's directory begins in it.
    Page { file: Box<Place>, directory: u64 },
}

/// The meaning of the bytes of a span.
#[derive(Clone)]
pub(super) enum Coding {
    /// A picture file.
    Picture,
    /// A deflated picture file of `size` bytes.
    Deflated { size: usize, crc: u32 },
    /// Bare pixels, as one image of an array has them.
    Pixels(Arc<dyn PixelLayout>),
}

/// How bare bytes become an image, where no picture file says so. One layout serves all images of an array.
pub(super) trait PixelLayout: Send + Sync {
    /// Bytes of one image.
    fn bytes(&self) -> usize;

    /// Bytes of memory that making an image takes, beside its own.
    fn needed(&self) -> u64;

    /// Makes an image of its bytes.
    fn image(&self, bytes: Vec<u8>, white: White) -> Result<Image>;
}

/// Bytes of an entry, or the promise that they can be read where and when they are needed.
pub(super) enum Fetched {
    Bytes(Vec<u8>),
    Later,
}

impl Fetched {
    /// Takes the bytes out.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Later)
    }

    /// Bytes held.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Later => 0,
        }
    }
}

impl Place {
    /// Reads the bytes if they can only be read in turn, or quickly so alone. Errors here concern the shared
    /// file, not the entry.
    pub(super) fn fetch(&self, cursor: &mut Option<Cursor>) -> Result<Fetched> {
        let (blob, offset, len) = match self {
            Self::Span { blob, offset, len, .. } => (blob, offset, len),
            Self::Page { file, .. } => return file.fetch(cursor),
            Self::File(_) | Self::Missing(_) => return Ok(Fetched::Later),
        };
        let stream = match blob.as_ref() {
            Blob::Stream(stream) => stream,
            // a few that follow each other are gathered at once
            Blob::Scattered(images) => {
                return images.read(*offset, *len).map(Fetched::Bytes).map_err(|e| failed(&e));
            }
            Blob::File(_) => return Ok(Fetched::Later),
        };
        let cursor = match cursor {
            Some(open) if open.is_on(stream) => open,
            other => other.insert(Cursor::new(stream)),
        };
        let bytes = cursor.read(*offset, *len).map_err(|e| failed(&e))?;
        Ok(Fetched::Bytes(bytes))
    }

    /// The entry at full size, with its file where it has one, and what else the file holds. The memory that
    /// this takes is added to `room`.
    ///
    /// # Errors
    /// Of the kind [`ErrorKind::Unreadable`] what is no picture, of any other what the system cannot read.
    pub(super) fn picture(
        &self,
        fetched: Fetched,
        white: White,
        room: &mut Reservation,
    ) -> Result<(Picture, Unused)> {
        let file = match (self, fetched) {
            (Self::Page { file, directory }, fetched) => file.page(*directory, fetched, room)?,
            (Self::Span { coding: Coding::Pixels(layout), .. }, fetched) => {
                room.add(layout.needed(), "is an image of an array")?;
                let bytes = self.bytes(fetched, room)?;
                let image = layout.image(bytes, white).map_err(|e| e.with_kind(ErrorKind::Unreadable))?;
                return Ok((Picture { image, file: None }, Unused::default()));
            }
            (_, fetched) => self.unpack(self.bytes(fetched, room)?, room)?,
        };
        let decoded = decode::decode_to(&file, white, room)?;
        Ok((Picture { image: decoded.image, file: Some(file) }, decoded.unused))
    }

    /// Whether its bytes can only be read in turn.
    pub(super) fn is_streamed(&self) -> bool {
        match self {
            Self::File(_) | Self::Missing(_) => false,
            Self::Span { blob, .. } => matches!(**blob, Blob::Stream(_)),
            Self::Page { file, .. } => file.is_streamed(),
        }
    }

    /// The numbers that a picture file of more than 8 bits uses; `None` for anything else.
    ///
    /// # Errors
    /// What the system cannot read.
    pub(super) fn range(&self, fetched: Fetched) -> Result<Option<Range>> {
        if matches!(self, Self::Span { coding: Coding::Pixels(_), .. }) || self.is_shallow_png() {
            return Ok(None);
        }
        let mut room = Reservation::new();
        let bytes = match self {
            Self::Page { file, directory } => file.page(*directory, fetched, &mut room),
            _ => self.bytes(fetched, &mut room).and_then(|bytes| self.unpack(bytes, &mut room)),
        };
        Ok(unless_unreadable(bytes)?.and_then(|bytes| decode::range(&bytes, &mut room)))
    }

    /// Whether it is a PNG file of 8 bits, as far as its first bytes tell where they can be read alone.
    fn is_shallow_png(&self) -> bool {
        let start = match self {
            Self::File(path) => {
                let mut start = vec![0; decode::PNG_START];
                file::open_regular(path).and_then(|mut file| file.read_exact(&mut start)).map(|()| start).ok()
            }
            Self::Span { blob, offset, len, coding: Coding::Picture } if !self.is_streamed() => {
                blob.read(*offset, decode::PNG_START.min(*len)).ok()
            }
            Self::Missing(_) | Self::Span { .. } | Self::Page { .. } => None,
        };
        start.is_some_and(|start| decode::is_shallow_png(&start))
    }

    /// The entry's file, byte for byte.
    pub(super) fn read_file(&self) -> Result<Vec<u8>> {
        let mut room = Reservation::new();
        self.unpack(self.read(&mut room)?, &mut room)
    }

    /// The pages of the entry's file, of which little is read where that can be; none where the file is no
    /// picture.
    ///
    /// # Errors
    /// What the system cannot read.
    pub(super) fn pages(&self, fetched: Fetched) -> Result<tiff::Pages> {
        let look =
            |file: &dyn ReadAt, _: &mut Reservation| tiff::pages(file).map_err(|e| Error::new(e.to_string()));
        let pages = self.look(fetched, &mut Reservation::new(), look);
        Ok(unless_unreadable(pages)?.unwrap_or_default())
    }

    /// A page of the entry's file, as a file of its own.
    fn page(&self, directory: u64, fetched: Fetched, room: &mut Reservation) -> Result<Vec<u8>> {
        self.look(fetched, room, |file, room| tiff::page_file(file, directory, room))
    }

    /// Looks into the entry's file where it lies, or else into its bytes. What `look` finds wrong with them
    /// is of the kind [`ErrorKind::Unreadable`].
    fn look<T>(
        &self,
        fetched: Fetched,
        room: &mut Reservation,
        look: impl FnOnce(&dyn ReadAt, &mut Reservation) -> Result<T>,
    ) -> Result<T> {
        match (self, fetched) {
            (Self::File(path), Fetched::Later) => {
                Watched::look(&open_picture(path)?, |file| look(file, room)).map_err(|e| match e.kind() {
                    ErrorKind::Unreadable => e,
                    _ => e.at(path),
                })
            }
            (Self::Span { blob, offset, len, coding: Coding::Picture }, Fetched::Later)
                if !matches!(**blob, Blob::Stream(_)) =>
            {
                Watched::look(&Span { blob, offset: *offset, len: *len as u64 }, |file| look(file, room))
            }
            (_, fetched) => {
                let bytes = self.unpack(self.bytes(fetched, room)?, room)?;
                Watched::look(&bytes.as_slice(), |file| look(file, room))
            }
        }
    }

    fn bytes(&self, fetched: Fetched, room: &mut Reservation) -> Result<Vec<u8>> {
        match fetched {
            Fetched::Bytes(bytes) => reserve(room, bytes.len() as u64).map(|()| bytes),
            Fetched::Later => self.read(room),
        }
    }

    fn unpack(&self, bytes: Vec<u8>, room: &mut Reservation) -> Result<Vec<u8>> {
        match self {
            Self::Span { coding: Coding::Deflated { size, crc }, .. } => {
                reserve(room, *size as u64)?;
                inflate(&bytes, *size, *crc)
            }
            _ => Ok(bytes),
        }
    }

    fn read(&self, room: &mut Reservation) -> Result<Vec<u8>> {
        match self {
            Self::Page { file, directory } => file.page(*directory, Fetched::Later, room),
            Self::Span { blob, offset, len, .. } => {
                reserve(room, *len as u64)?;
                blob.read(*offset, *len).map_err(|e| failed(&e))
            }
            Self::Missing(_) => {
                Err(unreadable("cannot be read: there was no such file when the data were opened"))
            }
            Self::File(path) => {
                let file = open_picture(path)?;
                let size = file.metadata().map_err(|e| failed(&e).at(path))?.len();
                check_file_size(size)?;
                reserve(room, size)?;
                let bytes = read_picture(file, size).map_err(|e| failed(&e).at(path))?;
                check_file_size(bytes.len() as u64)?;
                Ok(bytes)
            }
        }
    }
}

/// Reserves the memory of a picture file.
fn reserve(room: &mut Reservation, bytes: u64) -> Result<()> {
    room.add(bytes, format_args!("is a file of {bytes} bytes"))
}

/// What the system cannot read: the error's kind is the system's, or that of an error of ours inside. A
/// picture that there is no memory for may be the only one.
fn failed(error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::OutOfMemory => ErrorKind::Unreadable,
        kind => kind.into(),
    };
    Error::inside(error, || Error::new(format!("cannot be read: {error}")).with_kind(kind))
}

fn unreadable(message: impl Into<String>) -> Error {
    Error::new(message).with_kind(ErrorKind::Unreadable)
}

/// Nothing in place of an entry that is no picture.
fn unless_unreadable<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(e) if e.kind() == ErrorKind::Unreadable => Ok(None),
        found => found.map(Some),
    }
}

/// Opens a picture file. Anything but a file or a folder is no picture, whatever its name says.
fn open_picture(path: &Path) -> Result<File> {
    file::open_regular(path).map_err(|e| match e.kind() {
        io::ErrorKind::InvalidInput => unreadable(format!("cannot be read: {e}")),
        _ => failed(&e).at(path),
    })
}

/// Reads a picture file of a size, or the beginning of one that grew too large.
fn read_picture(file: File, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size as usize + 1)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    // cut off while it is read, it would look like a damaged picture
    if (bytes.len() as u64) < size { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

/// A file that remembers whether the system failed to read it, which its reader takes for damage.
struct Watched<'a> {
    file: &'a dyn ReadAt,
    failed: OnceLock<Error>,
}

impl<'a> Watched<'a> {
    /// Looks into a file.
    fn look<T>(file: &'a dyn ReadAt, look: impl FnOnce(&dyn ReadAt) -> Result<T>) -> Result<T> {
        let watched = Self { file, failed: OnceLock::new() };
        let found = look(&watched);
        match watched.failed.into_inner() {
            Some(error) => Err(error),
            None => found.map_err(|e| e.with_kind(ErrorKind::Unreadable)),
        }
    }
}

impl ReadAt for Watched<'_> {
    fn size(&self) -> u64 {
        self.file.size()
    }

    fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.fill(offset, out).inspect_err(|e| {
            self.failed.get_or_init(|| failed(e));
        })
    }
}

/// Part of a shared file.
struct Span<'a> {
    blob: &'a Blob,
    offset: u64,
    len: u64,
}

impl ReadAt for Span<'_> {
    fn size(&self) -> u64 {
        self.len
    }

    fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        out.copy_from_slice(&self.blob.read(self.offset + offset, out.len())?);
        Ok(())
    }
}

/// Refuses picture files no camera makes.
pub(super) fn check_file_size(bytes: u64) -> Result<()> {
    if bytes <= MAX_FILE {
        return Ok(());
    }
    Err(unreadable(format!("is larger than {} MiB, too large for an image", MAX_FILE >> 20)))
}

/// Inflates one zip member, taking no more memory than it declared.
fn inflate(packed: &[u8], size: usize, crc: u32) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed)
        .take(size as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(format!("cannot be inflated: {e}")))?;
    let mut sum = flate2::Crc::new();
    sum.update(&bytes);
    if bytes.len() != size || sum.sum() != crc {
        return Err(unreadable("is damaged: its checksum or size differs from what the archive says"));
    }
    Ok(bytes)
}
