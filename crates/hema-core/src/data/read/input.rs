//! A path that was given as a data set, and the answers that readers need of it. Answers that take time are
//! kept: reading through an archive once is enough to recognise its form and to open it.

use std::cell::OnceCell;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::listing::Listing;
use super::{folder, pattern, tar, zip};
use crate::data::remote;
use crate::error::{Error, Result};
use crate::file::{self, ReadAt};

/// First bytes of a file that are looked at.
const START: u64 = 512;

/// A path or an address that was given as a data set.
pub(super) struct Input<'a> {
    path: &'a Path,
    found: Found,
    members: OnceCell<Result<zip::Members>>,
    listing: OnceCell<Result<Listing>>,
}

/// The kind of thing at a path.
enum Found {
    Nothing,
    Folder,
    /// A prefix of addresses, under which these files lie.
    Prefix(Vec<PathBuf>),
    /// A file, and its first bytes.
    File {
        file: Arc<dyn ReadAt>,
        start: Vec<u8>,
    },
}

/// The ways to pack files into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Tar,
    GzippedTar,
    Zip,
}

impl<'a> Input<'a> {
    /// Looks at a path or an address. Nothing needs to be at a path.
    ///
    /// # Errors
    /// A file or folder that cannot be opened, an address at which nothing is.
    pub(super) fn new(path: &'a Path) -> Result<Self> {
        let is_there = if file::is_address(path) { pattern::files_of(path).is_none() } else { path.exists() };
        let found = if is_there { Found::at(path)? } else { Found::Nothing };
        Ok(Self { path, found, members: OnceCell::new(), listing: OnceCell::new() })
    }

    /// Looks at a path where something must be.
    ///
    /// # Errors
    /// A path without anything at it, and an empty file.
    pub(super) fn existing(path: &'a Path) -> Result<Self> {
        let input =
            Self { found: Found::at(path)?, path, members: OnceCell::new(), listing: OnceCell::new() };
        if input.is_empty_file() {
            Err(Error::new("is empty").at(path).hint("it may be cut off; copy or download it again"))
        } else {
            Ok(input)
        }
    }

    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// Whether something is at the path.
    pub(super) fn exists(&self) -> bool {
        !matches!(self.found, Found::Nothing)
    }

    pub(super) fn is_folder(&self) -> bool {
        matches!(self.found, Found::Folder)
    }

    /// The addresses of the files under it, where it is a prefix of addresses.
    pub(super) fn prefixed(&self) -> Option<&[PathBuf]> {
        match &self.found {
            Found::Prefix(files) => Some(files),
            Found::Nothing | Found::Folder | Found::File { .. } => None,
        }
    }

    /// The file that it is.
    ///
    /// # Errors
    /// Anything but a file.
    pub(super) fn file(&self) -> Result<&Arc<dyn ReadAt>> {
        match &self.found {
            Found::File { file, .. } => Ok(file),
            Found::Nothing | Found::Folder | Found::Prefix(_) => Err(Error::new("is no file").at(self.path)),
        }
    }

    pub(super) fn is_empty_file(&self) -> bool {
        matches!(&self.found, Found::File { start, .. } if start.is_empty())
    }

    /// The first 512 bytes of a file; empty for anything else.
    pub(super) fn start(&self) -> &[u8] {
        match &self.found {
            Found::File { start, .. } => start,
            Found::Nothing | Found::Folder | Found::Prefix(_) => &[],
        }
    }

    /// Whether it is a file whose name ends in this, whatever the case.
    pub(super) fn is_file_named(&self, extension: &str) -> bool {
        let has_extension = self.path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
        has_extension && matches!(self.found, Found::File { .. })
    }

    /// How the file is packed, by its first bytes; old tar archives are told by their name.
    pub(super) fn packing(&self) -> Option<Packing> {
        let start = self.start();
        if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
            Some(Packing::Zip)
        } else if start.starts_with(&[0x1f, 0x8b]) {
            Some(Packing::GzippedTar)
        } else if start.get(257..262) == Some(b"ustar") || self.is_file_named("tar") {
            Some(Packing::Tar)
        } else {
            None
        }
    }

    /// The members of a zip archive.
    ///
    /// # Errors
    /// A file that is no readable zip archive.
    pub(super) fn members(&self) -> Result<&zip::Members> {
        let members = self.members.get_or_init(|| zip::members(self.path, self.file()?));
        members.as_ref().map_err(Clone::clone)
    }

    /// The files of a folder or an archive.
    ///
    /// # Errors
    /// A folder or an archive that cannot be read, or anything else.
    pub(super) fn listing(&self) -> Result<&Listing> {
        self.listing.get_or_init(|| self.list()).as_ref().map_err(Clone::clone)
    }

    /// The files of a folder or an archive, to keep; nothing else of them stays in memory.
    ///
    /// # Errors
    /// A folder or an archive that cannot be read, or anything else.
    pub(super) fn take_listing(&mut self) -> Result<Listing> {
        let listing = self.listing.take().unwrap_or_else(|| self.list());
        self.members.take();
        listing
    }

    fn list(&self) -> Result<Listing> {
        match self.packing() {
            Some(Packing::Zip) => zip::list(self.path, self.file()?, self.members()?),
            Some(Packing::Tar) => tar::list(self.path, self.file()?, false),
            Some(Packing::GzippedTar) => tar::list(self.path, self.file()?, true),
            None if self.prefixed().is_some() => Ok(Listing::default()),
            None => folder::list(self.path),
        }
    }
}

impl Found {
    fn at(path: &Path) -> Result<Self> {
        let io = |e: std::io::Error| Error::io(path, &e);
        if file::is_address(path) {
            if path.to_string_lossy().ends_with('/') {
                return Ok(Self::Prefix(remote::list(path)?));
            }
            let file = remote::open(path)?;
            let start = file.bytes(0, file.size().min(START)).map_err(io)?;
            return Ok(Self::File { file, start });
        }
        let mut file = file::open(path)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Ok(Self::Folder);
        }
        let mut start = Vec::new();
        file.by_ref().take(START).read_to_end(&mut start).map_err(io)?;
        Ok(Self::File { file: Arc::new(file), start })
    }
}
