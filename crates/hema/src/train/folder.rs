//! A folder that runs are written into: the names of its files, and how one process at a time holds it.
//!
//! The lock is the operating system's and on the folder itself: it goes with the process, however that ends,
//! and leaves no file. Windows locks no folders: there it is on an empty file in the folder, which stays.
//! Left out on purpose: file systems without locks, on which a run goes on without.

use std::fs::{File, TryLockError};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use hema_core::error::{Error, ErrorKind, Result};
use hema_core::file;

use crate::builtin;
use crate::model_file::{BEST, SEARCH, SERIES};
use crate::recipe::SAVED;

pub use crate::model_file::LAST;

/// Name of the recipe inside a run directory.
pub const RECIPE: &str = SAVED;

/// Name of the checkpoint inside a run directory.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// Most bytes of the file that says why a run diverged, many times those of a message.
const MOST_BYTES_OF_REASON: u64 = 1 << 20;

/// Name of the file that says how the run in a directory came to a number that is not finite.
pub const DIVERGED: &str = "diverged.txt";

/// What a folder was trained into. Each of these has a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// A single run.
    Run,
    /// The runs of several seeds or folds.
    Series,
    /// The trials of a search.
    Search,
}

impl Holding {
    /// What a folder holds; nothing where no run has saved anything.
    pub fn of(folder: &Path) -> Option<Self> {
        let has = |names: &[&str]| names.iter().any(|name| folder.join(name).exists());
        let kinds =
            [(Self::Series, &[SERIES][..]), (Self::Search, &[SEARCH]), (Self::Run, &[CHECKPOINT, BEST])];
        kinds.into_iter().find(|(_, names)| has(names)).map(|(kind, _)| kind)
    }
}

/// Whether a run begins, or goes on from its checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// A new run, in a folder without one.
    #[default]
    Fresh,
    /// A run that was interrupted: it ends with the weights it would have had without the interruption, to
    /// the bit.
    Resume,
}

impl Start {
    /// Goes on where the folder holds a checkpoint, and begins elsewhere.
    pub fn of_folder(folder: &Path) -> Self {
        if folder.join(CHECKPOINT).exists() { Self::Resume } else { Self::Fresh }
    }
}

/// A folder that no other process trains or works into while this value lives.
#[derive(Debug)]
pub struct Claimed {
    folder: PathBuf,
    /// The folder, or on Windows a file in it, open and locked.
    _lock: Option<File>,
}

impl Claimed {
    /// Claims a folder, which is made if it is missing, and takes away what a killed process left
    /// half-written in it.
    ///
    /// # Errors
    /// Another process works there; the folder cannot be written.
    pub fn new(folder: &Path) -> Result<Self> {
        file::create_folder(folder)?;
        let lock = lockable(folder).ok();
        if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock) {
            return Err(Error::new("another hema is at work there")
                .at(folder)
                .hint("wait until it is done, or choose another --out")
                .with_kind(ErrorKind::AlreadyExists));
        }
        file::remove_temporary(folder)?;
        Ok(Self { folder: folder.to_path_buf(), _lock: lock })
    }

    /// Claims the folder of a run to resume or, for a new one, a folder without a run.
    ///
    /// # Errors
    /// Those of [`Self::new`] and of [`check_folder`].
    pub fn for_run(folder: &Path, start: Start) -> Result<Self> {
        check_folder(folder, start)?;
        let claimed = Self::new(folder)?;
        // another process may have been quicker
        check_folder(folder, start)?;
        Ok(claimed)
    }
}

impl Deref for Claimed {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.folder
    }
}

/// The file to lock: the folder itself.
#[cfg(not(windows))]
fn lockable(folder: &Path) -> io::Result<File> {
    File::open(folder)
}

/// The file to lock: one in the folder, of a name that is no temporary file's.
#[cfg(windows)]
fn lockable(folder: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(false).open(folder.join(".lock"))
}

/// Checks that a directory holds a run to resume or, for a new one, none. A run that ended before it saved
/// anything is none.
///
/// # Errors
/// It is otherwise; of the kind [`ErrorKind::Diverged`] for a run to resume whose numbers were not finite:
/// they would be so again.
pub fn check_folder(out: &Path, start: Start) -> Result<()> {
    builtin::check_output(out)?;
    match start {
        Start::Resume => check_resumable(out),
        Start::Fresh => check_free(out),
    }
    .map_err(|e| e.at(out))
}

fn check_resumable(out: &Path) -> Result<()> {
    let error = match Holding::of(out) {
        Some(Holding::Search) => Error::new("holds a search, expected a run")
            .hint(format!("go on with it by `hema tune --resume --out {}`", out.display())),
        _ if !out.join(CHECKPOINT).exists() => Error::new("nothing to resume: there is no checkpoint")
            .hint("a run saves its first one in its first epoch, or when it is interrupted; start it anew"),
        _ => return check_converged(out),
    };
    Err(error.with_kind(ErrorKind::NotFound))
}

/// Refuses to go on with a run that would diverge again.
fn check_converged(out: &Path) -> Result<()> {
    let file = out.join(DIVERGED);
    if !file.exists() {
        return Ok(());
    }
    let reason = file::read_text(&file, MOST_BYTES_OF_REASON)?;
    Err(Error::new(format!("would come to the same end again: {}", reason.trim_end()))
        .hint("begin a new run with a lower `lr`, or a `clip_norm`, in another --out")
        .with_kind(ErrorKind::Diverged))
}

fn check_free(out: &Path) -> Result<()> {
    let Some(holding) = Holding::of(out) else { return Ok(()) };
    let (resumable, model) = (out.join(CHECKPOINT).exists(), out.join(BEST).exists());
    let (found, hint) = match holding {
        Holding::Series | Holding::Search => ("already holds runs", "choose another --out".into()),
        Holding::Run if out.join(DIVERGED).exists() => (
            "already holds a run, whose numbers were not finite",
            "choose another --out, or remove this folder".into(),
        ),
        Holding::Run if resumable && model => (
            "already holds a run",
            format!(
                "choose another --out, or continue it with --resume if it was interrupted; for more epochs or new data \
                 begin a new run from its weights: --set model.weights={} --out NEW",
                out.display()
            ),
        ),
        Holding::Run if resumable => {
            ("already holds a run", "choose another --out, or continue it with --resume".into())
        }
        Holding::Run => {
            ("already holds a run", "choose another --out; this one has no checkpoint to resume from".into())
        }
    };
    Err(Error::new(found).hint(hint).with_kind(ErrorKind::AlreadyExists))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_is_claimed_once_at_a_time_and_cleaned() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("deep/run");
        let first = Claimed::new(&folder).unwrap();
        let error = Claimed::new(&folder).unwrap_err();
        assert!(error.to_string().ends_with("run: another hema is at work there"), "{error}");
        drop(first);
        fs::write(folder.join(".hema-abc"), "half").unwrap();
        fs::write(folder.join("notes.txt"), "mine").unwrap();
        let again = Claimed::new(&folder).unwrap();
        assert!(!again.join(".hema-abc").exists() && again.join("notes.txt").exists());
    }
}
