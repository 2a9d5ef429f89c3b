//! A data set in several files of about one size, each for one part: `train-000000.tar`, `train-000001.tar`,
//! ... The inside of a shard is left to its [`ShardWriter`].

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::target::NewFolder;
use super::writer::{Record, Writer};
use crate::data::classes::CLASSES_FILE;
use crate::data::notice::Notice;
use crate::data::part::Part;
use crate::error::Result;
use crate::file;

/// One shard being written.
pub(super) trait ShardWriter {
    /// Adds an image, whose picture file is `bytes`.
    fn add(&mut self, record: &Record, bytes: &[u8]) -> io::Result<()>;
    /// Completes the file.
    fn finish(self) -> io::Result<()>;
}

/// How the shards of a form are begun and called.
pub(super) struct ShardFormat<S> {
    /// Begins a shard.
    pub(super) begin: Box<dyn Fn(BufWriter<File>) -> io::Result<S>>,
    /// The name of shard `number` of `count`, of a part.
    pub(super) name: fn(part: Option<Part>, number: usize, count: usize) -> String,
    /// Images that got other names than they had.
    pub(super) notice: Box<dyn Fn() -> Option<Notice>>,
    /// Text of the list of classes beside the shards, where they do not tell it.
    pub(super) classes: Box<dyn Fn() -> Result<Option<Vec<u8>>>>,
}

/// A data set of shards being written.
pub(super) struct Sharded<S> {
    path: PathBuf,
    folder: NewFolder,
    format: ShardFormat<S>,
    shard_bytes: u64,
    parts: Vec<PartShards<S>>,
}

/// The shards of one part.
struct PartShards<S> {
    part: Option<Part>,
    /// The shard being written, and the bytes of its pictures.
    open: Option<(S, u64)>,
    count: usize,
}

impl<S: ShardWriter> Sharded<S> {
    /// Begins a folder of shards, each with about as many bytes of picture files.
    pub(super) fn new(path: &Path, format: ShardFormat<S>, shard_bytes: u64) -> Result<Self> {
        Ok(Self {
            path: path.to_path_buf(),
            folder: NewFolder::new(path)?,
            format,
            shard_bytes,
            parts: Vec::new(),
        })
    }

    fn add(&mut self, record: &Record, bytes: &[u8]) -> io::Result<()> {
        let part = record.entry.part;
        let known = self.parts.iter().position(|shards| shards.part == part).unwrap_or(self.parts.len());
        if known == self.parts.len() {
            self.parts.push(PartShards { part, open: None, count: 0 });
        }
        let shards = &mut self.parts[known];
        if shards.open.as_ref().is_some_and(|(_, len)| *len >= self.shard_bytes)
            && let Some((full, _)) = shards.open.take()
        {
            full.finish()?;
        }
        let (shard, len) = if let Some(open) = &mut shards.open {
            open
        } else {
            let out = File::create(self.folder.root().join(unnumbered(part, shards.count)))?;
            shards.count += 1;
            shards.open.insert(((self.format.begin)(BufWriter::new(out))?, 0))
        };
        *len += bytes.len() as u64;
        shard.add(record, bytes)
    }

    /// Closes every shard and gives it its name.
    fn close(&mut self) -> io::Result<()> {
        for shards in &mut self.parts {
            if let Some((last, _)) = shards.open.take() {
                last.finish()?;
            }
            for number in 0..shards.count {
                let name = (self.format.name)(shards.part, number, shards.count);
                let root = self.folder.root();
                fs::rename(root.join(unnumbered(shards.part, number)), root.join(name))?;
            }
        }
        Ok(())
    }
}

impl<S: ShardWriter> Writer for Sharded<S> {
    fn push(&mut self, record: &Record) -> Result<()> {
        let bytes = record.picture_file()?;
        self.add(record, &bytes).map_err(|e| file::write_error(&self.path, &e))
    }

    fn notice(&self) -> Option<Notice> {
        (self.format.notice)()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.close().map_err(|e| file::write_error(&self.path, &e))?;
        if let Some(text) = (self.format.classes)()? {
            fs::write(self.folder.root().join(CLASSES_FILE), text)
                .map_err(|e| file::write_error(&self.path, &e))?;
        }
        self.folder.publish()
    }
}

/// The name of a shard while nobody knows how many there will be.
fn unnumbered(part: Option<Part>, number: usize) -> String {
    format!("{}.{number}.partial", part.map_or("data".to_owned(), |part| part.to_string()))
}
