//! Numpy archives: `images` (N, H, W, 3) and `labels` (N, 1), or, where images have parts, `MedMNIST`'s
//! `train_images`, `train_labels`, `val_images`, ... Class names that the labels do not imply stand in one
//! more array, `class_names`.
//!
//! The number of images stands before the images, so the pixels go to an unnamed file first.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::target;
use super::writer::{Options, Record, Writer};
use crate::data::classes::ClassList;
use crate::data::npy;
use crate::data::part::Part;
use crate::error::{Error, Result};
use crate::file::{self, FailOnce};

pub(super) fn create(path: &Path, classes: &[String], options: &Options) -> Result<Box<dyn Writer>> {
    let method = if options.compress { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    Ok(Box::new(Npz {
        path: path.to_path_buf(),
        classes: classes.to_vec(),
        method,
        target: target::new_file(path)?,
        arrays: Vec::new(),
        size: None,
    }))
}

struct Npz {
    path: PathBuf,
    classes: Vec<String>,
    method: CompressionMethod,
    target: NamedTempFile,
    /// One array, or one for every part that an image had.
    arrays: Vec<Array>,
    /// Width and height of every image.
    size: Option<(usize, usize)>,
}

/// The images of one array.
struct Array {
    part: Option<Part>,
    pixels: BufWriter<File>,
    labels: Vec<Option<usize>>,
}

impl Writer for Npz {
    fn push(&mut self, record: &Record) -> Result<()> {
        self.check(record).map_err(|e| e.at(record.entry.path))?;
        let part = record.entry.part;
        let array = if let Some(known) = self.arrays.iter().position(|array| array.part == part) {
            &mut self.arrays[known]
        } else {
            let pixels = BufWriter::with_capacity(1 << 20, target::spool(&self.path)?);
            self.arrays.push(Array { part, pixels, labels: Vec::new() });
            let last = self.arrays.len() - 1;
            &mut self.arrays[last]
        };
        array.pixels.write_all(record.image.pixels()).map_err(|e| file::write_error(&self.path, &e))?;
        array.labels.push(record.entry.label);
        Ok(())
    }

    fn wants_files(&self) -> bool {
        false
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.arrays.is_empty() {
            return Err(Error::new("there is no image to write").at(&self.path));
        }
        let labels = self.arrays.iter().flat_map(|array| array.labels.iter().flatten()).max();
        let labels = labels.map_or(0, |last| last + 1);
        self.arrays.sort_by_key(|array| array.part);
        let (width, height) = self.size.unwrap_or((0, 0));
        let fail = |e: io::Error| file::write_error(&self.path, &e);
        let mut out = ArrayArchive {
            zip: ZipWriter::new(FailOnce::new(BufWriter::new(self.target))),
            method: self.method,
        };
        for array in self.arrays {
            let prefix = array.part.map(|part| format!("{part}_")).unwrap_or_default();
            let mut pixels = array.pixels.into_inner().map_err(|e| fail(e.into_error()))?;
            pixels.seek(SeekFrom::Start(0)).map_err(fail)?;
            let count = array.labels.len();
            let shape = [count, height, width, 3];
            out.add(&format!("{prefix}images"), "|u1", &shape, &mut BufReader::new(pixels)).map_err(fail)?;
            if array.labels.iter().all(Option::is_some) {
                let (dtype, bytes) = encode_labels(&array.labels, self.classes.len());
                out.add(&format!("{prefix}labels"), dtype, &[count, 1], &mut bytes.as_slice())
                    .map_err(fail)?;
            }
        }
        if !self.classes.is_empty() && self.classes != ClassList::numbered(labels).names() {
            let (dtype, bytes) = encode_text(&self.classes);
            out.add("class_names", &dtype, &[self.classes.len()], &mut bytes.as_slice()).map_err(fail)?;
        }
        let close = || -> io::Result<NamedTempFile> { Ok(out.zip.finish()?.into_inner().into_inner()?) };
        target::publish(close().map_err(fail)?, &self.path)
    }
}

impl Npz {
    fn check(&mut self, record: &Record) -> Result<()> {
        let (width, height) = (record.image.width(), record.image.height());
        let size = *self.size.get_or_insert((width, height));
        if size != (width, height) {
            let message = format!("is {width}x{height} pixels, others {}x{}", size.0, size.1);
            return Err(Error::new(message).hint(
                "an array holds images of one size: write another form, or give them one with `hema data convert --size`",
            ));
        }
        let entry = record.entry;
        if self.arrays.iter().any(|array| array.part.is_some() != entry.part.is_some()) {
            return Err(Error::new("is one of the images without a part, while others have one").hint(
                "choose a part with --part, give a split that names every image, or leave parts out with \
                       `--split none`",
            ));
        }
        let same =
            |array: &Array| array.labels.first().is_none_or(|first| first.is_some() == entry.label.is_some());
        if self.arrays.iter().all(same) {
            return Ok(());
        }
        Err(Error::new(
            "is one of the images without a label, while others have one (an array of labels has no gaps)",
        ))
    }
}

/// The archive that the arrays go to.
struct ArrayArchive {
    zip: ZipWriter<FailOnce<BufWriter<NamedTempFile>>>,
    method: CompressionMethod,
}

impl ArrayArchive {
    fn add(&mut self, key: &str, dtype: &str, shape: &[usize], data: &mut dyn Read) -> io::Result<()> {
        let bytes: u64 = shape.iter().map(|side| *side as u64).product();
        // numbers are at most 8 bytes wide but in `class_names`, which is small
        let is_large = bytes.saturating_mul(8) > u64::from(u32::MAX);
        let options = SimpleFileOptions::default().compression_method(self.method).large_file(is_large);
        self.zip.start_file(format!("{key}.npy"), options)?;
        self.zip.write_all(&npy::header(dtype, shape))?;
        io::copy(data, &mut self.zip)?;
        Ok(())
    }
}

/// Labels as numpy's type and bytes: one byte where that is enough, as `MedMNIST` has it.
fn encode_labels(labels: &[Option<usize>], classes: usize) -> (&'static str, Vec<u8>) {
    let labels = labels.iter().flatten();
    if classes <= 256 {
        ("|u1", labels.map(|label| *label as u8).collect())
    } else {
        ("<i8", labels.flat_map(|label| (*label as i64).to_le_bytes()).collect())
    }
}

/// Texts as numpy keeps them: UTF-32, padded with zeros to the longest.
fn encode_text(texts: &[String]) -> (String, Vec<u8>) {
    let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let padded =
        texts.iter().flat_map(|text| text.chars().map(u32::from).chain(std::iter::repeat(0)).take(longest));
    (format!("<U{longest}"), padded.flat_map(u32::to_le_bytes).collect())
}
