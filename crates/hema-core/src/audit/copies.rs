//! Which images of a data set show the same picture.
//!
//! Every group of copies has one image that the others were compared with, the one that would be kept: an image is a
//! copy because it is like that image, never because it is like something that is like it. So a chain of
//! pictures, each a little different from the last, is cut where the difference adds up.
//!
//! Images are gone through in the order in which they would be kept. Equal pixels are known by their digest; what is left
//! is looked for in an index of the perceptual hashes of the images kept so far, and what is found is judged by its
//! thumbnail, in all eight orientations. Copies never enter the index: the time does not depend on how many
//! copies a picture has.

use std::cell::LazyCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::fingerprint::Digest;
use super::hash::{Spectrum, Transform};
use super::measure::Measured;
use super::orientation::Orientation;
use super::search::{HammingIndex, Radius};
use super::thumbnail::Thumbnail;
use crate::split::Part;

/// Images that differ less, in 1 less their similarity, show the same picture. Among real cells, copies of every usual
/// kind differ by less than 0.01, and the most similar two of 14,000 different ones by 0.024.
pub(super) const LARGEST_DIFFERENCE: f64 = 0.02;

/// Most pictures with a near hash that a picture is compared with. Sets of cells have a handful; only a set made to have
/// the same hash in thousands of different pictures has more.
const MOST_CANDIDATES: usize = 1024;

/// How much the lowest frequencies of a copy may differ, where neither picture has highlights and where one has.
const CLOSE: f32 = 0.05;
const LOOSE: f32 = 0.15;

/// Images that show the same picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// The image that the others were compared with: of the last part (test before validation before training), then the
    /// largest, then the first by path.
    pub(super) kept: usize,
    /// The others, in order.
    pub(super) copies: Vec<Copied>,
}

/// An image that shows the same picture as the one kept of its group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Copied {
    /// The image.
    pub(super) image: usize,
    /// How alike the two are, at most 1; 1 where the pixels are the same.
    pub(super) similarity: f64,
    /// How it has to be laid to look like the one kept.
    pub(super) orientation: Orientation,
}

impl Group {
    /// All its images, the one kept first.
    pub(super) fn images(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.kept).chain(self.copies.iter().map(|copied| copied.image))
    }
}

/// Groups of two or more entries that show the same picture: equal pixels, or the same after another compression,
/// another size, a flip, quarter turns or a change of brightness. What belongs together must not be torn apart by a
/// split. Entries of a group are in ascending order, and so are the groups by their first.
pub fn copies(measured: &[Result<Measured, String>]) -> Vec<Vec<usize>> {
    let groups = groups(measured, &vec![None; measured.len()], LARGEST_DIFFERENCE);
    let mut groups: Vec<Vec<usize>> = groups
        .iter()
        .map(|group| {
            let mut images: Vec<usize> = group.images().collect();
            images.sort_unstable();
            images
        })
        .collect();
    groups.sort_unstable();
    groups
}

/// Groups of images that show the same picture, in the order of the images kept. Images are alike that differ by less than
/// `largest_difference`.
pub(super) fn groups(
    measured: &[Result<Measured, String>],
    parts: &[Option<Part>],
    largest_difference: f64,
) -> Vec<Group> {
    let upright = Orientation::ALL[0];
    let mut by_kept: BTreeMap<usize, Vec<Copied>> = BTreeMap::new();
    let mut by_pixels: HashMap<Digest, Copied> = HashMap::new();
    let mut pictures = Pictures::new(largest_difference);
    for image in order_of_keeping(measured, parts) {
        let Ok(Measured { fingerprint, .. }) = &measured[image] else { continue };
        let original = *by_pixels.entry(fingerprint.pixels).or_insert_with(|| {
            let own = Copied { image, similarity: 1.0, orientation: upright };
            pictures.find_or_insert(image, &fingerprint.thumbnail).unwrap_or(own)
        });
        if original.image != image {
            by_kept.entry(original.image).or_default().push(Copied { image, ..original });
        }
    }
    let group = |(kept, mut copies): (usize, Vec<Copied>)| {
        copies.sort_unstable_by_key(|copied| copied.image);
        Group { kept, copies }
    };
    by_kept.into_iter().map(group).collect()
}

/// The readable images, the one that is kept of several copies before the others.
fn order_of_keeping(measured: &[Result<Measured, String>], parts: &[Option<Part>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..measured.len()).filter(|i| measured[*i].is_ok()).collect();
    let area = |i: usize| {
        measured[i].as_ref().map_or(0, |measured| u64::from(measured.width) * u64::from(measured.height))
    };
    order.sort_by_key(|i| (Reverse(parts[*i]), Reverse(area(*i)), *i));
    order
}

/// Different pictures, in which one can be looked for.
struct Pictures<'a> {
    largest_difference: f64,
    transform: Transform,
    all: Index<'a>,
    /// Those with highlights, where a copy can differ in more bits.
    bright: Index<'a>,
}

/// The hashes of pictures, and what they are of.
struct Index<'a> {
    hashes: HammingIndex,
    pictures: Vec<(usize, &'a Thumbnail)>,
}

impl<'a> Pictures<'a> {
    fn new(largest_difference: f64) -> Self {
        Self { largest_difference, transform: Transform::new(), all: Index::new(), bright: Index::new() }
    }

    /// The picture most like an image and how they are alike, or nothing; then the image is a picture of its own.
    fn find_or_insert(&mut self, image: usize, thumbnail: &'a Thumbnail) -> Option<Copied> {
        if thumbnail.is_flat() {
            return None;
        }
        let spectrum = Spectrum::of(thumbnail, &self.transform);
        let found = self.find(thumbnail, &spectrum);
        if found.is_none() {
            let hash = spectrum.hash();
            self.all.insert(hash, image, thumbnail);
            if thumbnail.has_highlights() {
                self.bright.insert(hash, image, thumbnail);
            }
        }
        found
    }

    fn find(&self, thumbnail: &Thumbnail, spectrum: &Spectrum) -> Option<Copied> {
        let mut best: Option<Copied> = None;
        let laid = LazyCell::new(|| Orientation::ALL.map(|orientation| thumbnail.oriented(orientation)));
        let mut compare = |image: usize, picture: &Thumbnail| {
            for (orientation, laid) in Orientation::ALL.into_iter().zip(laid.iter()) {
                let similarity = f64::from(laid.similarity(picture)).min(1.0);
                // the first by path where two are alike
                let beaten = best.is_some_and(|best| {
                    (similarity, Reverse(image)) <= (best.similarity, Reverse(best.image))
                });
                if 1.0 - similarity < self.largest_difference && !beaten {
                    best = Some(Copied { image, similarity, orientation });
                }
            }
        };
        if thumbnail.has_highlights() {
            spectrum.hashes(LOOSE).for_each(|hash| self.all.near(hash, Radius::Eleven, &mut compare));
        } else {
            spectrum.hashes(CLOSE).for_each(|hash| self.all.near(hash, Radius::Seven, &mut compare));
            spectrum.hashes(LOOSE).for_each(|hash| self.bright.near(hash, Radius::Eleven, &mut compare));
        }
        best
    }
}

impl<'a> Index<'a> {
    fn new() -> Self {
        Self { hashes: HammingIndex::new(), pictures: Vec::new() }
    }

    fn insert(&mut self, hash: u64, image: usize, thumbnail: &'a Thumbnail) {
        self.hashes.insert(hash);
        self.pictures.push((image, thumbnail));
    }

    /// Calls `compare` with the pictures whose hashes are near, or as many of them as are looked at.
    fn near(&self, hash: u64, radius: Radius, mut compare: impl FnMut(usize, &Thumbnail)) {
        let mut left = MOST_CANDIDATES;
        let _ = self.hashes.near(hash, radius, |number| {
            let (image, thumbnail) = self.pictures[number];
            compare(image, thumbnail);
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corrupt::Jpeg;
    use crate::data::Picture;
    use crate::image_op::ImageOp;
    use crate::rng::{Purpose, stream};
    use crate::sample::Image;
    use crate::synthetic::render;

    fn cell(seed: u64) -> Image {
        render(seed as usize % 8, 96, &mut stream(seed, Purpose::Synthetic, 0, 0))
    }

    fn measure(images: Vec<Image>) -> Vec<Result<Measured, String>> {
        images.into_iter().map(|image| Ok(Measured::of(&Picture { image, file: None }))).collect()
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
        assert_eq!(copies(&measure(images)), expected);
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
        assert_eq!(copies(&measure(images)), [(0..1000).collect::<Vec<_>>()]);
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
        assert_eq!(copies(&measure(images)), [[1, 4]]);
    }

    #[test]
    fn a_chain_of_similar_pictures_is_cut_where_the_difference_adds_up() {
        let (first, last) = (cell(1), cell(9));
        let blend = |share: f32| {
            let mix = |(a, b): (&u8, &u8)| (f32::from(*a) * (1.0 - share) + f32::from(*b) * share) as u8;
            Image::new(96, 96, first.pixels().iter().zip(last.pixels()).map(mix).collect()).unwrap()
        };
        let measured = measure((0..=20).map(|i| blend(i as f32 / 20.0)).collect());
        let groups = groups(&measured, &[None; 21], LARGEST_DIFFERENCE);
        assert!(groups.len() > 1, "{groups:?}");
        let thumbnail = |i: usize| &measured[i].as_ref().unwrap().fingerprint.thumbnail;
        for group in &groups {
            for copied in &group.copies {
                assert!(thumbnail(group.kept).similarity(thumbnail(copied.image)) > 0.98);
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
        let kept = |parts: [Option<Part>; 4]| groups(&measured, &parts, LARGEST_DIFFERENCE)[0].kept;
        assert_eq!(kept([None; 4]), 1);
        assert_eq!(kept([Some(Part::Val), Some(Part::Train), Some(Part::Train), Some(Part::Train)]), 0);
        assert_eq!(kept([Some(Part::Val), Some(Part::Train), None, Some(Part::Test)]), 3);
    }

    #[test]
    fn unreadable_and_empty_pictures_are_like_nothing_but_empty_ones_like_themselves() {
        let grey = |level| Image::filled(40, 40, [level; 3]);
        let mut measured = measure(vec![grey(200), grey(201), grey(200)]);
        measured.insert(1, Err("is empty".to_owned()));
        assert_eq!(copies(&measured), [[0, 3]]);
        assert_eq!(copies(&[]), Vec::<Vec<usize>>::new());
    }
}
