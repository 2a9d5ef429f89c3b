//! Which images of a data set show the same picture.
//!
//! Every group of copies has one image that the others were compared with, the one that would be kept: an
//! image is a copy because it is like that image, never because it is like something that is like it. So a
//! chain of pictures, each a little different from the last, is cut where the difference adds up.
//!
//! Images are gone through in an order in which they might be kept: those of the last part first, then the
//! largest. Which copy of a picture really stays, `best` chooses of those found; where it is another, its
//! group is compared with it anew. Equal pixels are known by their digest; what is left is looked for in an
//! index of the perceptual hashes of the images kept so far, and what is found is judged by its thumbnail, in
//! all eight orientations. Copies never enter the index: the time does not depend on how many copies a
//! picture has.

use std::cell::LazyCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

use super::altered::Registration;
use super::best::Chooser;
use super::hash::{Spectrum, Transform};
use super::search::{HammingIndex, Radius};
use crate::audit::measurements::Measurements;
use crate::audit::measurements::fingerprint::Digest;
use crate::audit::measurements::orientation::Orientation;
use crate::audit::measurements::thumbnail::Thumbnail;
use crate::data::Source;
use crate::error::Result;
use crate::split::Part;

/// Images that differ less, in 1 less their similarity, show the same picture. Among real cells, copies of
/// every usual kind differ by less than 0.01, and the most similar two of 14,000 different ones by 0.024.
pub(crate) const LARGEST_DIFFERENCE: f64 = 0.02;

/// Most pictures with a near hash that a picture is compared with. Sets of cells have a handful; only a set
/// made to have the same hash in thousands of different pictures has more.
const MOST_CANDIDATES: usize = 1024;

/// How much the lowest frequencies of a copy may differ, where neither picture has highlights and where one
/// has.
pub(crate) const CLOSE: f32 = 0.05;
pub(crate) const LOOSE: f32 = 0.15;

/// Images that show the same picture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    /// The image that stays, with which the others were compared: of the last part (test before validation
    /// before training), and the best there.
    pub(crate) kept: usize,
    /// The others, in order.
    pub(crate) copies: Vec<Copied>,
}

/// An image that shows the same picture as the one kept of its group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Copied {
    /// The image.
    pub(crate) image: usize,
    /// How alike the two are, at most 1; 1 where the pixels are the same.
    pub(crate) similarity: f64,
    /// How it differs from the one kept.
    pub(crate) change: Change,
}

/// How a copy differs from its picture, but for size, light and compression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    /// It has to be laid in this way.
    Oriented(Orientation),
    /// It is cropped or turned by an odd angle.
    Altered(Registration),
}

impl Group {
    /// All its images, the one kept first.
    pub(crate) fn images(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.kept).chain(self.copies.iter().map(|copied| copied.image))
    }
}

/// Groups of images that show the same picture, each with the best of them kept. Images are alike that differ
/// by less than `largest_difference`; `faulty` tells which have a fault of their own, and is asked where
/// there are copies.
pub(crate) fn best_groups(
    source: &Source,
    measured: &Measurements,
    parts: &[Option<Part>],
    largest_difference: f64,
    faulty: &dyn Fn() -> Result<Vec<bool>>,
) -> Result<Vec<Group>> {
    let order = order_of_keeping(measured, parts)?;
    let found = groups(measured, &order, largest_difference)?;
    if found.is_empty() {
        return Ok(found);
    }
    let images: Vec<Vec<usize>> = found.iter().map(|group| group.images().collect()).collect();
    let chooser = Chooser::new(source, measured, parts, faulty()?, &images)?;
    let best = images.iter().map(|images| chooser.best(images)).collect::<Result<Vec<usize>>>()?;
    if found.iter().zip(&best).all(|(group, best)| group.kept == *best) {
        return Ok(found);
    }
    let best: HashSet<usize> = best.into_iter().collect();
    let grouped: HashSet<usize> = images.into_iter().flatten().collect();
    let mut order: Vec<u32> =
        order.into_iter().filter(|image| grouped.contains(&(*image as usize))).collect();
    // the others stay in order
    order.sort_by_key(|image| !best.contains(&(*image as usize)));
    groups(measured, &order, largest_difference)
}

/// Groups of the images in `order` that show the same picture, each compared with the first of it, in the
/// order of the images kept.
fn groups(measured: &Measurements, order: &[u32], largest_difference: f64) -> Result<Vec<Group>> {
    let first_of = equal_pixels(measured, order)?;
    let upright = Change::Oriented(Orientation::ALL[0]);
    // what an image is a copy of; pictures of their own are left out
    let mut original_of: BTreeMap<u32, Copied> = BTreeMap::new();
    let mut pictures = Pictures::new(measured, largest_difference, order.len());
    for image in order.iter().copied() {
        let original = match first_of.get(&image) {
            Some(first) => original_of.get(first).copied().or(Some(Copied {
                image: *first as usize,
                similarity: 1.0,
                change: upright,
            })),
            None => pictures.find_or_insert(image)?,
        };
        original_of.extend(original.map(|original| (image, original)));
    }
    let mut by_kept: BTreeMap<usize, Vec<Copied>> = BTreeMap::new();
    for (image, original) in original_of {
        let copied = Copied { image: image as usize, ..original };
        by_kept.entry(original.image).or_default().push(copied);
    }
    Ok(by_kept.into_iter().map(|(kept, copies)| Group { kept, copies }).collect())
}

/// The readable images, in the order in which they are compared: those of the last part first, then the
/// largest.
pub(super) fn order_of_keeping(measured: &Measurements, parts: &[Option<Part>]) -> Result<Vec<u32>> {
    let mut order = Vec::with_capacity(measured.len());
    let mut areas = vec![0; measured.len()];
    measured.each(|image, measured| {
        order.push(image as u32);
        areas[image] = u64::from(measured.width) * u64::from(measured.height);
    })?;
    order.sort_unstable_by_key(|i| (Reverse(parts[*i as usize]), Reverse(areas[*i as usize]), *i));
    Ok(order)
}

/// The first image with the same pixels in `order`, for every image that has one before it.
fn equal_pixels(measured: &Measurements, order: &[u32]) -> Result<HashMap<u32, u32>> {
    const NOT_IN_ORDER: u32 = u32::MAX;
    let mut rank = vec![NOT_IN_ORDER; measured.len()];
    order.iter().zip(0..).for_each(|(image, place)| rank[*image as usize] = place);
    // half of a digest tells nearly all apart; the whole is looked at where it does not
    let mut halves = Vec::with_capacity(order.len());
    measured.each_half_digest(|image, half| {
        if rank[image] != NOT_IN_ORDER {
            halves.push((half, rank[image]));
        }
    })?;
    halves.sort_unstable();
    let mut first_of = HashMap::new();
    for run in halves.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
        let mut firsts: HashMap<Digest, u32> = HashMap::new();
        for (_, place) in run {
            let image = order[*place as usize];
            let first = *firsts.entry(measured.fingerprint(image as usize)?.pixels).or_insert(image);
            if first != image {
                first_of.insert(image, first);
            }
        }
    }
    Ok(first_of)
}

/// Different pictures, in which one can be looked for.
struct Pictures<'a> {
    measured: &'a Measurements,
    largest_difference: f64,
    transform: Transform,
    all: Index,
    /// Images with highlights, where a copy can differ in more bits.
    bright: Index,
}

/// The hashes of pictures, and the images they are of.
struct Index {
    hashes: HammingIndex,
    images: Vec<u32>,
}

impl<'a> Pictures<'a> {
    /// An empty list, for `most` at most.
    fn new(measured: &'a Measurements, largest_difference: f64, most: usize) -> Self {
        let (all, bright) = (Index::with_room(most), Index::with_room(0));
        Self { measured, largest_difference, transform: Transform::new(), all, bright }
    }

    /// The picture most like an image and how they are alike, or nothing; then the image is a picture of its
    /// own.
    fn find_or_insert(&mut self, image: u32) -> Result<Option<Copied>> {
        let thumbnail = self.measured.fingerprint(image as usize)?.thumbnail;
        if thumbnail.is_flat() {
            return Ok(None);
        }
        let spectrum = Spectrum::of(&thumbnail, &self.transform);
        let found = self.find(&thumbnail, &spectrum)?;
        if found.is_none() {
            let hash = spectrum.hash();
            self.all.insert(hash, image);
            if thumbnail.has_highlights() {
                self.bright.insert(hash, image);
            }
        }
        Ok(found)
    }

    fn find(&self, thumbnail: &Thumbnail, spectrum: &Spectrum) -> Result<Option<Copied>> {
        let mut candidates = Vec::new();
        if thumbnail.has_highlights() {
            spectrum.hashes(LOOSE).for_each(|hash| self.all.near(hash, Radius::Eleven, &mut candidates));
        } else {
            spectrum.hashes(CLOSE).for_each(|hash| self.all.near(hash, Radius::Seven, &mut candidates));
            spectrum.hashes(LOOSE).for_each(|hash| self.bright.near(hash, Radius::Eleven, &mut candidates));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let mut best: Option<Copied> = None;
        let laid = LazyCell::new(|| Orientation::ALL.map(|orientation| thumbnail.oriented(orientation)));
        for image in candidates.into_iter().map(|image| image as usize) {
            let picture = self.measured.fingerprint(image)?.thumbnail;
            let (similarity, orientation) = most_alike(laid.iter(), &picture);
            // the first by path where two are alike
            let beaten = best.is_some_and(|best| similarity <= best.similarity);
            if 1.0 - similarity < self.largest_difference && !beaten {
                best = Some(Copied { image, similarity, change: Change::Oriented(orientation) });
            }
        }
        Ok(best)
    }
}

/// The most similar of a picture's eight orientations, given in order, to another picture; the first of
/// several.
fn most_alike<'a>(laid: impl Iterator<Item = &'a Thumbnail>, picture: &Thumbnail) -> (f64, Orientation) {
    let alike = laid.map(|laid| f64::from(laid.similarity(picture)).min(1.0)).zip(Orientation::ALL);
    alike.reduce(|best, next| if next.0 > best.0 { next } else { best }).unwrap_or((0.0, Orientation::ALL[0]))
}

/// How alike two images are, either laid in any way, and in which way they are.
pub(super) fn likeness(measured: &Measurements, kept: usize, image: usize) -> Result<(f64, Orientation)> {
    let (kept, own) = (measured.fingerprint(kept)?, measured.fingerprint(image)?);
    if own.pixels == kept.pixels {
        return Ok((1.0, Orientation::ALL[0]));
    }
    let laid = Orientation::ALL.map(|orientation| own.thumbnail.oriented(orientation));
    Ok(most_alike(laid.iter(), &kept.thumbnail))
}

impl Index {
    /// Room that is not used takes no memory; lists that grow leave holes in it.
    fn with_room(images: usize) -> Self {
        Self { hashes: HammingIndex::with_room(images), images: Vec::with_capacity(images) }
    }

    fn insert(&mut self, hash: u64, image: u32) {
        self.hashes.insert(hash);
        self.images.push(image);
    }

    /// Adds the images whose hashes are near, or as many of them as are looked at.
    fn near(&self, hash: u64, radius: Radius, images: &mut Vec<u32>) {
        let most = images.len() + MOST_CANDIDATES;
        let _ = self.hashes.near(hash, radius, |number| {
            images.push(self.images[number]);
            if images.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corrupt::digital::jpeg::Jpeg;
    use crate::data::Picture;
    use crate::image_op::ImageOp;
    use crate::rng::{Purpose, stream};
    use crate::sample::Image;
    use crate::synthetic::render;

    fn cell(seed: u64) -> Image {
        render(seed as usize % 8, 96, &mut stream(seed, Purpose::Synthetic, 0, 0))
    }

    /// A source of so many images, none of which can be read.
    fn source(images: usize) -> Source {
        let folder = tempfile::tempdir().unwrap();
        let rows: Vec<String> = (0..images).map(|i| format!("{i:04}.png")).collect();
        let manifest = folder.path().join("m.csv");
        std::fs::write(&manifest, format!("path\n{}\n", rows.join("\n"))).unwrap();
        crate::data::open(&manifest).unwrap()
    }

    fn best(measured: &Measurements, parts: &[Option<Part>]) -> Result<Vec<Group>> {
        let faultless = || Ok(vec![false; measured.len()]);
        best_groups(&source(measured.len()), measured, parts, LARGEST_DIFFERENCE, &faultless)
    }

    /// Copies, each group in ascending order.
    fn copies(measured: &Measurements) -> Result<Vec<Vec<usize>>> {
        if measured.len() == 0 {
            return Ok(Vec::new());
        }
        let groups = best(measured, &vec![None; measured.len()])?;
        let mut groups: Vec<Vec<usize>> = groups.iter().map(|group| group.images().collect()).collect();
        for group in &mut groups {
            group.sort_unstable();
        }
        groups.sort_unstable();
        Ok(groups)
    }

    fn measure(images: Vec<Image>) -> Measurements {
        let pictures: Vec<Picture> = images.into_iter().map(|image| Picture { image, file: None }).collect();
        Measurements::of(pictures.iter().map(Some))
    }

    /// The image that `source` maps rows and columns to.
    fn rearranged(
        image: &Image,
        width: usize,
        height: usize,
        source: impl Fn(usize, usize) -> (usize, usize),
    ) -> Image {
        let pixels = (0..width * height).flat_map(|i| {
            let (y, x) = source(i / width, i % width);
            image.rgb(x, y)
        });
        Image::new(width, height, pixels.collect()).unwrap()
    }

    fn lit(image: &Image, gain: f32) -> Image {
        let pixels = image.pixels().iter().map(|v| (f32::from(*v) * gain).min(255.0) as u8).collect();
        Image::new(image.width(), image.height(), pixels).unwrap()
    }

    fn compressed(mut image: Image) -> Image {
        Jpeg.apply(&mut image, 0.3, &mut stream(0, Purpose::Corrupt, 0, 0));
        image
    }

    #[test]
    fn every_usual_kind_of_copy_is_found_and_different_cells_are_not_copies() {
        let kinds: [fn(&Image) -> Image; 9] = [
            Image::clone,
            |image| compressed(image.clone()),
            |image| rearranged(image, 192, 192, |y, x| (y / 2, x / 2)),
            |image| rearranged(image, 48, 48, |y, x| (2 * y, 2 * x)),
            |image| compressed(rearranged(image, 96, 96, |y, x| (y, 95 - x))),
            |image| compressed(rearranged(image, 96, 96, |y, x| (95 - y, x))),
            |image| compressed(rearranged(image, 96, 96, |y, x| (95 - x, y))),
            |image| compressed(rearranged(image, 96, 96, |y, x| (x, 95 - y))),
            |image| lit(image, 0.7),
        ];
        let cells: Vec<Image> = (0..90).map(cell).collect();
        let mut images = cells.clone();
        images.extend(cells.iter().enumerate().filter(|(i, _)| i % 2 == 0).map(|(i, c)| kinds[i / 2 % 9](c)));
        let expected: Vec<Vec<usize>> = (0..45).map(|copy| vec![2 * copy, 90 + copy]).collect();
        assert_eq!(copies(&measure(images)).unwrap(), expected);
    }

    #[test]
    fn a_picture_that_is_there_a_thousand_times_is_one_group_in_no_time() {
        let mut images = vec![cell(1); 500];
        images.extend((0..500).map(|i| {
            // no two of these have the same pixels
            let mut image = cell(1);
            image.pixels_mut()[i] ^= 1;
            image
        }));
        images.push(cell(2));
        assert_eq!(copies(&measure(images)).unwrap(), [(0..1000).collect::<Vec<_>>()]);
    }

    #[test]
    fn pictures_with_the_same_hash_are_told_apart_by_their_thumbnails() {
        let disc = |radius: f32| {
            let ink = Image::filled(1, 2, [60, 50, 90]);
            let mut image = rearranged(&ink, 96, 96, |_, _| (0, 0));
            for (i, pixel) in image.pixels_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
                if ((i / 96) as f32 - 47.5).hypot((i % 96) as f32 - 47.5) > radius {
                    *pixel = [220, 210, 200];
                }
            }
            image
        };
        let images = [10.0, 20.0, 30.0, 40.0, 20.0].map(disc).to_vec();
        assert_eq!(copies(&measure(images)).unwrap(), [[1, 4]]);
    }

    #[test]
    fn a_chain_of_similar_pictures_is_cut_where_the_difference_adds_up() {
        let (first, last) = (cell(1), cell(9));
        let blend = |share: f32| {
            let mix = |(a, b): (&u8, &u8)| (f32::from(*a) * (1.0 - share) + f32::from(*b) * share) as u8;
            Image::new(96, 96, first.pixels().iter().zip(last.pixels()).map(mix).collect()).unwrap()
        };
        let measured = measure((0..=20).map(|i| blend(i as f32 / 20.0)).collect());
        let groups = best(&measured, &[None; 21]).unwrap();
        assert!(groups.len() > 1, "{groups:?}");
        let thumbnail = |i: usize| measured.fingerprint(i).unwrap().thumbnail;
        for group in &groups {
            for copied in &group.copies {
                assert!(thumbnail(group.kept).similarity(&thumbnail(copied.image)) > 0.98);
            }
        }
        let mut seen: Vec<usize> = groups.iter().flat_map(Group::images).collect();
        seen.sort_unstable();
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "an image is in one group only: {groups:?}");
    }

    #[test]
    fn the_copy_in_test_is_kept_before_the_largest_and_the_largest_before_the_first() {
        let small = rearranged(&cell(1), 48, 48, |y, x| (2 * y, 2 * x));
        let measured = measure(vec![small, cell(1), cell(1), compressed(cell(1))]);
        let kept = |parts: [Option<Part>; 4]| best(&measured, &parts).unwrap()[0].kept;
        assert_eq!(kept([None; 4]), 1);
        assert_eq!(kept([Some(Part::Val), Some(Part::Train), Some(Part::Train), Some(Part::Train)]), 0);
        assert_eq!(kept([Some(Part::Val), Some(Part::Train), None, Some(Part::Test)]), 3);
    }

    #[test]
    fn unreadable_and_empty_pictures_are_like_nothing_but_empty_ones_like_themselves() {
        let grey = |level| Picture { image: Image::filled(40, 40, [level; 3]), file: None };
        let pictures = [grey(200), grey(201), grey(200)];
        let measured = Measurements::of([Some(&pictures[0]), None, Some(&pictures[1]), Some(&pictures[2])]);
        assert_eq!(copies(&measured).unwrap(), [[0, 3]]);
        assert_eq!(copies(&measure(Vec::new())).unwrap(), Vec::<Vec<usize>>::new());
    }
}
