//! The measurements of every image of a source. They lie in temporary files, so that the memory of an audit
//! hardly depends on the number of images: checks go over the rows, or look a few of them up.

pub(crate) mod colour;
pub(crate) mod fingerprint;
pub(crate) mod measured;
pub(crate) mod orientation;
pub(crate) mod quality;
pub(crate) mod rows;
mod shrink;
pub(crate) mod square;
pub(crate) mod thumbnail;

use std::collections::{BTreeMap, BTreeSet};

use self::fingerprint::Fingerprint;
use self::measured::Measured;
use self::rows::Rows;
use self::square::Square;
use crate::error::{Error, Result};

/// The measurements of every image, or why it could not be read.
pub struct Measurements {
    measured: Rows<{ Measured::BYTES }>,
    fingerprints: Rows<{ Fingerprint::BYTES }>,
    /// What cropped and turned copies are looked for by, where they are.
    squares: Option<Rows<{ Square::BYTES }>>,
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
        let (unreadable, too_large) = (BTreeMap::new(), BTreeSet::new());
        Ok(Self { measured, fingerprints, squares: None, unreadable, too_large })
    }

    /// With room for squares as well.
    pub(crate) fn with_squares(self) -> Result<Self> {
        Ok(Self { squares: Some(Rows::new(self.len())?), ..self })
    }

    /// Whether squares are kept, by which cropped and turned copies are looked for.
    pub(crate) fn has_squares(&self) -> bool {
        self.squares.is_some()
    }

    /// The square of an image that could be read.
    pub(crate) fn square(&self, image: usize) -> Result<Square> {
        let squares = self.squares.as_ref().ok_or_else(|| Error::new("squares of images were not kept"))?;
        Ok(Square::from_bytes(&squares.read(image)?))
    }

    /// Keeps the measurements of an image, with its square where squares are kept, or why it cannot be read.
    pub(crate) fn set(
        &mut self,
        image: usize,
        found: Result<(Measured, Fingerprint, Option<Square>)>,
    ) -> Result<()> {
        match found {
            Ok((measured, fingerprint, square)) => {
                self.measured.write(image, &measured.to_bytes())?;
                self.fingerprints.write(image, &fingerprint.to_bytes())?;
                if let (Some(squares), Some(square)) = (&self.squares, square) {
                    squares.write(image, &square.to_bytes())?;
                }
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
        Self::filled(pictures, Ok)
    }

    /// The measurements of pictures, with squares.
    pub(crate) fn closely_of<'a>(
        pictures: impl IntoIterator<Item = Option<&'a crate::data::Picture>>,
    ) -> Self {
        Self::filled(pictures, Self::with_squares)
    }

    fn filled<'a>(
        pictures: impl IntoIterator<Item = Option<&'a crate::data::Picture>>,
        prepare: fn(Self) -> Result<Self>,
    ) -> Self {
        let pictures: Vec<_> = pictures.into_iter().collect();
        let mut measurements = prepare(Self::new(pictures.len()).unwrap()).unwrap();
        for (image, picture) in pictures.into_iter().enumerate() {
            let found = picture.map(|picture| {
                (Measured::of(picture), Fingerprint::of(picture), Some(Square::of(&picture.image)))
            });
            measurements.set(image, found.ok_or_else(|| Error::new("is empty"))).unwrap();
        }
        measurements
    }
}
