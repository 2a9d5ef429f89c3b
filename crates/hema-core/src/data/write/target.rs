//! Where a data set is built until it is complete: under a temporary name beside its place, so that it comes
//! to stand there whole, and a writer that is dropped leaves nothing behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::error::{Error, Result};
use crate::file;

/// A file on its way to its place.
pub(super) fn new_file(path: &Path) -> Result<NamedTempFile> {
    refuse_existing(path)?;
    let folder = file::prepare(path)?;
    file::new_temporary().tempfile_in(folder).map_err(|e| file::write_error(path, &e))
}

/// Puts a complete file in its place.
pub(super) fn publish(temporary: NamedTempFile, path: &Path) -> Result<()> {
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
    tempfile::tempfile_in(file::prepare(path)?).map_err(|e| file::write_error(path, &e))
}

/// A folder on its way to its place.
pub(super) struct NewFolder {
    path: PathBuf,
    temporary: TempDir,
}

impl NewFolder {
    /// Begins a folder.
    pub(super) fn new(path: &Path) -> Result<Self> {
        refuse_existing(path)?;
        let fail = |e: io::Error| file::write_error(path, &e);
        let absolute = std::path::absolute(path).map_err(fail)?;
        let parent = absolute.parent().ok_or_else(|| exists(path))?;
        file::create_folder(parent)?;
        let temporary = tempfile::Builder::new().prefix(file::TEMPORARY).tempdir_in(parent).map_err(fail)?;
        Ok(Self { path: path.to_path_buf(), temporary })
    }

    /// Where its files are written.
    pub(super) fn root(&self) -> &Path {
        self.temporary.path()
    }

    /// Puts the complete folder in its place.
    pub(super) fn publish(self) -> Result<()> {
        refuse_existing(&self.path)?;
        open_to_others(self.temporary.path());
        fs::rename(self.temporary.path(), &self.path).map_err(|e| file::write_error(&self.path, &e))?;
        // it is no longer there to be removed
        let _ = self.temporary.keep();
        Ok(())
    }
}

/// A data set is never replaced. An empty folder in its place is none.
fn refuse_existing(path: &Path) -> Result<()> {
    let is_empty_folder = || fs::read_dir(path).is_ok_and(|mut files| files.next().is_none());
    if path.symlink_metadata().is_err() || is_empty_folder() { Ok(()) } else { Err(exists(path)) }
}

fn exists(path: &Path) -> Error {
    Error::new("exists already (a data set is never replaced)")
        .at(path)
        .hint("choose another name, or move or remove what is there")
}

/// Temporary folders are private (0700); a data set gets the permissions any new folder would have.
fn open_to_others(folder: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // a failure here leaves a complete, private folder: not worth failing for
        let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o755));
    }
    #[cfg(not(unix))]
    let _ = folder;
}
