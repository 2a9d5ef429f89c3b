//! Directories of TIFF files: a list of fields (width, height, where the pixels lie, ...) for each page, and
//! where the next directory begins.

use std::io;

use crate::file::ReadAt;

/// The first bytes of TIFF files of up to 4 GiB and of larger ones ("`BigTIFF`"), in either byte order.
const STARTS: [&[u8; 4]; 4] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];
/// Most fields of a directory.
const MAX_FIELDS: u64 = 4096;
/// Most numbers of a field that are looked at: tiles of 16 pixels a side in the largest picture.
const MAX_NUMBERS: u64 = 1 << 20;
/// Bytes that are read of a directory at once: it is hardly ever longer.
const USUAL: u64 = 512;

/// Fields of a directory, by their numbers.
pub(super) mod tag {
    pub(crate) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(crate) const SUBFILE_TYPE: u16 = 255;
    pub(crate) const WIDTH: u16 = 256;
    pub(crate) const HEIGHT: u16 = 257;
    pub(crate) const PHOTOMETRIC: u16 = 262;
    pub(crate) const STRIP_OFFSETS: u16 = 273;
    pub(crate) const STRIP_LENGTHS: u16 = 279;
    pub(crate) const TILE_OFFSETS: u16 = 324;
    pub(crate) const TILE_LENGTHS: u16 = 325;
    pub(crate) const SUB_DIRECTORIES: u16 = 330;
}

/// Whether a file begins like a TIFF file.
pub(crate) fn is_tiff(start: &[u8]) -> bool {
    STARTS.iter().any(|known| start.starts_with(*known))
}

/// How a file writes numbers.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    little: bool,
    /// Offsets take eight bytes, not four.
    pub(super) big: bool,
}

/// One thing that a directory says of a page.
pub(super) struct Field {
    pub(super) tag: u16,
    /// The type of its numbers.
    kind: u16,
    /// How many numbers it has.
    pub(super) count: u64,
    /// Where its cell lies in the file: the numbers themselves if they fit, else their offset.
    pub(super) cell_at: u64,
    cell: Vec<u8>,
}

/// What a file says of one page.
pub(super) struct Directory {
    pub(super) fields: Vec<Field>,
    /// Where the next directory begins; 0 after the last.
    pub(super) next: u64,
}

impl Layout {
    /// The layout of a file and where its first directory begins; `None` for anything but a TIFF file.
    pub(super) fn of(file: &dyn ReadAt) -> io::Result<Option<(Self, u64)>> {
        let start = file.bytes(0, file.size().min(16))?;
        if !is_tiff(&start) || start.len() < 8 {
            return Ok(None);
        }
        let layout = Self { little: start[0] == b'I', big: start[2..4].contains(&b'+') };
        let first = if layout.big { start.get(8..16) } else { start.get(4..8) };
        Ok(first.map(|first| (layout, layout.number(first))))
    }

    /// Bytes before everything else; the last are where the first directory begins.
    pub(super) fn header_len(self) -> usize {
        if self.big { 16 } else { 8 }
    }

    /// Bytes of an offset, and of a number that counts the values of a field.
    pub(super) fn offset_len(self) -> usize {
        if self.big { 8 } else { 4 }
    }

    /// Bytes of the number of fields before a directory's fields.
    pub(super) fn count_len(self) -> usize {
        if self.big { 8 } else { 2 }
    }

    /// Bytes of a field in its directory.
    pub(super) fn field_len(self) -> usize {
        4 + 2 * self.offset_len()
    }

    /// The number in up to eight bytes.
    pub(super) fn number(self, bytes: &[u8]) -> u64 {
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
    }

    /// A number in `len` bytes.
    pub(super) fn written(self, number: u64, len: usize) -> Vec<u8> {
        let mut bytes = number.to_le_bytes()[..len].to_vec();
        if !self.little {
            bytes.reverse();
        }
        bytes
    }
}

impl Field {
    /// Bytes of one of its numbers; 0 for a type that is not known.
    fn number_len(&self) -> u64 {
        match self.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => 0,
        }
    }

    /// Bytes of all its numbers.
    pub(super) fn len(&self) -> u64 {
        self.number_len().saturating_mul(self.count)
    }

    /// Its numbers, as they are written.
    pub(super) fn raw(&self, file: &dyn ReadAt, layout: Layout) -> io::Result<Vec<u8>> {
        if self.len() <= self.cell.len() as u64 {
            return Ok(self.cell[..self.len() as usize].to_vec());
        }
        file.bytes(layout.number(&self.cell), self.len())
    }

    /// Its numbers, where they are whole ones.
    pub(super) fn numbers(&self, file: &dyn ReadAt, layout: Layout) -> io::Result<Vec<u64>> {
        if !matches!(self.kind, 1 | 3 | 4 | 13 | 16 | 18) {
            return Err(io::Error::other(format!("field {} has no whole numbers", self.tag)));
        }
        if self.count > MAX_NUMBERS {
            return Err(io::Error::other(format!("field {} has {} numbers", self.tag, self.count)));
        }
        let raw = self.raw(file, layout)?;
        Ok(raw.chunks_exact(self.number_len() as usize).map(|bytes| layout.number(bytes)).collect())
    }

    /// Its only number.
    fn number(&self, layout: Layout) -> Option<u64> {
        let len = self.number_len() as usize;
        (self.count == 1 && matches!(self.kind, 1 | 3 | 4 | 16))
            .then(|| self.cell.get(..len).map(|bytes| layout.number(bytes)))
            .flatten()
    }

    /// The field with its numbers.
    pub(super) fn values(&self, file: &dyn ReadAt, layout: Layout) -> io::Result<Values> {
        Ok(Values { tag: self.tag, kind: self.kind, count: self.count, raw: self.raw(file, layout)? })
    }
}

/// A field to be written.
pub(super) struct Values {
    tag: u16,
    kind: u16,
    count: u64,
    /// Its numbers, as they are written.
    raw: Vec<u8>,
}

impl Values {
    /// A field of offsets.
    pub(super) fn offsets(tag: u16, layout: Layout, offsets: &[u64]) -> Self {
        let raw = offsets.iter().flat_map(|offset| layout.written(*offset, layout.offset_len())).collect();
        Self { tag, kind: if layout.big { 16 } else { 4 }, count: offsets.len() as u64, raw }
    }

    /// The field as it stands in a directory. Numbers that do not fit there go to the end of `out`.
    pub(super) fn written(mut self, layout: Layout, out: &mut Vec<u8>) -> Vec<u8> {
        if self.raw.len() > layout.offset_len() {
            let at = out.len() as u64;
            out.append(&mut self.raw);
            self.raw = layout.written(at, layout.offset_len());
        }
        let mut field = layout.written(u64::from(self.tag), 2);
        field.extend(layout.written(u64::from(self.kind), 2));
        field.extend(layout.written(self.count, layout.offset_len()));
        field.extend(self.raw);
        field.resize(layout.field_len(), 0);
        field
    }
}

impl Directory {
    /// Reads the directory that begins at an offset.
    pub(super) fn read(file: &dyn ReadAt, layout: Layout, at: u64) -> io::Result<Self> {
        let left = file.size().checked_sub(at).ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut bytes = file.bytes(at, left.min(USUAL))?;
        let count = bytes.get(..layout.count_len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        let count = layout.number(count);
        if count == 0 || count > MAX_FIELDS {
            return Err(io::Error::other(format!("a directory of {count} fields")));
        }
        let (start, width) = (layout.count_len(), layout.field_len());
        let end = start + count as usize * width;
        let len = (end + layout.offset_len()) as u64;
        if len > bytes.len() as u64 {
            bytes = file.bytes(at, len)?;
        }
        let field = |(i, bytes): (usize, &[u8])| Field {
            tag: layout.number(&bytes[..2]) as u16,
            kind: layout.number(&bytes[2..4]) as u16,
            count: layout.number(&bytes[4..][..layout.offset_len()]),
            cell_at: at + (start + i * width + 4 + layout.offset_len()) as u64,
            cell: bytes[4 + layout.offset_len()..].to_vec(),
        };
        let fields = bytes[start..end].chunks_exact(width).enumerate().map(field).collect();
        Ok(Self { fields, next: layout.number(&bytes[end..][..layout.offset_len()]) })
    }

    /// The field of a tag.
    pub(super) fn find(&self, tag: u16) -> Option<&Field> {
        self.fields.iter().find(|field| field.tag == tag)
    }

    /// The only number of a field.
    pub(super) fn number(&self, tag: u16, layout: Layout) -> Option<u64> {
        self.find(tag)?.number(layout)
    }
}
