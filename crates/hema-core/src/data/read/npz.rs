//! Numpy archives: `images` with or without `labels`, or `MedMNIST`'s `train_images`, `train_labels`,
//! `val_images`, ... `class_names`, an array of texts, names the labels.
//!
//! Images are read from the archive one by one when they are needed. Those of arrays in Fortran order, which
//! lie scattered, are gathered where they lie; a packed array of that kind is unpacked to a temporary file
//! first.

use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::read::DeflateDecoder;

use super::input::{Input, Packing};
use super::listing::check_count;
use super::zip::{Member, Members};
use crate::data::blob::{Blob, FilePart, Stream};
use crate::data::classes::{self, ClassList, MAX_LABEL, standard_classes};
use crate::data::decode;
use crate::data::deep::{Numbers, Range, White};
use crate::data::entries::Entry;
use crate::data::notice::{Notice, Subject, Tally};
use crate::data::npy::{self, Header, NumberKind, shape_text};
use crate::data::part::Part;
use crate::data::place::{Coding, PixelLayout, Place};
use crate::data::scattered::{self, Scattered};
use crate::data::source::Contents;
use crate::error::{Error, Result, counted};
use crate::file::ReadAt;
use crate::sample::Image;

/// Largest packed array in Fortran order accepted, in bytes as it is unpacked.
const MAX_FORTRAN: u64 = 8 << 30;
/// Largest image of an array, in bytes.
const MAX_IMAGE: usize = 3 * decode::MAX_AREA as usize;
/// Bytes of an array that are looked at at once.
const CHUNK: u64 = 1 << 20;

/// A numpy archive: a zip archive that holds an array.
pub(super) fn recognises(input: &Input) -> bool {
    let holds_array = |members: &Members| members.files.iter().any(|member| array_key(member).is_some());
    input.packing() == Some(Packing::Zip) && input.members().is_ok_and(holds_array)
}

/// The name of an array in an archive.
fn array_key(member: &Member) -> Option<&str> {
    member.name.strip_suffix(".npy")
}

/// The images of an array: their size, and the type of its numbers.
struct ArrayLayout {
    dtype: npy::Dtype,
    width: usize,
    height: usize,
    /// 3, or 1 for grey.
    channels: usize,
}

impl PixelLayout for ArrayLayout {
    fn bytes(&self) -> usize {
        self.width * self.height * self.channels * self.dtype.size
    }

    fn needed(&self) -> u64 {
        let numbers = (self.width * self.height * self.channels) as u64;
        let scaled = if self.dtype.is_u8() { 0 } else { numbers };
        scaled + if self.channels == 1 { 3 * numbers } else { 0 }
    }

    fn image(&self, bytes: Vec<u8>, white: White) -> Result<Image> {
        let mut values = bytes;
        if !self.dtype.is_u8() {
            let scale = white.scale(range(self.dtype, &values), self.dtype.largest())?;
            let mut scaled = Vec::with_capacity(values.len() / self.dtype.size);
            self.dtype.numbers(&values, |v| scaled.push((v * scale).round() as u8));
            values = scaled;
        }
        if self.channels == 1 {
            values = values.iter().flat_map(|v| [*v; 3]).collect();
        }
        Image::new(self.width, self.height, values)
    }
}

/// The images of a numpy archive.
pub(super) fn open(input: &mut Input) -> Result<Contents> {
    let (path, members) = (input.path(), &*input.members()?.files);
    let archive = Archive { path, file: Arc::clone(input.file()?), members };
    let mut found = Contents::default();
    if archive.member("images").is_some() {
        archive.add("images", "labels", None, &mut found)?;
    } else {
        for part in Part::ALL {
            archive.add(&format!("{part}_images"), &format!("{part}_labels"), Some(part), &mut found)?;
        }
    }
    if found.entries.is_empty() && !archive.has_images() {
        let keys: Vec<&str> = members.iter().filter_map(array_key).collect();
        let message = format!("has no array `images` or `train_images` (found: {})", keys.join(", "));
        return Err(Error::new(message).at(path));
    }
    let labels = found.entries.iter().filter_map(|e| e.label).max().map_or(0, |last| last + 1);
    let names = archive.class_names(labels).map_err(|e| e.at(path.join("class_names")))?;
    let (classes, notices) = match names {
        Some(names) => classes::listed(&names).map_err(|e| e.at(path.join("class_names")))?,
        None if archive.member("images").is_none() && is_bloodmnist(path, labels) => {
            (ClassList::bloodmnist(), vec![named_as_bloodmnist()])
        }
        None => (ClassList::numbered(labels), Vec::new()),
    };
    found.classes = classes;
    found.notices.extend(notices);
    found.notices.extend(archive.unused(&found));
    Ok(found)
}

/// Whether a file is one that MedMNIST publishes as `bloodmnist.npz`, `bloodmnist_64.npz`, ..., in which the
/// labels 0 to 7 are the standard classes.
fn is_bloodmnist(path: &Path, labels: usize) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.starts_with("bloodmnist") && (1..=standard_classes().len()).contains(&labels)
}

fn named_as_bloodmnist() -> Notice {
    let classes = standard_classes();
    let text =
        "labels are numbers, and their names are taken from BloodMNIST, which the file is called after";
    let names = classes.iter().enumerate().map(|(number, name)| format!("{number} is `{name}`"));
    Notice::new(Subject::AssumedClasses, classes.len() as u64, text, names)
}

struct Archive<'a> {
    path: &'a Path,
    file: Arc<dyn ReadAt>,
    members: &'a [Member],
}

impl Archive<'_> {
    fn member(&self, key: &str) -> Option<&Member> {
        self.members.iter().find(|m| array_key(m) == Some(key))
    }

    /// Arrays that are neither images nor labels nor names.
    fn unused(&self, found: &Contents) -> Option<Notice> {
        let is_used = |key: &str| match key.strip_suffix("labels") {
            _ if key == "class_names" => true,
            Some(part) => self.is_used(&format!("{part}images"), found),
            None => self.is_used(key, found),
        };
        let unused: Tally = self.members.iter().filter_map(array_key).filter(|key| !is_used(key)).collect();
        unused.notice(Subject::UnusedMembers, |count| {
            format!("{} of names that are not known, not used", counted(count, "array"))
        })
    }

    /// Whether an array's images are taken.
    fn is_used(&self, images: &str, found: &Contents) -> bool {
        let part = Part::ALL.iter().any(|part| images == format!("{part}_images"));
        let whole = found.entries.iter().next().is_some_and(|entry| entry.part.is_none());
        self.member(images).is_some() && if whole { images == "images" } else { part }
    }

    fn has_images(&self) -> bool {
        ["images", "train_images", "val_images", "test_images"].iter().any(|key| self.member(key).is_some())
    }

    /// The names of labels, where the archive gives them in an array of texts.
    fn class_names(&self, labels: usize) -> Result<Option<Vec<String>>> {
        let Some(member) = self.member("class_names") else { return Ok(None) };
        let Some(names) = npy::read_texts(&mut *self.reader(member), MAX_LABEL as usize + 1)? else {
            return Ok(None);
        };
        if names.len() < labels {
            let message = format!("names {} classes for {labels} labels", names.len());
            return Err(
                Error::new(message).hint("give every label one name of its own, or leave the array out")
            );
        }
        Ok(Some(names))
    }

    /// Adds the images of one array, if there is one, with their labels, if there are any.
    fn add(&self, images: &str, labels: &str, part: Option<Part>, found: &mut Contents) -> Result<()> {
        let Some(member) = self.member(images) else { return Ok(()) };
        let array = self.images(member).map_err(|e| e.at(self.path.join(images)))?;
        let labels = match self.member(labels) {
            Some(member) => {
                self.labels(member, array.count, images).map_err(|e| e.at(self.path.join(labels)))?
            }
            None => Vec::new(),
        };
        found.arrays = Range::union_of(found.arrays, array.range);
        let layout: Arc<dyn PixelLayout> = Arc::new(array.layout);
        for index in 0..array.count {
            let label = labels.get(index).map(|label| *label as usize);
            found.entries.push(Entry { path: &format!("{images}[{index}]"), label, part, group: None });
            found.places.push(Place::Span {
                blob: Arc::clone(&array.blob),
                offset: array.start + (index * layout.bytes()) as u64,
                len: layout.bytes(),
                coding: Coding::Pixels(Arc::clone(&layout)),
            });
        }
        Ok(())
    }

    fn images(&self, member: &Member) -> Result<ImageArray> {
        let header = self.header(member)?;
        let (count, layout) = layout(&header)?;
        check_count(count as u64, member.packed)?;
        let (blob, start) = if header.fortran_order {
            (Blob::Scattered(self.scattered(member, &header, &layout, count)?), 0)
        } else if member.deflated {
            (Blob::Stream(Arc::new(self.stream(member))), header.len)
        } else {
            (Blob::File(Arc::clone(&self.file)), header.len + member.offset)
        };
        let range =
            if layout.dtype.is_u8() { None } else { look(&mut *self.data(member, &header)?, &header)? };
        Ok(ImageArray { blob: Arc::new(blob), start, count, layout, range })
    }

    /// The images of an array in Fortran order.
    fn scattered(
        &self,
        member: &Member,
        header: &Header,
        layout: &ArrayLayout,
        count: usize,
    ) -> Result<Scattered> {
        let (file, start): (Arc<dyn ReadAt>, u64) = if member.deflated {
            let len = header.data_len()?;
            if len > MAX_FORTRAN {
                let message =
                    format!("is packed, and {len} bytes in Fortran order (at most {MAX_FORTRAN} are read)");
                return Err(Error::new(message).hint("save it in C order: `np.ascontiguousarray(images)`"));
            }
            (Arc::new(scattered::unpack(&mut *self.data(member, header)?, len)?), 0)
        } else {
            (Arc::clone(&self.file), header.len + member.offset)
        };
        let sides = [layout.height, layout.width, layout.channels];
        Ok(Scattered::new(file, start, count, sides, layout.dtype.size))
    }

    /// The label of every image.
    fn labels(&self, member: &Member, count: usize, images: &str) -> Result<Vec<u32>> {
        let header = self.header(member)?;
        let shape = shape_text(&header.shape);
        match header.shape[..] {
            [n] | [n, 1] if n == count => {}
            [n] | [n, 1] => {
                return Err(Error::new(format!("has {n} labels for the {count} images of `{images}`")));
            }
            _ => {
                return Err(Error::new(format!(
                    "has the shape {shape} (expected ({count},) or ({count}, 1))"
                )));
            }
        }
        if header.dtype.kind == NumberKind::Float {
            return Err(Error::new("holds floating-point numbers (expected integer labels)"));
        }
        let (mut data, mut labels) = (self.data(member, &header)?, Vec::with_capacity(count));
        let valid = 0.0..=MAX_LABEL as f64;
        while labels.len() < count {
            let (chunk, mut bad) = (next_chunk(&mut *data)?, None);
            header.dtype.numbers(&chunk, |label| {
                if !valid.contains(&label) && bad.is_none() {
                    bad = Some((labels.len(), label));
                }
                labels.push(label as u32);
            });
            if let Some((index, label)) = bad {
                let message = format!("holds the label {label} at index {index}");
                return Err(Error::new(format!("{message} (expected 0 to {MAX_LABEL})")));
            }
            if chunk.is_empty() {
                return Err(Error::new(format!("ends after {} of {count} labels", labels.len())));
            }
        }
        Ok(labels)
    }

    /// Reads an array's header and checks that the archive holds as many numbers as it claims.
    fn header(&self, member: &Member) -> Result<Header> {
        let header = Header::read(&mut *self.reader(member))?;
        let size = if member.deflated { member.size } else { member.size.min(member.packed) };
        let (claimed, held) = (header.data_len()?, size.checked_sub(header.len));
        if held != Some(claimed) {
            let shape = shape_text(&header.shape);
            let held = held.unwrap_or(0);
            return Err(Error::new(format!("claims the shape {shape}, {claimed} bytes, but holds {held}")));
        }
        Ok(header)
    }

    /// The numbers of an array as they lie in the archive.
    fn data(&self, member: &Member, header: &Header) -> Result<Box<dyn Read + Send>> {
        let mut reader = self.reader(member);
        std::io::copy(&mut (&mut reader).take(header.len), &mut std::io::sink())
            .map_err(|e| unreadable(&e))?;
        Ok(Box::new(reader.take(header.data_len()?)))
    }

    /// A member's bytes, from its first.
    fn reader(&self, member: &Member) -> Box<dyn Read + Send> {
        if member.deflated {
            self.stream(member).reader()
        } else {
            Box::new(BufReader::new(self.part(member)))
        }
    }

    fn stream(&self, member: &Member) -> Deflated {
        Deflated(self.part(member))
    }

    /// A member's bytes as they lie in the archive.
    fn part(&self, member: &Member) -> FilePart {
        FilePart::new(&self.file, member.offset, member.packed)
    }
}

/// A deflated part of a file.
struct Deflated(FilePart);

impl Stream for Deflated {
    fn reader(&self) -> Box<dyn Read + Send> {
        Box::new(DeflateDecoder::new(BufReader::new(self.0.clone())))
    }
}

struct ImageArray {
    blob: Arc<Blob>,
    /// Offset of the first image.
    start: u64,
    count: usize,
    layout: ArrayLayout,
    /// The numbers of an array of more than 8 bits.
    range: Option<Range>,
}

/// The number of images in an array, and the layout of one.
fn layout(header: &Header) -> Result<(usize, ArrayLayout)> {
    let (count, height, width, channels) = match header.shape[..] {
        [n, h, w] => (n, h, w, 1),
        [n, h, w, channels @ (1 | 3)] => (n, h, w, channels),
        ref other => {
            let message = format!("has the shape {} (expected (N, H, W, 3) or (N, H, W))", shape_text(other));
            let error = Error::new(message);
            return Err(match other {
                [_, 1 | 3, _, _] => error.hint("move the channels last: `images.transpose(0, 2, 3, 1)`"),
                _ => error,
            });
        }
    };
    if width == 0 || height == 0 {
        return Err(Error::new(format!("has images of {width}x{height} pixels")));
    }
    decode::check_size((width as u64, height as u64))?;
    let layout = ArrayLayout { dtype: header.dtype, width, height, channels };
    if layout.bytes() > MAX_IMAGE {
        let message = format!("has images of {} bytes each (at most {MAX_IMAGE} are read)", layout.bytes());
        return Err(Error::new(message).hint("save them in 8 or 16 bits"));
    }
    Ok((count, layout))
}

/// Goes over all numbers of an array to tell which they use; `None` of an empty one. One image alone cannot
/// tell: a dark one of a 0 to 255 array may lie below 1.
fn look(data: &mut dyn Read, header: &Header) -> Result<Option<Range>> {
    let in_image = header.shape[1..].iter().product::<usize>();
    let (mut found, mut seen): (Option<Range>, usize) = (None, 0);
    loop {
        let bytes = next_chunk(data)?;
        if bytes.is_empty() {
            return Ok(found);
        }
        let mut bad = None;
        header.dtype.numbers(&bytes, |value| {
            if !value.is_finite() && bad.is_none() {
                bad = Some((seen, value));
            }
            seen += 1;
        });
        if let Some((position, value)) = bad {
            // in Fortran order the first axis runs fastest
            let image = if header.fortran_order { position % header.shape[0] } else { position / in_image };
            return Err(Error::new(format!(
                "holds {value} in the image at index {image} (expected numbers)"
            )));
        }
        found = Range::union_of(found, Some(range(header.dtype, &bytes)));
    }
}

/// The next bytes of an array; none at its end.
fn next_chunk(data: &mut dyn Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(CHUNK as usize);
    data.take(CHUNK).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
    Ok(bytes)
}

/// The range of numbers.
fn range(dtype: npy::Dtype, bytes: &[u8]) -> Range {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    dtype.numbers(bytes, |value| (low, high) = (low.min(value), high.max(value)));
    let numbers = if dtype.kind == NumberKind::Float { Numbers::Float } else { Numbers::Whole };
    Range { numbers, low, high }
}

fn unreadable(error: &std::io::Error) -> Error {
    Error::inside(error, || Error::new(format!("cannot be read: {error}")).with_kind(error.kind().into()))
}
