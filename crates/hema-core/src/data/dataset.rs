//! Decoded images, cropped and resized, as compact bytes, for training and evaluation.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::entries::{Entries, Entry};
use super::memory::most_kept;
use super::source::{Source, count_labels};
use super::store::{Filling, Store};
use crate::error::{Error, Result};
use crate::preprocess::Preprocess;
use crate::provenance::hex;
use crate::sample::Image;

/// The treatment of an image that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBadImage {
    /// Stop with an error.
    #[default]
    Fail,
    /// Leave it out and record it, see [`Dataset::skipped`].
    Skip,
}

const SKIP_HINT: &str = "leave unreadable images out with `--on-bad-image skip`, in training with \
                         `--set data.on_bad_image=skip`";

/// Most bytes of decoded images that wait for their turn.
const BATCH_BYTES: usize = 64 << 20;

/// How a data set is loaded.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LoadOptions {
    /// The treatment of an image that cannot be read.
    pub on_bad_image: OnBadImage,
    /// Most bytes of decoded pixels kept in memory; more go to a temporary file. By default what
    /// [`set_memory`](super::set_memory) says.
    pub memory_budget: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { on_bad_image: OnBadImage::Fail, memory_budget: most_kept() }
    }
}

impl LoadOptions {
    /// These options with another treatment of images that cannot be read.
    #[must_use]
    pub fn on_bad_image(mut self, on_bad_image: OnBadImage) -> Self {
        self.on_bad_image = on_bad_image;
        self
    }

    /// These options with another limit, in bytes, on the decoded pixels kept in memory.
    #[must_use]
    pub fn memory_budget(mut self, bytes: u64) -> Self {
        self.memory_budget = bytes;
        self
    }
}

/// An image that was left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Skipped {
    /// Where the image is.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Why the image could not be read.
    pub reason: String,
    /// Position of the image in the source that it was read from.
    #[serde(skip)]
    pub index: usize,
}

impl Skipped {
    /// Image `index` of a source, which could not be read for this reason.
    pub fn new(source: &Source, index: usize, reason: impl Into<String>) -> Self {
        Self { path: source.location(index), reason: reason.into(), index }
    }
}

/// Writes a path as text, also one that is no Unicode.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// Decoded images of one size, with their entries. Clones and subsets share the pixels.
#[derive(Clone)]
pub struct Dataset {
    shared: Arc<Shared>,
    /// Positions in the shared lists, in this data set's order.
    rows: Arc<[usize]>,
}

struct Shared {
    classes: Vec<String>,
    entries: Entries,
    store: Arc<Store>,
    /// Width and height in pixels of the pictures as they came.
    sides: Vec<[u32; 2]>,
    width: usize,
    height: usize,
    skipped: Vec<Skipped>,
}

impl Dataset {
    /// Decodes, crops and resizes the entries at `indices` (all of them when `None`), in parallel, in that
    /// order. `progress` is called with the number of images done so far, from any thread, in no particular
    /// order.
    ///
    /// # Errors
    /// An invalid preprocessing; an index beyond the source; an unreadable image, unless those are skipped;
    /// no image that can be read; no room for the pixels.
    pub fn load(
        source: &Source,
        indices: Option<&[usize]>,
        preprocess: &Preprocess,
        options: &LoadOptions,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Self> {
        preprocess.validate()?;
        let order = source.reading_order(indices)?;

        let stride = preprocess.size * preprocess.size * 3;
        let mut pixels = Filling::new(order.len() as u64 * stride as u64, options.memory_budget)?;
        let mut entries = Entries::default();
        let mut sides = Vec::new();
        let mut skipped = Vec::new();
        // row in the store of every source index
        let mut row_of = vec![None; source.len()];
        let done = AtomicUsize::new(0);
        let in_flight = (BATCH_BYTES / stride).clamp(1, 1024);
        source.visit_as(
            source.white_for(preprocess.white),
            &order,
            in_flight,
            |_, picture| {
                let image = picture.and_then(|picture| {
                    let sides = [picture.image.width(), picture.image.height()].map(|side| side as u32);
                    preprocess.apply(&picture.image).map(|image| (image, sides))
                });
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                image
            },
            |i, image| match (image, options.on_bad_image) {
                (Ok((image, found)), _) => {
                    row_of[i] = Some(entries.len());
                    entries.push(source.entry(i));
                    sides.push(found);
                    pixels.push(image.pixels())
                }
                (Err(e), OnBadImage::Skip) => {
                    skipped.push(Skipped::new(source, i, e.message()));
                    Ok(())
                }
                (Err(e), OnBadImage::Fail) => Err(e.at(source.location(i)).hint(SKIP_HINT)),
            },
        )?;
        if let (true, Some(first)) = (entries.is_empty(), skipped.first()) {
            let message =
                format!("none of the {} images can be read; the first {}", skipped.len(), first.reason);
            return Err(Error::new(message).at(&first.path));
        }
        let shared = Shared {
            classes: source.classes().to_vec(),
            entries,
            store: pixels.finish()?,
            sides,
            width: preprocess.size,
            height: preprocess.size,
            skipped,
        };
        let rows = match indices {
            Some(indices) => indices.iter().filter_map(|i| row_of[*i]).collect(),
            None => row_of.into_iter().flatten().collect(),
        };
        Ok(Self { shared: Arc::new(shared), rows })
    }

    /// A data set of images made elsewhere: `(path, image, label)`, all of one size.
    ///
    /// # Errors
    /// Images of different sizes; a label beyond the class list.
    pub fn from_images(classes: Vec<String>, images: Vec<(String, Image, Option<usize>)>) -> Result<Self> {
        let (width, height) = images.first().map_or((1, 1), |(_, first, _)| (first.width(), first.height()));
        let mut pixels = Filling::new((images.len() * width * height * 3) as u64, u64::MAX)?;
        let mut entries = Entries::default();
        for (path, image, label) in images {
            if (image.width(), image.height()) != (width, height) {
                let message =
                    format!("is {}x{} pixels (expected {width}x{height})", image.width(), image.height());
                return Err(Error::new(message).at(path));
            }
            if label.is_some_and(|label| label >= classes.len()) {
                return Err(Error::new(format!("has a label beyond the {} classes", classes.len())).at(path));
            }
            pixels.push(image.pixels())?;
            entries.push(Entry { path: &path, label, part: None, group: None });
        }
        let rows = (0..entries.len()).collect();
        let sides = vec![[width as u32, height as u32]; entries.len()];
        let store = pixels.finish()?;
        let shared = Shared { classes, entries, store, sides, width, height, skipped: Vec::new() };
        Ok(Self { shared: Arc::new(shared), rows })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the pixels are in memory; else they are in a temporary file, see
    /// [`LoadOptions::memory_budget`].
    pub fn is_in_memory(&self) -> bool {
        self.shared.store.is_in_memory()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Width and height of every image, in pixels.
    pub fn dimensions(&self) -> (usize, usize) {
        (self.shared.width, self.shared.height)
    }

    /// Width and height in pixels of the picture of image `i` as it came, before it was cropped and resized;
    /// `i` must be below [`Dataset::len`].
    pub fn original_dimensions(&self, i: usize) -> (usize, usize) {
        let [width, height] = self.shared.sides[self.rows[i]];
        (width as usize, height as usize)
    }

    /// Class names in label order.
    pub fn classes(&self) -> &[String] {
        &self.shared.classes
    }

    /// The entry of image `i`, which must be below [`Dataset::len`].
    pub fn entry(&self, i: usize) -> Entry<'_> {
        self.shared.entries.get(self.rows[i])
    }

    /// The label of image `i`, which must be below [`Dataset::len`].
    pub fn label(&self, i: usize) -> Option<usize> {
        self.entry(i).label
    }

    /// Images of each class, in class order; unlabelled ones count nowhere.
    pub fn counts(&self) -> Vec<u64> {
        count_labels(self.classes().len(), (0..self.len()).map(|i| self.label(i)))
    }

    /// Images that could not be read and were left out when the data set was loaded.
    pub fn skipped(&self) -> &[Skipped] {
        &self.shared.skipped
    }

    /// Copies the bytes of image `i`, `[height][width][rgb]`, into `out`, which has exactly their length.
    ///
    /// # Errors
    /// A temporary file that cannot be read; an `out` of another length.
    pub fn read_pixels(&self, i: usize, out: &mut [u8]) -> Result<()> {
        let expected = self.shared.width * self.shared.height * 3;
        if out.len() != expected {
            return Err(Error::new(format!("room for {} bytes of pixels (expected {expected})", out.len())));
        }
        self.shared.store.read(self.rows[i], out)
    }

    /// Image `i`, which must be below [`Dataset::len`].
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn image(&self, i: usize) -> Result<Image> {
        let mut pixels = vec![0; self.shared.width * self.shared.height * 3];
        self.read_pixels(i, &mut pixels)?;
        Image::new(self.shared.width, self.shared.height, pixels)
    }

    /// The images at `indices`, in that order; pixels are shared, not copied. Indices must be below
    /// [`Dataset::len`].
    pub fn subset(&self, indices: &[usize]) -> Self {
        Self { shared: Arc::clone(&self.shared), rows: indices.iter().map(|i| self.rows[*i]).collect() }
    }

    /// SHA-256 over the paths and labels, in order, as hexadecimal digits. It is the same at every size of
    /// the images.
    pub fn listing_hash(&self) -> String {
        let mut hasher = Sha256::new();
        for i in 0..self.len() {
            hasher.update(self.entry(i).path);
            hasher.update([0]);
            hasher.update(self.label(i).map_or(-1, |label| label as i64).to_le_bytes());
        }
        hex(&hasher.finalize())
    }

    /// SHA-256 over the pixels and labels, in order, as hexadecimal digits. File names do not enter: the same
    /// images in a folder and in an archive have the same hash.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn hash(&self) -> Result<String> {
        let mut hasher = Sha256::new();
        hasher.update([self.shared.width as u64, self.shared.height as u64].map(u64::to_le_bytes).concat());
        let mut pixels = vec![0; self.shared.width * self.shared.height * 3];
        for i in 0..self.len() {
            self.read_pixels(i, &mut pixels)?;
            hasher.update(&pixels);
            hasher.update(self.label(i).map_or(-1, |label| label as i64).to_le_bytes());
        }
        Ok(hex(&hasher.finalize()))
    }
}
