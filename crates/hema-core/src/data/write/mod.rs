//! Data sets written in the forms that they are read in, an image at a time, so that any number of images takes
//! constant memory.
//!
//! Left out on purpose: changing an existing data set.

use crate::data::Entry;
use crate::error::Result;
use crate::sample::Image;

/// One image on its way into a data set.
pub struct Record<'a> {
    /// Its path, label, part and group.
    pub entry: &'a Entry,
    /// Its pixels.
    pub image: &'a Image,
    /// Its picture file, when that holds exactly these pixels and may be kept as it is.
    pub file: Option<&'a [u8]>,
}

/// A data set being written. What is not finished leaves nothing behind.
pub trait Writer {
    /// Adds one image.
    ///
    /// # Errors
    /// An image that the form cannot hold (another size in an array, a name used twice); a full disk.
    fn push(&mut self, record: &Record) -> Result<()>;

    /// Completes the data set and puts it in its place.
    ///
    /// # Errors
    /// Any error of the file system.
    fn finish(self: Box<Self>) -> Result<()>;
}
