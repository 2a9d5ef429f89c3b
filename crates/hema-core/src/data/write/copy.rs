//! From a source to a writer: decoded, changed and encoded on all threads, written in the order of reading,
//! so that any number of images takes the memory of a few.

use super::writer::{Record, Writer};
use crate::data::dataset::{OnBadImage, Skipped};
use crate::data::place::Picture;
use crate::data::source::Source;
use crate::error::{Error, Result};
use crate::preprocess::{Crop, Filter, resize};
use crate::sample::Image;

/// Images decoded but not yet written, at most.
const IN_FLIGHT: usize = 64;

/// The change that every image goes through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    /// The region kept.
    pub crop: Crop,
    /// Side of the square that the region is resized to, in pixels; `None` leaves its size alone.
    pub size: Option<usize>,
    /// The filter for resizing.
    pub filter: Filter,
    /// Encoding of the picture files.
    pub encoding: Encoding,
}

/// Encoding of the picture files of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// The files of the source where their pixels are unchanged, else PNG: nothing is lost.
    #[default]
    Exact,
    /// JPEG of this quality, 1 to 100.
    Jpeg(u8),
}

impl Change {
    /// The changed pixels; `None` when nothing changes.
    fn apply(&self, image: &Image) -> Result<Option<Image>> {
        let cropped = self.crop.apply(image)?;
        let kept = cropped.as_ref().unwrap_or(image);
        match self.size {
            Some(size) if (kept.width(), kept.height()) != (size, size) => {
                resize(kept, size, size, self.filter).map(Some)
            }
            _ => Ok(cropped),
        }
    }
}

/// Copies the entries of `order` (see [`Source::reading_order`]) to a writer, which is left open. `each` is
/// called with the number of entries done, and ends the copy by an error. Returns the images that were
/// skipped.
///
/// # Errors
/// An unreadable image, unless those are skipped; no image that can be read; whatever the writer or `each`
/// finds.
pub fn copy(
    source: &Source,
    order: &[usize],
    change: &Change,
    on_bad_image: OnBadImage,
    writer: &mut dyn Writer,
    mut each: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<Skipped>> {
    let mut skipped = Vec::new();
    let mut done = 0;
    let wants_files = writer.wants_files();
    source.visit_keeping(
        order,
        IN_FLIGHT,
        |ready: &Result<Ready>| ready.as_ref().map_or(0, Ready::bytes),
        |_, picture| picture.and_then(|picture| Ready::new(picture, change, wants_files)),
        |i, ready| {
            match (ready, on_bad_image) {
                (Ok(ready), _) => writer.push(&Record {
                    entry: source.entry(i),
                    image: &ready.image,
                    file: ready.file.as_deref(),
                    location: source.file(i).filter(|_| ready.is_original).as_deref(),
                })?,
                (Err(e), OnBadImage::Skip) => {
                    skipped.push(Skipped::new(source, i, e.message()));
                }
                (Err(e), OnBadImage::Fail) => return Err(e.at(source.location(i)).hint(SKIP_HINT)),
            }
            done += 1;
            each(done)
        },
    )?;
    match skipped.first() {
        Some(first) if skipped.len() == order.len() => {
            let message =
                format!("none of the {} images can be read; the first {}", order.len(), first.reason);
            Err(Error::new(message).at(&first.path))
        }
        _ => Ok(skipped),
    }
}

pub(super) const SKIP_HINT: &str = "leave unreadable images out with `--on-bad-image skip`";

/// An image as it will be written.
struct Ready {
    image: Image,
    file: Option<Vec<u8>>,
    /// Whether the picture and its file are those of the source.
    is_original: bool,
}

impl Ready {
    /// Bytes that it holds.
    fn bytes(&self) -> usize {
        self.image.pixels().len() + self.file.as_ref().map_or(0, Vec::len)
    }

    fn new(picture: Picture, change: &Change, wants_file: bool) -> Result<Self> {
        let changed = change.apply(&picture.image)?;
        let is_changed = changed.is_some();
        let is_original = !is_changed && change.encoding == Encoding::Exact;
        let image = changed.unwrap_or(picture.image);
        // encoding takes the time in this work: it is done here, on all threads, not later by the writer
        let file = match (change.encoding, picture.file) {
            _ if !wants_file => None,
            (Encoding::Jpeg(quality), _) => Some(image.to_jpeg(quality)?),
            (Encoding::Exact, Some(file)) if is_original => Some(file),
            (Encoding::Exact, _) => Some(image.to_png()?),
        };
        Ok(Self { image, file, is_original })
    }
}
