//! The measurements of every image of a source. They lie in temporary files, so that the memory of an audit
//! hardly depends on the number of images: checks go over the rows, or look a few of them up.

pub(crate) mod colour;
pub(crate) mod fingerprint;
pub(crate) mod measured;
pub(crate) mod orientation;
pub(crate) mod quality;
mod rows;
pub(crate) mod thumbnail;

use std::collections::{BTreeMap, BTreeSet};

use self::fingerprint::Fingerprint;
use self::measured::Measured;
use self::rows::Rows;
use crate::error::Result;

/// The measurements of every image, or why it could not be read.
pub struct Measurements {
    measured: Rows<{ Measured::BYTES }>,
    fingerprints: Rows<{ Fingerprint::BYTES }>,
    unreadable: BTreeMap<usize, String>,
    too_large: BTreeSet<usize>,
}

impl Measurements {
    /// Room for this many images, none of which has been measured.
    ///
    /// # Errors
    /// A temporary file that cannot be made.
    pub(crate) fn new(images: usize) -> Result<Self> {
        let (measured, fingerprints) = (Rows::new(images)?, Rows::new(images)?);
        Ok(Self { measured, fingerprints, unreadable: BTreeMap::new(), too_large: BTreeSet::new() })
    }

    /// Keeps the measurements of an image, or why it cannot be read.
    pub(crate) fn set(&mut self, image: usize, found: Result<(Measured, Fingerprint)>) -> Result<()> {
        match found {
            Ok((measured, fingerprint)) => {
                self.measured.write(image, &measured.to_bytes())?;
                self.fingerprints.write(image, &fingerprint.to_bytes())?;
            }
            Err(error) => {
                if error.wants_memory() {
                    self.too_large.insert(image);
                }
                self.unreadable.insert(image, error.message().to_owned());
            }
        }
        Ok(())
    }

    /// The images that could not be read, in order, and why.
    pub fn unreadable(&self) -> &BTreeMap<usize, String> {
        &self.unreadable
    }

    /// Those of them that take more memory to decode than images are lent: nobody has seen whether they are
    /// sound.
    pub fn too_large(&self) -> &BTreeSet<usize> {
        &self.too_large
    }

    /// Number of images, readable or not.
    pub(crate) fn len(&self) -> usize {
        self.measured.len()
    }

    /// The numbers of an image that could be read.
    pub(crate) fn get(&self, image: usize) -> Result<Measured> {
        Ok(Measured::from_bytes(&self.measured.read(image)?))
    }

    /// The fingerprint of an image that could be read.
    pub(crate) fn fingerprint(&self, image: usize) -> Result<Fingerprint> {
        Ok(Fingerprint::from_bytes(&self.fingerprints.read(image)?))
    }

    /// Goes over the images that could be read, in order.
    pub(crate) fn each(&self, mut visit: impl FnMut(usize, &Measured)) -> Result<()> {
        self.measured.each(|image, bytes| {
            if !self.unreadable.contains_key(&image) {
                visit(image, &Measured::from_bytes(bytes));
            }
            Ok(())
        })
    }

    /// Goes over the first half of the pixels' digest of the images that could be read, in order.
    pub(crate) fn each_half_digest(&self, mut visit: impl FnMut(usize, u64)) -> Result<()> {
        self.fingerprints.each(|image, bytes| {
            if !self.unreadable.contains_key(&image) {
                visit(image, Fingerprint::half_digest(bytes));
            }
            Ok(())
        })
    }
}

#[cfg(test)]
impl Measurements {
    /// The measurements of pictures; `None` is one that cannot be read.
    pub(crate) fn of<'a>(pictures: impl IntoIterator<Item = Option<&'a crate::data::Picture>>) -> Self {
        let pictures: Vec<_> = pictures.into_iter().collect();
        let mut measurements = Self::new(pictures.len()).unwrap();
        for (image, picture) in pictures.into_iter().enumerate() {
            let found = picture.map(|picture| (Measured::of(picture), Fingerprint::of(picture)));
            measurements.set(image, found.ok_or_else(|| crate::error::Error::new("is empty"))).unwrap();
        }
        measurements
    }
}
