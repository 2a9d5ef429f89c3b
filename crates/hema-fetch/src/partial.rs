//! A file on its way: `NAME.part` beside its place, locked while it is written, kept when the download is
//! interrupted.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use hema_core::error::{Error, Result};
use hema_core::file;

/// Longest text of a version, in bytes.
const MOST_VERSION: u64 = 64 << 10;

/// The bytes of a file that have arrived so far.
pub(crate) struct Partial {
    path: PathBuf,
    file: File,
    len: u64,
}

/// Which version of which file the bytes are of, as its server tells: without it, bytes of two versions could
/// be joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The address they came from.
    pub(crate) url: String,
    /// A strong `ETag` or a `Last-Modified` date, as `If-Range` takes it.
    pub(crate) validator: String,
}

impl Partial {
    /// Opens the part that is there of the file `target`, or begins one. The lock lasts as long as the value.
    ///
    /// # Errors
    /// Another process downloads the same file; the folder cannot be written; another user put something
    /// under the part's name.
    pub(crate) fn open(target: &Path) -> Result<Self> {
        file::prepare(target)?;
        let path = beside(target, ".part");
        let fail = |e: io::Error| write_error(&path, &e);
        let file = file::open_own(&path)?;
        match file.try_lock() {
            // not every network file system knows locks: go on without
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new("is being downloaded by another process")
                    .at(target)
                    .hint("wait until that one is done"));
            }
        }
        let len = file.metadata().map_err(fail)?.len();
        Ok(Self { path, file, len })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are there.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The version that the bytes are of, if that is known.
    pub(crate) fn version(&self) -> Option<Version> {
        // one that cannot be read is of no version: the bytes are fetched again
        let text = file::read_text(&self.version_path(), MOST_VERSION).ok()?;
        let (url, validator) = text.trim_end().split_once('\n')?;
        Some(Version { url: url.to_owned(), validator: validator.to_owned() })
    }

    /// Throws the bytes away and begins anew with bytes of `version`.
    pub(crate) fn restart(&mut self, version: Option<&Version>) -> Result<()> {
        let fail = |e: io::Error| write_error(&self.path, &e);
        // in this order, so that whenever this is cut short no bytes stand under a wrong version
        self.file.set_len(0).map_err(fail)?;
        self.file.seek(SeekFrom::Start(0)).map_err(fail)?;
        self.len = 0;
        match version {
            None => remove(&self.version_path()),
            Some(version) => {
                let text = format!("{}\n{}\n", version.url, version.validator);
                file::replace(&self.version_path(), |w| w.write_all(text.as_bytes()))
            }
        }
    }

    /// Adds bytes that have arrived.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| write_error(&self.path, &e))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Puts the whole file in its place.
    pub(crate) fn finish(self, target: &Path) -> Result<()> {
        self.file.sync_all().map_err(|e| write_error(&self.path, &e))?;
        fs::rename(&self.path, target).map_err(|e| write_error(target, &e))?;
        file::sync_folder_of(target);
        remove(&self.version_path())
    }

    /// Leaves nothing behind.
    pub(crate) fn discard(self) -> Result<()> {
        remove(&self.path)?;
        remove(&self.version_path())
    }

    fn version_path(&self) -> PathBuf {
        beside(&self.path, ".version")
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io(path, &e)),
        _ => Ok(()),
    }
}

fn write_error(path: &Path, error: &io::Error) -> Error {
    let wrapped = Error::new(format!("cannot be written: {error}")).at(path);
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded => wrapped
            .hint("free some space and run it again: it goes on where it stopped; or choose another place"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            wrapped.hint("choose a folder you can write to with --out")
        }
        _ => wrapped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_their_version_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("sub/x.bin");
        let version = Version { url: "http://a/x".into(), validator: "\"1\"".into() };
        let mut partial = Partial::open(&target).unwrap();
        partial.restart(Some(&version)).unwrap();
        partial.append(b"abc").unwrap();
        drop(partial);

        let mut partial = Partial::open(&target).unwrap();
        assert_eq!((partial.len(), partial.version()), (3, Some(version)));
        partial.append(b"de").unwrap();
        partial.finish(&target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"abcde");
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn one_download_of_a_file_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.bin");
        let first = Partial::open(&target).unwrap();
        let error = Partial::open(&target).err().unwrap();
        assert!(error.to_string().ends_with("x.bin: is being downloaded by another process"), "{error}");
        drop(first);
        Partial::open(&target).unwrap();
    }
}
