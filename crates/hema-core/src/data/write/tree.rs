//! Image folders, and archives of one: `<class>/<name>`, and at the root a `split.csv`
//! (`path,label,split`) when images have parts, a `groups.csv` (`path,group`) when they have groups, a
//! `classes.csv` (`number,class`) when the folders' names do not tell the classes and their order.
//!
//! The same images give the same bytes: members carry no times and no owners.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use super::names::Names;
use super::target::{self, NewFolder};
use super::writer::{Options, Record, Writer};
use crate::data::classes::{CLASSES_FILE, ClassesFile};
use crate::data::decode;
use crate::data::notice::Notice;
use crate::error::{Error, Result};
use crate::file::{self, FailOnce};
use crate::spreadsheet::defused;

/// Folder around everything in an archive, so that a single class is not taken for the wrapping.
const TOP: &str = "data";

pub(super) fn folder(path: &Path, classes: &[String], _: &Options) -> Result<Box<dyn Writer>> {
    Ok(Box::new(Tree::new(Folder(NewFolder::new(path)?), path, classes)?))
}

pub(super) fn tar(path: &Path, classes: &[String], _: &Options) -> Result<Box<dyn Writer>> {
    let out = TarFile::Plain(BufWriter::new(target::new_file(path)?));
    Ok(Box::new(Tree::new(Tar(::tar::Builder::new(out)), path, classes)?))
}

pub(super) fn tar_gz(path: &Path, classes: &[String], _: &Options) -> Result<Box<dyn Writer>> {
    // pictures hardly shrink; the fastest level suffices for the headers
    let packed = GzEncoder::new(BufWriter::new(target::new_file(path)?), Compression::fast());
    let out = TarFile::Gzip(Box::new(packed));
    Ok(Box::new(Tree::new(Tar(::tar::Builder::new(out)), path, classes)?))
}

pub(super) fn zip(path: &Path, classes: &[String], _: &Options) -> Result<Box<dyn Writer>> {
    let out = BufWriter::new(target::new_file(path)?);
    Ok(Box::new(Tree::new(Zip(::zip::ZipWriter::new(FailOnce::new(out))), path, classes)?))
}

/// A folder or an archive, which takes files under their names.
trait Sink {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    fn finish(self, path: &Path) -> Result<()>;
}

struct Tree<S> {
    path: PathBuf,
    names: Names,
    sink: S,
    split: CsvTable,
    groups: CsvTable,
    classes: Vec<String>,
    list: ClassesFile,
}

impl<S: Sink> Tree<S> {
    fn new(sink: S, path: &Path, classes: &[String]) -> Result<Self> {
        let names = Names::new(classes).map_err(|e| e.at(path))?;
        Ok(Self {
            path: path.to_path_buf(),
            names,
            sink,
            split: CsvTable::new(&["path", "label", "split"])?,
            groups: CsvTable::new(&["path", "group"])?,
            classes: classes.to_vec(),
            list: ClassesFile::new(classes),
        })
    }
}

impl<S: Sink> Writer for Tree<S> {
    fn push(&mut self, record: &Record) -> Result<()> {
        let bytes = record.picture_file()?;
        self.list.add(record.entry.label);
        let name = self.names.claim(record.entry, decode::extension(&bytes));
        if let Some(part) = record.entry.part {
            let label = record.entry.label.map_or("", |label| &self.classes[label]);
            self.split.add(&[&name, label, &part.to_string()])?;
        }
        if let Some(group) = record.entry.group {
            self.groups.add(&[&name, group])?;
        }
        self.sink.add(&name, &bytes).map_err(|e| file::write_error(&self.path, &e))
    }

    fn notice(&self) -> Option<Notice> {
        self.names.notice()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let list = if self.list.is_needed() { Some(self.list.text()?) } else { None };
        let tables = [
            ("split.csv", self.split.finish()?),
            ("groups.csv", self.groups.finish()?),
            (CLASSES_FILE, list),
        ];
        for (name, text) in tables {
            if let Some(text) = text {
                self.sink.add(name, &text).map_err(|e| file::write_error(&self.path, &e))?;
            }
        }
        self.sink.finish(&self.path)
    }
}

/// A CSV file at the root.
struct CsvTable {
    text: csv::Writer<Vec<u8>>,
    is_empty: bool,
}

impl CsvTable {
    fn new(header: &[&str]) -> Result<Self> {
        let mut text = csv::Writer::from_writer(Vec::new());
        text.write_record(header).map_err(|e| bad_row(&e))?;
        Ok(Self { text, is_empty: true })
    }

    fn add(&mut self, row: &[&str]) -> Result<()> {
        self.is_empty = false;
        self.text.write_record(row.iter().copied().map(defused)).map_err(|e| bad_row(&e))
    }

    fn finish(self) -> Result<Option<Vec<u8>>> {
        let text = self.text.into_inner().map_err(|e| Error::new(e.to_string()))?;
        Ok((!self.is_empty).then_some(text))
    }
}

fn bad_row(error: &csv::Error) -> Error {
    Error::new(format!("a row beside the images cannot be written: {error}"))
}

struct Folder(NewFolder);

impl Sink for Folder {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.root().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)
    }

    fn finish(self, _: &Path) -> Result<()> {
        self.0.publish()
    }
}

/// A file, compressed or not.
enum TarFile {
    Plain(BufWriter<NamedTempFile>),
    Gzip(Box<GzEncoder<BufWriter<NamedTempFile>>>),
}

impl Write for TarFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzip(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzip(out) => out.flush(),
        }
    }
}

struct Tar(::tar::Builder<TarFile>);

impl Sink for Tar {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        add_member(&mut self.0, &format!("{TOP}/{name}"), bytes)
    }

    fn finish(self, path: &Path) -> Result<()> {
        let close = || match self.0.into_inner()? {
            TarFile::Plain(out) => Ok(out.into_inner()?),
            TarFile::Gzip(out) => Ok(out.finish()?.into_inner()?),
        };
        target::publish(close().map_err(|e: io::Error| file::write_error(path, &e))?, path)
    }
}

/// Adds a file to a tar archive, without time or owner.
pub(super) fn add_member<W: Write>(out: &mut ::tar::Builder<W>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = ::tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    out.append_data(&mut header, name, bytes)
}

struct Zip(::zip::ZipWriter<FailOnce<BufWriter<NamedTempFile>>>);

impl Sink for Zip {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let options =
            ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
        self.0.start_file(format!("{TOP}/{name}"), options)?;
        self.0.write_all(bytes)
    }

    fn finish(self, path: &Path) -> Result<()> {
        let close = || -> io::Result<NamedTempFile> { Ok(self.0.finish()?.into_inner().into_inner()?) };
        target::publish(close().map_err(|e| file::write_error(path, &e))?, path)
    }
}
