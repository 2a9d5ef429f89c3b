//! Where a data set is built until it is complete: under a temporary name beside its place, so that it comes
//! to stand there whole, and a writer that is dropped leaves nothing behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::file::{self, TemporaryFolder};

/// A file on its way to its place, or into a stream: forms that seek are complete before it goes there.
pub(super) fn new_file(path: &Path) -> Result<NamedTempFile> {
    let fail = |e: io::Error| file::write_error(path, &e);
    if file::is_stream(path) {
        return file::temporary_file(&std::env::temp_dir()).map_err(fail);
    }
    refuse_existing(path)?;
    file::temporary_file(file::prepare(path)?).map_err(fail)
}

/// Puts a complete file in its place.
pub(super) fn publish(temporary: NamedTempFile, path: &Path) -> Result<()> {
    if file::is_stream(path) {
        let mut complete = temporary.reopen().map_err(|e| file::write_error(path, &e))?;
        return file::write_stream(path, |out| io::copy(&mut complete, out).map(drop));
    }
    temporary.as_file().sync_all().map_err(|e| file::write_error(path, &e))?;
    temporary.persist_noclobber(path).map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => file::write_error(path, &e.error),
    })?;
    file::sync_folder_of(path);
    Ok(())
}

/// An unnamed file on the disk that `path` will be on, for data that has to be written twice.
pub(super) fn spool(path: &Path) -> Result<fs::File> {
    let fail = |e: io::Error| file::write_error(path, &e);
    if file::is_stream(path) {
        return tempfile::tempfile().map_err(fail);
    }
    tempfile::tempfile_in(file::prepare(path)?).map_err(fail)
}

/// A folder on its way to its place.
pub(super) struct NewFolder {
    path: PathBuf,
    temporary: TemporaryFolder,
}

impl NewFolder {
    /// Begins a folder.
    pub(super) fn new(path: &Path) -> Result<Self> {
        if file::is_stream(path) {
            return Err(Error::new("takes no folder").at(path).hint("write an archive, as with `--to tar`"));
        }
        refuse_existing(path)?;
        let fail = |e: io::Error| file::write_error(path, &e);
        let absolute = std::path::absolute(path).map_err(fail)?;
        let parent = absolute.parent().ok_or_else(|| exists(path))?;
        file::create_folder(parent)?;
        let temporary = file::temporary_folder(parent).map_err(fail)?;
        Ok(Self { path: path.to_path_buf(), temporary })
    }

    /// Where its files are written.
    pub(super) fn root(&self) -> &Path {
        self.temporary.path()
    }

    /// Puts the complete folder in its place.
    pub(super) fn publish(self) -> Result<()> {
        refuse_existing(&self.path)?;
        let fail = |e: io::Error| file::write_error(&self.path, &e);
        file::sync_tree(self.temporary.path()).map_err(fail)?;
        fs::rename(self.temporary.path(), &self.path).map_err(fail)?;
        // it is no longer there to be removed
        self.temporary.keep();
        file::sync_folder_of(&self.path);
        Ok(())
    }
}

/// A data set is never replaced. An empty folder in its place is none.
pub(super) fn refuse_existing(path: &Path) -> Result<()> {
    let is_empty_folder = || fs::read_dir(path).is_ok_and(|mut files| files.next().is_none());
    if path.symlink_metadata().is_err() || is_empty_folder() { Ok(()) } else { Err(exists(path)) }
}

fn exists(path: &Path) -> Error {
    Error::new("exists already (a data set is never replaced)")
        .at(path)
        .hint("choose another name, or move or remove what is there")
}
