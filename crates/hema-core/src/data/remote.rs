//! Data on other machines. This library opens no connection: a program that shall read from addresses
//! registers an [`Opener`], as the `hema` command does with that of `hema-fetch`. All forms are then read
//! from there as from a file, through [`ReadAt`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, ReadAt};

/// Opens files by their addresses (see [`file::is_address`]).
pub trait Opener: Send + Sync {
    /// The bytes of the file at an address. They stay those of one version: where the file changes while it
    /// is read, reading fails.
    ///
    /// # Errors
    /// A file that is not there or not given, a server out of reach.
    fn open(&self, address: &str) -> Result<Arc<dyn ReadAt>>;

    /// The addresses of all files under a prefix that ends in `/`, however deep.
    ///
    /// # Errors
    /// A prefix that cannot be listed, a server out of reach.
    fn list(&self, prefix: &str) -> Result<Vec<String>>;
}

/// The opener of this process.
static OPENER: RwLock<Option<Arc<dyn Opener>>> = RwLock::new(None);

/// Has everything that opens data read from addresses through `opener`, in place of the one before.
pub fn set_opener(opener: impl Opener + 'static) {
    *OPENER.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(opener));
}

fn opener(address: &Path) -> Result<Arc<dyn Opener>> {
    OPENER.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(|| {
        Error::new("is an address, and this program opens none (expected a file or a folder)")
            .at(address)
            .with_kind(ErrorKind::Unsupported)
            .hint("download it first; a program of one's own registers an opener with `data::set_opener`")
    })
}

/// Opens the file at a path or an address.
///
/// # Errors
/// The errors of [`file::open`] and of [`Opener::open`]; an address where there is no opener.
pub(super) fn open(path: &Path) -> Result<Arc<dyn ReadAt>> {
    if file::is_address(path) {
        opener(path)?.open(&path.to_string_lossy())
    } else {
        Ok(Arc::new(file::open(path)?))
    }
}

/// The addresses of the files under a prefix, by name. Those that stand for folders are left out.
///
/// # Errors
/// The errors of [`Opener::list`]; no opener.
pub(super) fn list(prefix: &Path) -> Result<Vec<PathBuf>> {
    let mut found = opener(prefix)?.list(&prefix.to_string_lossy())?;
    found.retain(|address| !address.ends_with('/'));
    found.sort();
    Ok(found.into_iter().map(PathBuf::from).collect())
}
