//! A data set whose training images are shown as a sampler shows them in its first epoch: left out, repeated
//! or mixed.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};

use super::names::with_suffix;
use super::writer::{Record, Writer};
use crate::data::dataset::{OnBadImage, Skipped};
use crate::data::entries::Entry;
use crate::data::place::Picture;
use crate::data::source::Source;
use crate::error::{Error, Result};
use crate::file::read_exact_at;
use crate::preprocess::{Filter, resize};
use crate::sample::Image;
use crate::sampler::{Draw, Mix};

/// Images decoded but not yet written, at most.
const IN_FLIGHT: usize = 64;

/// Writes `draws` of a source's entries, and the entries of `rest` as they are. An image that is repeated
/// keeps its file and gets a number in its name; a mixture gets a name of its own. `each` is called with the
/// number of images written, and ends the writing by an error. Returns the images that were skipped; mixtures
/// that need one of them are left out too.
///
/// # Errors
/// An unreadable image, unless those are skipped; no room for a temporary file; whatever the writer or `each`
/// finds.
pub fn balance(
    source: &Source,
    draws: &[Draw],
    rest: &[usize],
    on_bad_image: OnBadImage,
    writer: &mut dyn Writer,
    mut each: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<Skipped>> {
    let mut draws_of: HashMap<usize, Vec<Draw>> = HashMap::new();
    for i in rest {
        draws_of.insert(*i, vec![Draw { image: *i, repeat: 0, mix: None }]);
    }
    for draw in draws {
        draws_of.entry(draw.image).or_default().push(*draw);
    }
    let others = Spool::of(source, draws)?;
    let images: Vec<usize> = draws_of.keys().copied().collect();
    let (mut skipped, mut written) = (Vec::new(), 0);
    let work = |_, picture: Result<Picture>| picture;
    source.visit_keeping(&source.reading_order(Some(&images))?, IN_FLIGHT, weigh, work, |i, picture| {
        match (picture, on_bad_image) {
            (Ok(picture), _) => {
                for draw in &draws_of[&i] {
                    if push(source, &picture, draw, &others, writer)? {
                        written += 1;
                        each(written)?;
                    }
                }
            }
            (Err(e), OnBadImage::Skip) => {
                skipped.push(Skipped::new(source, i, e.message()));
            }
            (Err(e), OnBadImage::Fail) => return Err(e.at(source.location(i)).hint(super::copy::SKIP_HINT)),
        }
        Ok(())
    })?;
    if written == 0 {
        return Err(Error::new("none of the images can be read").at(source.path()));
    }
    Ok(skipped)
}

/// Bytes that a picture holds.
fn weigh(picture: &Result<Picture>) -> usize {
    picture.as_ref().map_or(0, Picture::bytes)
}

/// Writes one draw, unless its partner in a mixture could not be read.
fn push(
    source: &Source,
    picture: &Picture,
    draw: &Draw,
    others: &Spool,
    writer: &mut dyn Writer,
) -> Result<bool> {
    let entry = source.entry(draw.image);
    let Some(mix) = draw.mix else {
        let location = source.file(draw.image).filter(|_| draw.repeat == 0);
        let (file, location) = (picture.file.as_deref(), location.as_deref());
        writer.push(&Record { entry, image: &picture.image, file, location })?;
        return Ok(true);
    };
    let Some(other) = others.read(mix.with)? else { return Ok(false) };
    let image = mixed(&picture.image, other, &mix)?;
    // a mixture belongs to a group only if both its images do
    let group = entry.group.filter(|group| source.entry(mix.with).group == Some(group));
    let entry = Entry { path: &with_suffix(entry.path, "mixed"), group, ..entry };
    writer.push(&Record { entry, image: &image, file: None, location: None })?;
    Ok(true)
}

fn mixed(image: &Image, other: Image, mix: &Mix) -> Result<Image> {
    let mut mixed = image.clone();
    let other = match (image.width(), image.height()) {
        size if size == (other.width(), other.height()) => other,
        (width, height) => resize(&other, width, height, Filter::Bicubic)?,
    };
    mix.apply(&mut mixed, &other);
    Ok(mixed)
}

/// The pixels of images that are mixed into others, in a temporary file: they are needed in another order
/// than they can be read in, and are too many for the memory.
struct Spool {
    file: File,
    /// Offset, width and height of every image.
    spans: HashMap<usize, (u64, usize, usize)>,
}

impl Spool {
    /// Reads every image that a draw mixes in; those that cannot be read are missing.
    fn of(source: &Source, draws: &[Draw]) -> Result<Self> {
        let wanted: BTreeSet<usize> = draws.iter().filter_map(|draw| Some(draw.mix?.with)).collect();
        let mut out = BufWriter::new(tempfile::tempfile().map_err(|e| disk_error(&e))?);
        let (mut spans, mut offset) = (HashMap::new(), 0);
        let order = source.reading_order(Some(&wanted.into_iter().collect::<Vec<_>>()))?;
        source.visit_keeping(
            &order,
            IN_FLIGHT,
            weigh,
            |_, picture| picture,
            |i, picture| {
                if let Ok(Picture { image, .. }) = picture {
                    out.write_all(image.pixels()).map_err(|e| disk_error(&e))?;
                    spans.insert(i, (offset, image.width(), image.height()));
                    offset += image.pixels().len() as u64;
                }
                Ok(())
            },
        )?;
        let file = out.into_inner().map_err(|e| disk_error(e.error()))?;
        Ok(Self { file, spans })
    }

    fn read(&self, image: usize) -> Result<Option<Image>> {
        let Some((offset, width, height)) = self.spans.get(&image).copied() else { return Ok(None) };
        let mut pixels = vec![0; width * height * 3];
        read_exact_at(&self.file, &mut pixels, offset).map_err(|e| disk_error(&e))?;
        Image::new(width, height, pixels).map(Some)
    }
}

fn disk_error(error: &std::io::Error) -> Error {
    Error::new(format!("the temporary file for images to be mixed failed: {error}"))
        .at(std::env::temp_dir())
        .with_kind(error.kind().into())
        .hint("free some space there, or point TMPDIR to a larger disk")
}
