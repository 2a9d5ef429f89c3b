//! Parquet as Hugging Face `datasets` keeps images: `image` (a struct of `bytes` and `path`), `label` with
//! its class names in the `huggingface` metadata, and `group` where there are groups. A name that ends in
//! `.parquet` is one file; any other a folder of `train-00000-of-00002.parquet`, ...
//!
//! Row groups are small, so that a few images can be read without the rest; nothing is compressed: pictures
//! are.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use ::parquet::errors::Result as ParquetResult;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;
use tempfile::NamedTempFile;

use super::shards::{ShardFormat, ShardWriter, Sharded};
use super::target;
use super::writer::{Options, Record, Writer};
use crate::data::entries::Entries;
use crate::data::part::Part;
use crate::error::{Error, Result};
use crate::file;

/// Images of a row group, and most bytes of them.
const GROUP_IMAGES: usize = 100;
const GROUP_BYTES: usize = 32 << 20;

pub(super) fn create(path: &Path, classes: &[String], options: &Options) -> Result<Box<dyn Writer>> {
    let columns = Columns { classes: classes.to_vec(), has_groups: options.has_groups };
    let is_file = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("parquet"));
    if is_file || file::is_stream(path) {
        let target = target::new_file(path)?;
        let fail = |e: io::Error| file::write_error(path, &e);
        let file = ParquetFile::new(target.reopen().map_err(fail)?, columns).map_err(fail)?;
        return Ok(Box::new(Single { path: path.to_path_buf(), target, file }));
    }
    let begin = move |out: BufWriter<File>| ParquetFile::new(out.into_inner()?, columns.clone());
    Ok(Box::new(Sharded::new(
        path,
        ShardFormat {
            begin: Box::new(begin),
            name: shard_name,
            notice: Box::new(|| None),
            // every file has the names
            classes: Box::new(|| Ok(None)),
        },
        options.shard_bytes,
    )?))
}

/// The name by which Hugging Face knows a shard.
fn shard_name(part: Option<Part>, number: usize, count: usize) -> String {
    let split = match part {
        None => "data",
        Some(Part::Train) => "train",
        Some(Part::Val) => "validation",
        Some(Part::Test) => "test",
    };
    format!("{split}-{number:05}-of-{count:05}.parquet")
}

/// One file with all images.
struct Single {
    path: PathBuf,
    target: NamedTempFile,
    file: ParquetFile,
}

impl Writer for Single {
    fn push(&mut self, record: &Record) -> Result<()> {
        if record.entry.part.is_some() {
            return Err(Error::new("has a part, for which a single Parquet file has no place")
                .at(record.entry.path)
                .hint("write a folder with `--to parquet`, choose a part, or leave parts out with `--split none`"));
        }
        let bytes = record.picture_file()?;
        self.file.add(record, &bytes).map_err(|e| file::write_error(&self.path, &e))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.finish().map_err(|e| file::write_error(&self.path, &e))?;
        target::publish(self.target, &self.path)
    }
}

/// The columns of a file beside the images.
#[derive(Clone)]
struct Columns {
    classes: Vec<String>,
    has_groups: bool,
}

impl Columns {
    fn schema(&self) -> String {
        let label = if self.classes.is_empty() { "" } else { "optional int64 label;" };
        let group = if self.has_groups { "optional binary group (STRING);" } else { "" };
        format!(
            "message schema {{ optional group image {{ optional binary bytes; optional binary path (STRING); }} {label} \
             {group} }}"
        )
    }

    /// The features as `datasets` writes them.
    fn features(&self) -> String {
        let mut features = serde_json::json!({"image": {"_type": "Image"}});
        if !self.classes.is_empty() {
            features["label"] = serde_json::json!({"names": self.classes, "_type": "ClassLabel"});
        }
        if self.has_groups {
            features["group"] = serde_json::json!({"dtype": "string", "_type": "Value"});
        }
        serde_json::json!({"info": {"features": features}}).to_string()
    }
}

/// One file being written.
struct ParquetFile {
    out: SerializedFileWriter<File>,
    columns: Columns,
    /// Rows of the next row group.
    entries: Entries,
    files: Vec<ByteArray>,
    bytes: usize,
}

impl ParquetFile {
    fn new(out: File, columns: Columns) -> io::Result<Self> {
        let schema = parse_message_type(&columns.schema())?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::UNCOMPRESSED)
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".to_owned(), columns.features())]))
            .build();
        let out = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        Ok(Self { out, columns, entries: Entries::default(), files: Vec::new(), bytes: 0 })
    }

    fn write_group(&mut self) -> ParquetResult<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let (entries, files) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.files));
        self.bytes = 0;
        let mut group = self.out.next_row_group()?;
        let text = |text: &str| ByteArray::from(text);
        write_column::<ByteArrayType>(&mut group, files.into_iter().map(Some), 2)?;
        write_column::<ByteArrayType>(&mut group, entries.iter().map(|e| Some(text(e.path))), 2)?;
        if !self.columns.classes.is_empty() {
            write_column::<Int64Type>(
                &mut group,
                entries.iter().map(|e| e.label.map(|label| label as i64)),
                1,
            )?;
        }
        if self.columns.has_groups {
            write_column::<ByteArrayType>(&mut group, entries.iter().map(|e| e.group.map(text)), 1)?;
        }
        group.close().map(drop)
    }
}

/// Writes one column of a row group; a value that is there has the definition level `present`.
fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: impl Iterator<Item = Option<T::T>>,
    present: i16,
) -> ParquetResult<()> {
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    let values: Vec<Option<T::T>> = values.collect();
    let levels: Vec<i16> = values.iter().map(|value| if value.is_some() { present } else { 0 }).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    column.close()
}

impl ShardWriter for ParquetFile {
    fn add(&mut self, record: &Record, bytes: &[u8]) -> io::Result<()> {
        if record.entry.group.is_some() && !self.columns.has_groups {
            return Err(io::Error::other("an image has a group, which was not announced"));
        }
        self.entries.push(record.entry);
        self.files.push(ByteArray::from(bytes.to_vec()));
        self.bytes += bytes.len();
        if self.entries.len() == GROUP_IMAGES || self.bytes >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.write_group()?;
        self.out.into_inner()?.flush()
    }
}
