//! CSV manifests of picture files that lie on the disk: `path,label,split,group`. Paths are relative to the
//! manifest where the files lie beside or below it, so that both can be moved together. Where the labels do
//! not tell the classes and their order, `NAME.classes.csv` beside it lists them.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::target;
use super::writer::{Options, Record, Writer};
use crate::data::classes::{ClassesFile, classes_of_manifest};
use crate::error::{Error, Result};
use crate::file;
use crate::spreadsheet::defused;

pub(super) fn create(path: &Path, classes: &[String], _: &Options) -> Result<Box<dyn Writer>> {
    let fail = |e: std::io::Error| file::write_error(path, &e);
    let absolute = std::path::absolute(path).map_err(fail)?;
    target::refuse_existing(&classes_of_manifest(path))?;
    let mut rows = csv::Writer::from_writer(BufWriter::new(target::new_file(path)?));
    rows.write_record(["path", "label", "split", "group"]).map_err(|e| fail(file::csv_error(e)))?;
    let folder = absolute.parent().unwrap_or(&absolute).to_path_buf();
    Ok(Box::new(Manifest {
        path: path.to_path_buf(),
        folder,
        classes: classes.to_vec(),
        list: ClassesFile::new(classes),
        rows,
    }))
}

struct Manifest {
    path: PathBuf,
    /// The folder it lies in, from the root.
    folder: PathBuf,
    classes: Vec<String>,
    list: ClassesFile,
    rows: csv::Writer<BufWriter<NamedTempFile>>,
}

impl Writer for Manifest {
    fn push(&mut self, record: &Record) -> Result<()> {
        let entry = record.entry;
        let location = record.location.ok_or_else(|| {
            Error::new("is no file of its own, which a manifest could name")
                .at(entry.path)
                .hint("write a folder, an archive or an array instead")
        })?;
        let fail = |e: std::io::Error| file::write_error(&self.path, &e);
        let absolute = std::path::absolute(location).map_err(fail)?;
        let below = absolute.strip_prefix(&self.folder).unwrap_or(&absolute);
        let name = below.to_str().filter(|name| name.trim() == *name).ok_or_else(|| {
            Error::new("has a name that a manifest cannot hold (no UTF-8, or spaces around it)").at(location)
        })?;
        let label = entry.label.map_or("", |label| &self.classes[label]);
        let part = entry.part.map(|part| part.to_string()).unwrap_or_default();
        let row = [name, label, &part, entry.group.unwrap_or("")];
        self.list.add(entry.label);
        self.rows.write_record(row.map(defused)).map_err(|e| fail(file::csv_error(e)))
    }

    fn wants_files(&self) -> bool {
        false
    }

    fn finish(self: Box<Self>) -> Result<()> {
        if self.list.is_needed() {
            if file::is_stream(&self.path) {
                return Err(Error::new(
                    "has no place for the list of classes, whose order their names do not tell",
                )
                .at(&self.path)
                .hint("write the manifest to a file"));
            }
            let text = self.list.text()?;
            file::write_atomic(&classes_of_manifest(&self.path), |out| out.write_all(&text))?;
        }
        let fail = |e: std::io::Error| file::write_error(&self.path, &e);
        let out = self.rows.into_inner().map_err(|e| fail(e.into_error()))?;
        target::publish(out.into_inner().map_err(|e| fail(e.into_error()))?, &self.path)
    }
}
