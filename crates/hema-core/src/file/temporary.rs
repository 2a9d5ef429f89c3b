//! Temporary files and folders: `.hema-` and six letters, beside the place that they are renamed into.
//!
//! A process holds a lock on each of its own. The system drops a lock when its process ends, however it ends,
//! so that what can be locked is litter: the next that writes into the folder takes it away. Where a file
//! system knows no locks, as some over networks, nothing is taken away.

use std::fs::{self, File, Permissions};
use std::io;
use std::path::Path;

use tempfile::{NamedTempFile, TempDir};

use crate::error::{Error, Result};

/// Beginning of the names, and the letters behind it.
const TEMPORARY: &str = ".hema-";
const LETTERS: usize = 6;

/// A folder under construction. Dropped, it is removed.
pub(crate) struct TemporaryFolder {
    folder: TempDir,
    /// The folder, open and locked.
    _lock: Option<File>,
}

impl TemporaryFolder {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder to whoever it was renamed for.
    pub(crate) fn keep(self) {
        let _ = self.folder.keep();
    }
}

/// A file in a folder, with the permissions that any new file of this process has.
pub(crate) fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    clear(folder);
    loop {
        let file = named(0o666).tempfile_in(folder)?;
        if hold(file.as_file(), file.path()) {
            return Ok(file);
        }
    }
}

/// A folder in a folder, with the permissions that any new folder of this process has.
pub(crate) fn temporary_folder(parent: &Path) -> io::Result<TemporaryFolder> {
    clear(parent);
    loop {
        let folder = named(0o777).tempdir_in(parent)?;
        // folders cannot be opened everywhere
        let lock = File::open(folder.path()).ok();
        if lock.as_ref().is_none_or(|lock| hold(lock, folder.path())) {
            return Ok(TemporaryFolder { folder, _lock: lock });
        }
    }
}

/// Temporary names, with these permissions, of which the system takes away what the umask says.
fn named(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY).rand_bytes(LETTERS);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// Locks what was just made. `false` if somebody took it for litter in the moment before.
fn hold(made: &File, path: &Path) -> bool {
    // a lock would keep other handles of this process from the file
    if cfg!(not(unix)) {
        return true;
    }
    !matches!(made.try_lock(), Err(fs::TryLockError::WouldBlock)) && path.exists()
}

/// Takes away what killed processes left in a folder. What cannot be taken away is no reason to fail.
fn clear(folder: &Path) {
    if cfg!(not(unix)) {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let letters = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY));
        if letters.is_some_and(|l| l.len() == LETTERS && l.bytes().all(|b| b.is_ascii_alphanumeric())) {
            let _ = remove_abandoned(&entry.path());
        }
    }
}

/// Removes a file or a folder that no process holds.
fn remove_abandoned(path: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(path)?.file_type();
    if kind.is_dir() {
        File::open(path)?.try_lock()?;
        fs::remove_dir_all(path)
    } else if kind.is_file() {
        // over a network, a file can be locked only by who can write to it
        let file = File::options().read(true).write(true).open(path)?;
        file.try_lock()?;
        fs::remove_file(path)
    } else {
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_a_killed_process_left_is_taken_away_and_what_a_live_one_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (live, live_folder) =
            (temporary_file(folder.path()).unwrap(), temporary_folder(folder.path()).unwrap());
        fs::write(at(".hema-Abc123"), "half").unwrap();
        fs::create_dir_all(at(".hema-Def456/class")).unwrap();
        fs::write(at(".hema-Def456/class/1.png"), "half").unwrap();
        for other in [".hema-mine", ".hemalyse", "notes.txt"] {
            fs::write(at(other), "mine").unwrap();
        }
        let kept = at("kept");
        fs::write(&kept, "kept").unwrap();
        std::os::unix::fs::symlink(&kept, at(".hema-link00")).unwrap();

        drop(temporary_file(folder.path()).unwrap());
        assert!(!at(".hema-Abc123").exists() && !at(".hema-Def456").exists());
        assert!(live.path().exists() && live_folder.path().exists());
        for other in [".hema-mine", ".hemalyse", "notes.txt", "kept", ".hema-link00"] {
            assert!(at(other).exists(), "{other}");
        }
        // what was held by a process that ended is litter
        let (left, left_folder) = (live.into_temp_path().keep().unwrap(), live_folder.path().to_path_buf());
        live_folder.keep();
        drop(temporary_folder(folder.path()).unwrap());
        assert!(!left.exists() && !left_folder.exists());
    }

    #[cfg(unix)]
    #[test]
    fn what_somebody_takes_for_litter_the_moment_it_is_made_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".hema-Abc123");
        let made = File::create(&path).unwrap();
        let cleaner = File::open(&path).unwrap();
        cleaner.try_lock().unwrap();
        assert!(!hold(&made, &path));
        fs::remove_file(&path).unwrap();
        drop(cleaner);
        assert!(!hold(&made, &path));
    }
}
