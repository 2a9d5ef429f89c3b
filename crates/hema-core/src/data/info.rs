//! A data set described in about a second: counts of everything, sizes and colours of a sample.

use std::collections::{BTreeMap, HashSet};

use rand::seq::SliceRandom;
use serde::Serialize;

use super::notice::Notice;
use super::part::Part;
use super::source::Source;
use crate::error::Result;
use crate::preprocess::{Filter, resize};
use crate::rng::{Purpose, stream};
use crate::sample::Image;

/// Images that sizes and colours are taken from.
const SAMPLE: usize = 500;
/// Images in a row of a contact sheet.
const COLUMNS: usize = 10;
/// Side of an image of the sheet, and the space between two, in pixels.
const THUMB: usize = 96;
const GAP: usize = 4;

/// Description of a data set: its counts, and sizes and colours of a sample.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Info {
    /// The form of the data set, see [`Source::form`].
    pub form: String,
    /// Number of images.
    pub images: usize,
    /// Counts of every class, in label order; unlabelled images last, if there are any.
    pub classes: Vec<ClassInfo>,
    /// Whether the data has numbers for labels and no names.
    pub numbered: bool,
    /// Number of different groups.
    pub groups: usize,
    /// Number of images that sizes and colours are taken from.
    pub sampled: usize,
    /// Seed that the sample was drawn with.
    pub seed: u64,
    /// How many of the sampled images cannot be read.
    pub unreadable: usize,
    /// Sizes of the sampled images, most frequent first.
    pub sizes: Vec<SizeInfo>,
    /// Mean of each channel over all pixels of the sample, from 0 to 1.
    pub mean: [f64; 3],
    /// Standard deviation of each channel over all pixels of the sample, on the scale from 0 to 1.
    pub std: [f64; 3],
    /// What of the data is not used, and what was assumed of it: of its pictures, as far as the sample shows.
    pub notices: Vec<Notice>,
}

/// Counts of one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClassInfo {
    /// Name of the class; `None` for images without a label.
    pub name: Option<String>,
    /// Number of images of the class.
    pub images: u64,
    /// Number of images of the class in each part, in the order of [`Part::ALL`].
    pub parts: [u64; 3],
}

/// How many images have a size.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SizeInfo {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Images of this size.
    pub images: usize,
}

/// Counts the images of a data set, and measures a sample of them that depends on `seed` alone.
///
/// # Errors
/// A shared file that cannot be read.
pub fn describe(source: &Source, seed: u64) -> Result<Info> {
    let sample = draw(source, (0..source.len()).collect(), SAMPLE, seed);
    let order = source.reading_order(Some(&sample))?;
    let (mut sizes, mut colours, mut unreadable) = (BTreeMap::new(), Colours::default(), 0);
    source.visit(
        &order,
        64,
        |_, picture| picture.map(|p| ((p.image.width(), p.image.height()), Colours::of(&p.image))),
        |_, measured| {
            match measured {
                Ok((size, one)) => {
                    *sizes.entry(size).or_insert(0) += 1;
                    colours.add(&one);
                }
                Err(_) => unreadable += 1,
            }
            Ok(())
        },
    )?;
    let mut sizes: Vec<SizeInfo> =
        sizes.into_iter().map(|((width, height), images)| SizeInfo { width, height, images }).collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.images));
    let groups: HashSet<&str> = source.entries().iter().filter_map(|e| e.group).collect();
    Ok(Info {
        form: source.form().to_owned(),
        images: source.len(),
        classes: count(source),
        numbered: source.is_numeric(),
        groups: groups.len(),
        sampled: order.len(),
        seed,
        unreadable,
        sizes,
        mean: colours.mean(),
        std: colours.std(),
        notices: source.all_notices(),
    })
}

/// A picture of the data set: a row of images for every class, in label order, and one for those without a
/// label.
///
/// # Errors
/// A shared file that cannot be read.
pub fn contact_sheet(source: &Source, seed: u64) -> Result<Image> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); source.classes().len() + 1];
    for (i, entry) in source.entries().iter().enumerate() {
        rows[entry.label.unwrap_or(source.classes().len())].push(i);
    }
    rows.retain(|members| !members.is_empty());
    let rows: Vec<Vec<usize>> =
        rows.into_iter().map(|members| draw(source, members, COLUMNS, seed)).collect();
    let step = THUMB + GAP;
    let width = COLUMNS * step + GAP;
    let mut sheet = Image::filled(width, rows.len() * step + GAP, [255; 3]);
    let corner: BTreeMap<usize, (usize, usize)> = rows
        .iter()
        .enumerate()
        .flat_map(|(y, row)| row.iter().enumerate().map(move |(x, i)| (*i, (GAP + x * step, GAP + y * step))))
        .collect();
    source.visit(
        &source.reading_order(Some(&rows.concat()))?,
        64,
        |_, picture| picture.and_then(|p| thumb(&p.image)),
        |i, thumb| {
            // an image that cannot be read leaves its place empty
            if let Ok(thumb) = thumb {
                let (left, top) = corner[&i];
                let (left, top) = (left + (THUMB - thumb.width()) / 2, top + (THUMB - thumb.height()) / 2);
                for (y, row) in thumb.pixels().chunks_exact(thumb.width() * 3).enumerate() {
                    sheet.pixels_mut()[((top + y) * width + left) * 3..][..row.len()].copy_from_slice(row);
                }
            }
            Ok(())
        },
    )?;
    Ok(sheet)
}

/// The image in its proportions, within a square.
fn thumb(image: &Image) -> Result<Image> {
    let longest = image.width().max(image.height());
    let side = |side: usize| (side * THUMB).div_ceil(longest);
    resize(image, side(image.width()), side(image.height()), Filter::Bicubic)
}

/// At most `most` of some images, drawn at random, in the order of the data.
pub fn draw(source: &Source, mut from: Vec<usize>, most: usize, seed: u64) -> Vec<usize> {
    let mut rng = stream(seed, Purpose::Look, 0, source.len() as u64);
    let (drawn, _) = from.partial_shuffle(&mut rng, most);
    let mut drawn = drawn.to_vec();
    drawn.sort_unstable();
    drawn
}

fn count(source: &Source) -> Vec<ClassInfo> {
    let names = source.classes().iter().cloned().map(Some).chain([None]);
    let mut classes: Vec<ClassInfo> =
        names.map(|name| ClassInfo { name, images: 0, parts: [0; 3] }).collect();
    for entry in source.entries().iter() {
        let class = &mut classes[entry.label.unwrap_or(source.classes().len())];
        class.images += 1;
        if let Some(part) = Part::ALL.iter().position(|part| Some(*part) == entry.part) {
            class.parts[part] += 1;
        }
    }
    classes.retain(|class| class.name.is_some() || class.images > 0);
    classes
}

/// Sums over the pixels of images. Whole numbers, so that the order of adding does not show.
#[derive(Default)]
struct Colours {
    pixels: u64,
    sum: [u64; 3],
    squares: [u64; 3],
}

impl Colours {
    fn of(image: &Image) -> Self {
        let mut colours = Self { pixels: (image.width() * image.height()) as u64, ..Self::default() };
        for pixel in image.pixels().as_chunks::<3>().0 {
            for (c, value) in pixel.map(u64::from).into_iter().enumerate() {
                colours.sum[c] += value;
                colours.squares[c] += value * value;
            }
        }
        colours
    }

    fn add(&mut self, other: &Self) {
        self.pixels += other.pixels;
        for c in 0..3 {
            self.sum[c] += other.sum[c];
            self.squares[c] += other.squares[c];
        }
    }

    fn mean(&self) -> [f64; 3] {
        self.sum.map(|sum| sum as f64 / self.pixels.max(1) as f64 / 255.0)
    }

    fn std(&self) -> [f64; 3] {
        let mean = self.mean();
        std::array::from_fn(|c| {
            let square = self.squares[c] as f64 / self.pixels.max(1) as f64 / (255.0 * 255.0);
            (square - mean[c] * mean[c]).max(0.0).sqrt()
        })
    }
}
