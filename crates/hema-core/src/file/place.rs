//! The places that files are written to: the folders above them, and errors there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::address::{is_address, refuse_address};
use crate::error::{Error, Result};

/// Makes way for a file that is to be written, so that a bad path is found before any work is done for it:
/// creates the folders above it, and gives the innermost.
///
/// # Errors
/// The errors of [`create_folder`]; a folder where the file should be; an address.
pub fn prepare(path: &Path) -> Result<&Path> {
    refuse_address(path)?;
    if path.is_dir() {
        return Err(Error::new("is a folder, expected the name of a file").at(path));
    }
    let folder = folder_of(path);
    create_folder(folder)?;
    Ok(folder)
}

/// Creates a folder and its parents.
///
/// # Errors
/// The folder's path and the system's reason, or the file or device that stands in its place; an address.
pub fn create_folder(folder: &Path) -> Result<()> {
    refuse_address(folder)?;
    let is_in_the_way = |part: &&Path| part.exists() && !part.is_dir();
    fs::create_dir_all(folder).map_err(|e| match folder.ancestors().find(is_in_the_way) {
        Some(other) => {
            let found = if other.is_file() { "a file" } else { "a device or a pipe" };
            Error::new(format!("is {found}, expected a folder")).at(other).hint("choose another --out")
        }
        None => write_error(folder, &e),
    })
}

/// A path that holds from any folder; links are not followed. An address holds as it is.
///
/// # Errors
/// An empty path; a working folder that is gone.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    if is_address(path) {
        return Ok(path.to_owned());
    }
    std::path::absolute(path).map_err(|e| Error::io(path, &e))
}

/// The folder that a path lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Has the name of a file survive a loss of power, where the system can do that.
pub fn sync_folder_of(path: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = File::open(folder_of(path)) {
        // some file systems refuse, and write names at once
        let _ = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// What the system says of a file that cannot be written.
pub(crate) fn write_error(path: &Path, error: &io::Error) -> Error {
    let wrapped = Error::new(format!("cannot be written: {error}")).at(path).with_kind(error.kind().into());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded => {
            wrapped.hint("free some space or choose another place; nothing was half-written")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            wrapped.hint("choose a folder you can write to")
        }
        _ => wrapped,
    }
}
