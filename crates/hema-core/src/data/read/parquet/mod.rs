//! Parquet files with an image column, as Hugging Face `datasets` keeps them: `image` is a struct of `bytes`
//! and `path` (or plain bytes), `label` a number whose names stand in the file's `huggingface` metadata, or a
//! name. A column `group` is read when there is one; the part is told by a file's name:
//! `train-00000-of-00001.parquet`.
//!
//! Pages may be packed with snappy or zstd; other codecs, for which the reader would unpack a small file into
//! any amount of memory, are refused. Images are read row group by row group, never a whole file. The sizes
//! that a file claims are checked (`pages`) before memory is taken for them. Left out on purpose: images that
//! lie outside the file, several image columns.

mod chunks;
mod pages;

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::{Compression, Type};
use ::parquet::column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader};
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::reader::{FileReader, Length, SerializedFileReader};
use ::parquet::file::serialized_reader::SerializedPageReader;
use ::parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};
use bytes::Bytes;

use self::chunks::Chunks;
use super::input::Input;
use super::listing::check_count;
use super::shards;
use crate::data::blob::{Blob, Stream};
use crate::data::classes::{self, ClassList, MAX_LABEL};
use crate::data::entries::{Entries, Entry};
use crate::data::notice::{Notice, Subject, Tally};
use crate::data::place::{Coding, Place, check_file_size};
use crate::data::place_table::PlaceTable;
use crate::data::remote;
use crate::data::source::Contents;
use crate::error::{Error, Result, counted};
use crate::file::ReadAt;

/// Values read at a time.
const BATCH: usize = 256;
/// Bytes of texts that any file may hold: a text that is the same in every row takes next to no bytes.
const FEW_TEXTS: u64 = 64 << 20;
/// Bytes of a text beside its own.
const OF_TEXT: u64 = 32;

/// Whether it is a Parquet file, or a folder of them.
pub(super) fn recognises(input: &Input) -> bool {
    input.start().starts_with(b"PAR1") || (is_set(input) && files(input).is_ok_and(|f| !f.is_empty()))
}

/// The images of one file or of several.
pub(super) fn open(input: &mut Input) -> Result<Contents> {
    let mut rows = Rows::default();
    for path in files(input)? {
        let file = if is_set(input) { remote::open(&path)? } else { Arc::clone(input.file()?) };
        rows.add_file(&path, &file).map_err(|e| e.at(&path))?;
    }
    let mut contents = rows.finish().map_err(|e| e.at(input.path()))?;
    if is_set(input) {
        contents.notices.extend(shards::beside(input, ".parquet")?.notices());
    }
    Ok(contents)
}

/// Whether it may hold several files.
fn is_set(input: &Input) -> bool {
    input.is_folder() || input.prefixed().is_some()
}

fn files(input: &Input) -> Result<Vec<PathBuf>> {
    if is_set(input) { shards::in_folder(input, ".parquet") } else { Ok(vec![input.path().to_path_buf()]) }
}

/// Everything read so far.
#[derive(Default)]
struct Rows {
    entries: Entries,
    places: PlaceTable,
    labels: Vec<Option<Label>>,
    /// Names of numeric labels.
    names: Option<Vec<String>>,
    paths: HashSet<String>,
    /// Bytes of texts that the file being read may still hold.
    texts_left: u64,
    /// Columns that are not read, with their types.
    unused: BTreeSet<String>,
}

enum Label {
    Number(i64),
    Name(String),
}

impl Rows {
    fn add_file(&mut self, path: &Path, file: &Arc<dyn ReadAt>) -> Result<()> {
        let chunks = Chunks::new(file);
        let reader = SerializedFileReader::new(chunks.clone()).map_err(|e| bad(&e))?;
        let metadata = reader.metadata();
        let columns = Columns::find(metadata.file_metadata().schema_descr())?;
        self.unused.extend(columns.unused.iter().cloned());
        let pairs = metadata.file_metadata().key_value_metadata();
        let huggingface = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == "huggingface"));
        if let Some(names) =
            huggingface.and_then(|pair| class_names(pair.value.as_deref()?, &columns.label_name))
        {
            if self.names.as_ref().is_some_and(|known| *known != names) {
                return Err(Error::new("has other class names than the files before it"));
            }
            self.names = Some(names);
        }
        let name = shards::file_name(path);
        self.texts_left = FEW_TEXTS + chunks.len();
        let mut row = 0;
        for group in metadata.row_groups() {
            let count = group.num_rows();
            // an image takes some bytes, so that the count cannot be a bomb
            if u64::try_from(count).ok().is_none_or(|count| row + count > chunks.len()) {
                return Err(Error::new(format!("claims {count} images in a file of {} bytes", chunks.len())));
            }
            check_count(row + count as u64, chunks.len())?;
            let column = |index: usize| -> Result<Column> {
                let metadata =
                    group.columns().get(index).ok_or_else(|| Error::new("lacks a column it declares"))?;
                Column::new(&chunks, metadata, count as usize)
            };
            self.add_group(&columns, column, &name, row)?;
            row += count as u64;
        }
        Ok(())
    }

    fn add_group(
        &mut self,
        columns: &Columns,
        column: impl Fn(usize) -> Result<Column>,
        file: &str,
        first: u64,
    ) -> Result<()> {
        let images = column(columns.image)?;
        let mut lengths = Vec::new();
        images.values::<ByteArrayType>(|bytes| lengths.push(bytes.map_or(0, ByteArray::len)))?;
        let left = &mut self.texts_left;
        let mut texts = |index: Option<usize>| -> Result<Vec<Option<String>>> {
            index.map(&column).transpose()?.map_or(Ok(Vec::new()), |column| column.texts(left))
        };
        let (paths, groups) = (texts(columns.path)?, texts(columns.group)?);
        let labels = columns.label.map(&column).transpose()?.map_or(Ok(Vec::new()), |c| c.labels(left))?;
        let (mut paths, mut groups, mut labels) = (paths.into_iter(), groups.into_iter(), labels.into_iter());
        let blob = Arc::new(Blob::Stream(Arc::new(ImageColumn(images))));
        let part = shards::part_of(file);
        let mut offset = 0;
        for (row, len) in lengths.into_iter().enumerate() {
            check_file_size(len as u64)?;
            let path = paths.next().flatten().filter(|path| !path.is_empty() && !self.paths.contains(path));
            let path = path.unwrap_or_else(|| format!("{file}[{}]", first + row as u64));
            self.labels.push(labels.next().flatten());
            let group = groups.next().flatten();
            self.entries.push(Entry { path: &path, label: None, part, group: group.as_deref() });
            self.paths.insert(path);
            self.places.push(Place::Span { blob: Arc::clone(&blob), offset, len, coding: Coding::Picture });
            offset += len as u64;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Contents> {
        let (classes, mut notices) = self.label()?;
        let Self { entries, places, unused, .. } = self;
        let unused: Tally = unused.iter().map(String::as_str).collect();
        let unused = unused.notice(Subject::UnusedMembers, |count| {
            format!("{}, not used (those that are read: image, label, group)", counted(count, "column"))
        });
        notices.extend(unused);
        Ok(Contents { classes, entries, places, notices, ..Contents::default() })
    }

    /// Turns labels into positions in the class list, which it gives.
    fn label(&mut self) -> Result<(ClassList, Vec<Notice>)> {
        let found: BTreeSet<String> = self.labels.iter().flatten().filter_map(Label::name).collect();
        if !found.is_empty() {
            let classes::Found { classes, labels, notices } = classes::order(&found);
            for (i, label) in self.labels.iter().enumerate() {
                let label = label.as_ref().and_then(Label::name).map(|name| labels[&name]);
                self.entries.set_label(i, label);
            }
            return Ok((classes, notices));
        }
        let most = self.names.as_ref().map_or(MAX_LABEL as usize, |names| names.len().saturating_sub(1));
        let mut count = 0;
        for (i, label) in self.labels.iter().enumerate() {
            // Hugging Face writes -1 where a label is held back
            let Some(Label::Number(number @ 0..)) = label else { continue };
            let label = usize::try_from(*number).unwrap_or(usize::MAX);
            if label > most {
                return Err(Error::new(format!("holds the label {number} (expected 0 to {most})")));
            }
            count = count.max(label + 1);
            self.entries.set_label(i, Some(label));
        }
        match &self.names {
            Some(names) => classes::listed(names),
            None => Ok((ClassList::numbered(count), Vec::new())),
        }
    }
}

impl Label {
    fn name(&self) -> Option<String> {
        match self {
            Self::Name(name) => Some(name.clone()),
            Self::Number(_) => None,
        }
    }
}

/// Positions of the columns that are read.
struct Columns {
    image: usize,
    path: Option<usize>,
    label: Option<usize>,
    label_name: String,
    group: Option<usize>,
    /// The names and types of the others.
    unused: Vec<String>,
}

impl Columns {
    fn find(schema: &SchemaDescriptor) -> Result<Self> {
        let all = schema.columns();
        let flat = |column: &&ColumnDescPtr| column.max_rep_level() == 0;
        let position = |names: &[&[&str]], types: &[Type]| {
            names.iter().find_map(|name| {
                all.iter().position(|column| {
                    column.path().parts() == *name && types.contains(&column.physical_type()) && flat(&column)
                })
            })
        };
        let image: &[&[&str]] = &[&["image", "bytes"], &["img", "bytes"], &["image"], &["img"]];
        let bytes = &[Type::BYTE_ARRAY];
        let numbers_or_names = &[Type::INT64, Type::INT32, Type::BYTE_ARRAY];
        let label = position(&[&["label"], &["labels"], &["class"]], numbers_or_names);
        let image = position(image, bytes).ok_or_else(|| {
            let found: Vec<String> = all.iter().map(|column| column.path().string()).collect();
            Error::new(format!("has no column `image` of picture files (found: {})", found.join(", ")))
        })?;
        let path = position(&[&["image", "path"], &["img", "path"]], bytes);
        let group = position(&[&["group"]], bytes);
        let used = [Some(image), path, label, group];
        let others = all.iter().enumerate().filter(|(i, _)| !used.contains(&Some(*i)));
        let unused =
            others.map(|(_, column)| format!("{} ({})", column.path().string(), column.physical_type()));
        Ok(Self {
            image,
            path,
            label,
            label_name: label.map(|label| all[label].path().string()).unwrap_or_default(),
            group,
            unused: unused.collect(),
        })
    }
}

/// The names of a `ClassLabel` in the metadata of Hugging Face.
fn class_names(json: &str, column: &str) -> Option<Vec<String>> {
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    let names = value["info"]["features"][column]["names"].as_array()?;
    let names: Vec<String> =
        names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    (names.len() <= MAX_LABEL as usize + 1).then_some(names)
}

/// A column of one row group.
struct Column {
    chunks: Chunks,
    metadata: ColumnChunkMetaData,
    rows: usize,
    /// Values read at a time.
    batch: usize,
}

impl Column {
    /// Checks the codec and the sizes that a column claims.
    fn new(chunks: &Chunks, metadata: &ColumnChunkMetaData, rows: usize) -> Result<Self> {
        let compression = metadata.compression();
        if !matches!(compression, Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_)) {
            let codec = compression.to_string().to_lowercase();
            let codec = codec.split('(').next().unwrap_or_default();
            return Err(Error::new(format!("is compressed with {codec} (expected snappy, zstd or none)"))
                .hint("write it anew with `compression=\"zstd\"`"));
        }
        let batch = if pages::check(chunks, metadata)? { 1 } else { BATCH };
        Ok(Self { chunks: chunks.clone(), metadata: metadata.clone(), rows, batch })
    }

    fn reader<T: DataType>(&self) -> ParquetResult<ColumnReaderImpl<T>> {
        let pages =
            SerializedPageReader::new(Arc::new(self.chunks.clone()), &self.metadata, self.rows, None)?;
        Ok(get_typed_column_reader(get_column_reader(self.metadata.column_descr_ptr(), Box::new(pages))))
    }

    /// Calls `each` with every row's value, `None` where there is none.
    fn values<T: DataType>(&self, mut each: impl FnMut(Option<&T::T>)) -> Result<()> {
        let mut reader = self.reader::<T>().map_err(|e| bad(&e))?;
        let present = self.metadata.column_descr().max_def_level();
        let mut left = self.rows;
        while left > 0 {
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            let batch = left.min(self.batch);
            let rows = read_rows(&mut reader, batch, &mut levels, &mut values).map_err(|e| bad(&e))?;
            if rows == 0 {
                return Err(Error::new(format!("ends {left} rows before the end of a row group")));
            }
            let mut values = values.iter();
            (0..rows).for_each(|row| {
                each(if levels.get(row).is_none_or(|l| *l == present) { values.next() } else { None });
            });
            left -= rows;
        }
        Ok(())
    }

    /// The texts of all rows, which take no more than the bytes that are `left`.
    fn texts(&self, left: &mut u64) -> Result<Vec<Option<String>>> {
        let (mut texts, mut is_too_long) = (Vec::new(), false);
        self.values::<ByteArrayType>(|value| {
            let needed = value.map_or(0, |value| value.len() as u64 + OF_TEXT);
            is_too_long |= needed > *left;
            let text = value.filter(|_| !is_too_long).map(|v| String::from_utf8_lossy(v.data()).into_owned());
            *left = left.saturating_sub(needed);
            texts.push(text);
        })?;
        if is_too_long {
            let message = format!("holds more texts than its {} bytes should", self.chunks.len());
            return Err(Error::new(message));
        }
        Ok(texts)
    }

    fn labels(&self, left: &mut u64) -> Result<Vec<Option<Label>>> {
        let mut labels = Vec::new();
        match self.metadata.column_type() {
            Type::INT32 => {
                self.values::<Int32Type>(|v| labels.push(v.map(|v| Label::Number(i64::from(*v)))))?;
            }
            Type::INT64 => self.values::<Int64Type>(|v| labels.push(v.map(|v| Label::Number(*v))))?,
            _ => labels = self.texts(left)?.into_iter().map(|name| name.map(Label::Name)).collect(),
        }
        Ok(labels)
    }
}

/// The picture files of a row group, one after the other.
struct ImageColumn(Column);

impl Stream for ImageColumn {
    fn reader(&self) -> Box<dyn Read + Send> {
        match self.0.reader::<ByteArrayType>() {
            Ok(reader) => Box::new(ImageBytes { reader, rest: Bytes::new() }),
            Err(error) => Box::new(Broken(error.to_string())),
        }
    }
}

/// Pages that cannot be read, for this reason.
struct Broken(String);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other(self.0.clone()))
    }
}

struct ImageBytes {
    reader: ColumnReaderImpl<ByteArrayType>,
    /// The rest of the file being read.
    rest: Bytes,
}

impl Read for ImageBytes {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let (mut levels, mut files) = (Vec::new(), Vec::new());
            if read_rows(&mut self.reader, 1, &mut levels, &mut files).map_err(io::Error::other)? == 0 {
                return Ok(0);
            }
            if let Some(file) = files.pop() {
                self.rest = Bytes::copy_from_slice(file.data());
            }
        }
        let next = self.rest.split_to(self.rest.len().min(out.len()));
        out[..next.len()].copy_from_slice(&next);
        Ok(next.len())
    }
}

/// Reads rows of a column. Pages that are damaged in ways that the reader takes for impossible are errors all
/// the same.
fn read_rows<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    levels: &mut Vec<i16>,
    values: &mut Vec<T::T>,
) -> ParquetResult<usize> {
    let read = AssertUnwindSafe(|| reader.read_records(rows, Some(levels), None, values));
    match catch_unwind(read) {
        Ok(read) => read.map(|(rows, _, _)| rows),
        Err(_) => Err(ParquetError::General("a page contradicts itself".to_owned())),
    }
}

fn bad(error: &ParquetError) -> Error {
    Error::inside(error, || Error::new(format!("is not a readable Parquet file: {error}")))
}
