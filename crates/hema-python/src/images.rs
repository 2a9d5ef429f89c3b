//! Images as Python hands them over, and as a classifier takes them: some at a time.

use std::borrow::Cow;
use std::path::PathBuf;

use hema::data::{self, Source};
use hema::predict::Images;
use hema::{Image, Result};
use hema_fetch::remote::{Addresses, Remote};
use numpy::{PyReadonlyArray3, PyUntypedArrayMethods as _};
use pyo3::pybacked::PyBackedBytes;
use rayon::prelude::*;

/// Images of a call, of one kind.
pub(crate) enum Given<'a> {
    /// Paths of pictures, folders, archives and whatever else holds images.
    Data(Box<Source>),
    /// Picture files in memory.
    Files(&'a [PyBackedBytes]),
    /// Arrays of pixels.
    Pixels(&'a [Pixels<'a>]),
}

/// An array of bytes of the shape [height, width, 3]: borrowed where they lie row by row.
pub(crate) struct Pixels<'a> {
    size: [usize; 2],
    bytes: Cow<'a, [u8]>,
}

impl<'a> Pixels<'a> {
    /// The pixels of an array of the shape [height, width, 3].
    pub(crate) fn of(array: &'a PyReadonlyArray3<'_, u8>) -> Self {
        let bytes = match array.as_slice() {
            Ok(bytes) => bytes.into(),
            Err(_) => array.as_array().iter().copied().collect(),
        };
        Self { size: [array.shape()[1], array.shape()[0]], bytes }
    }

    fn image(&self) -> Result<Image> {
        Image::new(self.size[0], self.size[1], self.bytes.to_vec())
    }
}

/// Some images of a call.
pub(crate) struct Shown {
    /// Those that could be read.
    pub(crate) images: Images,
    /// Path of each image, in order; nothing of images in memory.
    pub(crate) paths: Vec<String>,
    /// Why an image could not be read, for each image.
    pub(crate) unreadable: Vec<Option<String>>,
}

impl Given<'_> {
    /// The inputs at paths.
    ///
    /// # Errors
    /// An input that is not there or in no known form, or, unless those are skipped, files that would have no
    /// answer.
    pub(crate) fn data(model: &hema::Classifier, inputs: &[PathBuf], skips: bool) -> Result<Self> {
        let source = model.open_data(&shown(inputs)?)?;
        if !skips {
            source.refuse_hidden()?;
        }
        Ok(Self::Data(Box::new(source)))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Data(source) => source.len(),
            Self::Files(files) => files.len(),
            Self::Pixels(arrays) => arrays.len(),
        }
    }

    /// The images at some positions as a model is shown them.
    ///
    /// # Errors
    /// An image that cannot be read, unless those are skipped.
    pub(crate) fn show(&self, model: &hema::Classifier, positions: &[usize], skips: bool) -> Result<Shown> {
        let source = match self {
            Self::Data(source) => source,
            Self::Files(files) => return show_each(model, positions, skips, &|i| decode(model, &files[i])),
            Self::Pixels(arrays) => return show_each(model, positions, false, &|i| arrays[i].image()),
        };
        let images = model.load(source, Some(positions), &mut ())?;
        let mut unreadable = vec![None; positions.len()];
        for skipped in images.first().skipped() {
            if let Ok(position) = positions.binary_search(&skipped.index) {
                unreadable[position] = Some(skipped.reason.clone());
            }
        }
        let paths = positions.iter().map(|i| source.entry(*i).path.to_owned()).collect();
        Ok(Shown { images, paths, unreadable })
    }

    /// What of the inputs is not used, and what was assumed of them.
    pub(crate) fn notices(&self) -> Vec<String> {
        match self {
            Self::Data(source) => source.all_notices().iter().map(ToString::to_string).collect(),
            Self::Files(_) | Self::Pixels(_) => Vec::new(),
        }
    }
}

/// Inputs as they may be shown. Where some are addresses, they are opened from here on, with the secrets that
/// stand in them.
fn shown(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if !inputs.iter().any(|input| hema::file::is_address(input)) {
        return Ok(inputs.to_vec());
    }
    let words = inputs.iter().map(|input| input.clone().into_os_string());
    let (addresses, shown) = Addresses::take_from(words)?;
    data::set_opener(Remote::new(addresses, hema_fetch::Options::default()));
    Ok(shown.into_iter().map(PathBuf::from).collect())
}

fn decode(model: &hema::Classifier, file: &[u8]) -> Result<Image> {
    model.white().map_or_else(|| data::decode(file), |white| data::decode_as(file, white))
}

fn show_each(
    model: &hema::Classifier,
    positions: &[usize],
    skips: bool,
    read: &(dyn Fn(usize) -> Result<Image> + Sync),
) -> Result<Shown> {
    let made: Vec<Result<Image>> = positions.par_iter().map(|i| read(*i)).collect();
    let (mut images, mut unreadable) = (Vec::with_capacity(made.len()), Vec::with_capacity(made.len()));
    for (position, image) in positions.iter().zip(made) {
        match image {
            Ok(image) => {
                images.push(image);
                unreadable.push(None);
            }
            Err(error) if skips => unreadable.push(Some(error.to_string())),
            Err(error) => return Err(error.at(format!("image {position}"))),
        }
    }
    let paths = vec![String::new(); positions.len()];
    Ok(Shown { images: model.show(&images)?, paths, unreadable })
}
