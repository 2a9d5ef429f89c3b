//! Files that are whole or absent: every artefact is written beside its place and renamed into it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Beginning of the names of temporary files.
const TEMPORARY: &str = ".hema-";

/// Writes a file through a temporary file in the same folder and renames it into place once it is complete
/// and synced, so that a reader (or a crash, or a full disk) never sees half of it. Missing parent folders
/// are made.
///
/// # Errors
/// Any input or output error, with the target's path; the target is then as it was before.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let folder = prepare(path)?;
    let fail = |e: std::io::Error| write_error(path, &e);
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder).map_err(fail)?;
    {
        let mut buffered = BufWriter::new(temporary.as_file_mut());
        write(&mut buffered).map_err(fail)?;
        buffered.flush().map_err(fail)?;
    }
    temporary.as_file().sync_all().map_err(fail)?;
    temporary.persist(path).map_err(|e| write_error(path, &e.error))?;
    readable_by_others(path);
    Ok(())
}

/// Makes way for a file that is to be written, so that a bad path is found before any work is done for it:
/// creates the folders above it, and gives the innermost.
///
/// # Errors
/// The errors of [`create_folder`], and a folder where the file should be.
pub fn prepare(path: &Path) -> Result<&Path> {
    if path.is_dir() {
        return Err(Error::new("is a folder, expected the name of a file").at(path));
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_folder(folder)?;
    Ok(folder)
}

/// Creates a folder and its parents.
///
/// # Errors
/// The folder's path and the system's reason, or the file that stands in its place.
pub fn create_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| match folder.ancestors().find(|part| part.is_file()) {
        Some(file) => Error::new("is a file, expected a folder").at(file).hint("choose another --out"),
        None => write_error(folder, &e),
    })
}

/// Takes away the temporary files of a process that was killed while it wrote into this folder. No other may
/// be writing into it.
///
/// # Errors
/// A folder that cannot be listed, a file that cannot be removed.
pub fn remove_temporary(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, &e))? {
        let path = entry.map_err(|e| Error::io(folder, &e))?.path();
        let temporary = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY));
        if temporary && path.is_file() {
            fs::remove_file(&path).map_err(|e| Error::io(&path, &e))?;
        }
    }
    Ok(())
}

pub(crate) fn write_error(path: &Path, error: &std::io::Error) -> Error {
    let wrapped = Error::new(format!("cannot be written: {error}")).at(path);
    match error.kind() {
        std::io::ErrorKind::StorageFull
        | std::io::ErrorKind::FileTooLarge
        | std::io::ErrorKind::QuotaExceeded => {
            wrapped.hint("free some space or choose another place with --out; nothing was half-written")
        }
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            wrapped.hint("choose a folder you can write to with --out")
        }
        _ => wrapped,
    }
}

/// A CSV writer's error as the system's own, whose kind tells a full disk or a closed pipe.
pub fn csv_error(error: csv::Error) -> std::io::Error {
    let message = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        _ => std::io::Error::other(message),
    }
}

/// Temporary files are private (0600); an artefact gets the permissions any new file would have.
pub(crate) fn readable_by_others(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // a failure here leaves a complete, private file: not worth failing the run for
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o644));
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Opens a file for reading.
///
/// # Errors
/// The path, the system's reason, and a hint when it does not exist.
pub fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|e| {
        let error = Error::new(format!("cannot be opened: {e}")).at(path);
        if e.kind() == std::io::ErrorKind::NotFound { error.hint("check the path") } else { error }
    })
}

/// Reads from a position of a file without moving anyone else's; any number of threads may do so at once.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, offset)
}

/// Reads from a position of a file; any number of threads may do so at once.
#[cfg(windows)]
pub(crate) fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, out, offset)
}

/// Fills `out` from a position of a file, see [`read_at`].
pub(crate) fn read_exact_at(file: &File, mut out: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !out.is_empty() {
        match read_at(file, out, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                out = &mut out[read..];
                offset += read as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Writes at a position of a file.
#[cfg(unix)]
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Writes at a position of a file.
#[cfg(windows)]
pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/x.txt");
        write_atomic(&path, |w| w.write_all(b"old")).unwrap();
        let failed = write_atomic(&path, |w| {
            w.write_all(b"new")?;
            Err(std::io::Error::other("stop"))
        });
        assert!(failed.unwrap_err().to_string().contains("x.txt: cannot be written: stop"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
