//! The interface of all forms that are written: a [`Writer`] takes [`Record`]s, one image at a time.

use std::borrow::Cow;
use std::path::Path;

use crate::data::entries::Entry;
use crate::data::notice::Notice;
use crate::error::Result;
use crate::sample::Image;

/// One image on its way into a data set.
pub struct Record<'a> {
    /// Path, label, part and group of the image.
    pub entry: Entry<'a>,
    /// Pixels of the image.
    pub image: &'a Image,
    /// A picture file of exactly these pixels, to be kept byte for byte; without one, forms of files write
    /// PNG.
    pub file: Option<&'a [u8]>,
    /// Where on disk a file of exactly these pixels lies, see [`Source::file`](crate::data::Source::file).
    /// Manifests name it.
    pub location: Option<&'a Path>,
}

impl Record<'_> {
    /// The image's picture file: the one it came with, else a PNG.
    pub(super) fn picture_file(&self) -> Result<Cow<'_, [u8]>> {
        match self.file {
            Some(file) => Ok(Cow::Borrowed(file)),
            None => self.image.to_png().map(Cow::Owned),
        }
    }
}

/// A data set being written. One that is not finished leaves nothing behind.
pub trait Writer {
    /// Adds one image.
    ///
    /// # Errors
    /// An image that the form cannot hold (another size in an array, no file to name in a manifest); a full
    /// disk.
    fn push(&mut self, record: &Record) -> Result<()>;

    /// Whether it has any use for picture files; else pixels are enough.
    fn wants_files(&self) -> bool {
        true
    }

    /// Images that got other names than they had, where there are any.
    fn notice(&self) -> Option<Notice> {
        None
    }

    /// Completes the data set and puts it in its place.
    ///
    /// # Errors
    /// Any error of the file system; a name that was taken in the meantime.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Settings of a data set to be written.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Deflate the arrays of a `.npz`, as `numpy.savez_compressed` does.
    pub compress: bool,
    /// Bytes of picture files in one shard, about, in forms that have shards.
    pub shard_bytes: u64,
    /// Images have groups, which Parquet needs to know before the first of them.
    pub has_groups: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { compress: false, shard_bytes: 256 << 20, has_groups: false }
    }
}

impl Options {
    /// These options with or without compressed arrays.
    #[must_use]
    pub fn compress(mut self, compress: bool) -> Self {
        self.compress = compress;
        self
    }

    /// These options with shards of about as many bytes of picture files.
    #[must_use]
    pub fn shard_bytes(mut self, bytes: u64) -> Self {
        self.shard_bytes = bytes;
        self
    }

    /// These options for images that have groups, or have none.
    #[must_use]
    pub fn has_groups(mut self, has_groups: bool) -> Self {
        self.has_groups = has_groups;
        self
    }
}
